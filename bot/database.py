"""The one SQLite connection and the lock around every write, opened, migrated and closed here.

A second coroutine on the same connection would join or break a transaction, so every write takes `writing`.
Knows no table; `bot.store` and `bot.people` do.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Self

import aiosqlite

from bot import lock
from bot.rows import Value

Values = Iterable[Value] | Mapping[str, Value]

DATABASE = "bot.db"
_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA busy_timeout = 1000",
)


class NewerDatabaseError(Exception):
    """The database was written by a newer bot; the message is one line that says what to do."""


class Database:
    """Statements on one connection; open it with `Database.open`."""

    def __init__(self, connection: aiosqlite.Connection, directory: Path) -> None:
        self.connection = connection
        self._directory = directory
        self.writing = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Self]:
        """Lock `directory`, open and migrate its database, and close both at the end.

        Raises `lock.DirectoryBusy` and `NewerDatabaseError`.
        """
        with lock.exclusive(directory):
            async with aiosqlite.connect(directory / DATABASE, isolation_level=None) as connection:
                connection.row_factory = sqlite3.Row
                for setting in _SETTINGS:
                    await connection.execute(setting)
                await _migrate(connection, directory)
                yield cls(connection, directory)

    async def rows(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """Return the rows a statement gives; one that writes needs the lock held already."""
        return list(await self.connection.execute_fetchall(sql, values))

    async def execute(self, sql: str, values: Values = ()) -> int:
        """Run a statement inside a lock that is already held; return how many rows it changed."""
        return (await self.connection.execute(sql, values)).rowcount

    async def write(self, sql: str, values: Values = ()) -> int:
        """Run one statement as a write of its own; return how many rows it changed."""
        async with self.writing:
            return await self.execute(sql, values)

    def drop_backups(self, before: float) -> None:
        """Delete the backups of older versions made before then: they hold what people had deleted since."""
        for backup in self._directory.glob(f"{DATABASE}.v*.bak"):
            if backup.stat().st_mtime < before:
                backup.unlink()

    async def flush(self) -> None:
        """Move what was written into the database file and empty the log: nothing deleted is left."""
        async with self.writing:
            await self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Hold the lock and one transaction: all of it is written, or nothing."""
        async with self.writing:
            try:
                await self.connection.execute("BEGIN IMMEDIATE")
                yield
                await self.connection.commit()
            except BaseException:
                await self.connection.rollback()
                raise


async def _migrate(connection: aiosqlite.Connection, directory: Path) -> None:
    """Bring the database to the newest version, a transaction a step, after a backup of an older one."""
    ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
    scripts = sorted(
        (file for file in files("bot").joinpath("migrations").iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    if version > len(scripts):
        raise NewerDatabaseError(
            f"{directory / DATABASE} has version {version}, this bot knows {len(scripts)}: use the newer bot"
        )
    if 0 < version < len(scripts):
        async with aiosqlite.connect(directory / f"{DATABASE}.v{version}.bak") as backup:
            await connection.backup(backup)
    for number, script in enumerate(scripts[version:], start=version + 1):
        sql = script.read_text(encoding="utf-8")
        await connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
