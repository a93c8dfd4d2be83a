"""A machine whose clock can be set: on the path of a bot, it shifts `time.time` by the days in a file."""

import os
import time
from pathlib import Path

_days = Path(os.environ["CRASH_CLOCK"])
_seconds, _nanoseconds = time.time, time.time_ns


def _shift() -> float:
    return 86_400 * float(_days.read_text())


time.time = lambda: _seconds() + _shift()
time.time_ns = lambda: _nanoseconds() + round(_shift() * 10**9)
