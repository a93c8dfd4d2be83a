"""What fails without a mistake of ours, and is said in one line of the log."""

import sqlite3
from typing import Final

import aiohttp

FAULTS: Final = (sqlite3.OperationalError, aiohttp.ClientError, OSError)
"""The database is locked or full, the way to Discord is cut, a disk or the machine refuses."""
