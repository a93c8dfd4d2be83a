"""The SQLite database: opened, checked, migrated and closed here; one connection writes, one reads.

A second coroutine on the same connection would join or break a transaction, so every write takes `writing`.
Whoever only reads has a connection of its own and sees what was committed, never half of a transaction, and
never waits for a long write. Knows no table; `bot.storage.jobs` and `bot.storage.accounts` do.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Self

import aiosqlite

from bot.storage import lock
from bot.storage.rows import Value

Values = Iterable[Value] | Mapping[str, Value]

DATABASE = "bot.db"
CHECK = "PRAGMA quick_check(1)"
BUSY_MS = 1000
"""How long a statement waits for another program's lock; Discord waits three seconds for an answer."""
OPENING_MS = 10_000
"""The same at the start, when nobody waits for an answer yet."""
_SETTINGS = (
    f"PRAGMA busy_timeout = {OPENING_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)
_DAMAGED = (
    "is damaged ({reason}): move it away together with {name}-wal and {name}-shm, and restore a backup or "
    "start without it; the pictures stay, but the bot no longer knows whose they are"
)


class UnusableDatabaseError(Exception):
    """The database cannot be used; the message is one line that names it and says what to do."""


class NewerDatabaseError(UnusableDatabaseError):
    """The database was written by a newer bot."""


class Database:
    """Statements on a database; open it with `Database.open`."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, directory: Path) -> None:
        self.connection = writer
        self._reader = reader
        self._directory = directory
        self.writing = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Self]:
        """Lock `directory`, open, check and migrate its database, and close both at the end.

        Raises `lock.UnusableDirectory` and `UnusableDatabaseError`.
        """
        with lock.exclusive(directory):
            path = directory / DATABASE
            _make_private(path)
            async with _connected(path) as writer, _connected(path) as reader:
                with explained(path):
                    for setting in _SETTINGS:
                        await writer.execute(setting)
                    [found] = await writer.execute_fetchall(CHECK)
                    check(found)
                    await _migrate(writer, directory)
                    await writer.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
                    await reader.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
                    await reader.execute("PRAGMA query_only = ON")
                yield cls(writer, reader, directory)

    async def rows(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """Return the rows of a query over what was committed."""
        return list(await self._reader.execute_fetchall(sql, values))

    async def returned(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """Run a statement inside a lock that is already held; return the rows it gives."""
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


def _make_private(path: Path) -> None:
    """Create the file for its owner alone, before SQLite would for everybody; its log files follow it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise UnusableDatabaseError(
            f"{path} cannot be written ({error.strerror}); give this user write access to it"
        ) from error


@asynccontextmanager
async def _connected(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda text: text.decode(errors="replace")
        yield connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise what SQLite says of a file it cannot use as one line with the remedy."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UnusableDatabaseError(f"{path}: {_remedy(error)}") from error
    except sqlite3.DatabaseError as error:
        raise UnusableDatabaseError(f"{path} " + _DAMAGED.format(reason=error, name=path.name)) from error


def _remedy(error: sqlite3.OperationalError) -> str:
    text = str(error)
    if "locked" in text:
        return "is locked by another program, such as a backup or a database viewer; close it and start again"
    if "full" in text:
        return "there is no room left on its disk; make some and start again"
    if "readonly" in text or "unable to open" in text:
        return f"cannot be written ({text}); give this user write access to it and to its folder"
    return text


def check(found: sqlite3.Row | tuple[str]) -> None:
    """Raise DatabaseError where `CHECK` found a damaged page: met later, it would stop job after job."""
    if found[0] != "ok":
        raise sqlite3.DatabaseError(" ".join(str(found[0]).split()))


def newest_version() -> int:
    """Return the version that a database has once this bot has opened it."""
    return len(_scripts())


def _scripts() -> list[Traversable]:
    """Return the migrations in their order."""
    folder = files("bot.storage").joinpath("migrations")
    return sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )


async def _migrate(connection: aiosqlite.Connection, directory: Path) -> None:
    """Bring the database to the newest version, a transaction a step, after a backup of an older one."""
    ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
    scripts = _scripts()
    if version > len(scripts):
        raise NewerDatabaseError(
            f"{directory / DATABASE} has version {version}, this bot knows {len(scripts)}: use the newer bot"
        )
    if 0 < version < len(scripts):
        backup_path = directory / f"{DATABASE}.v{version}.bak"
        _make_private(backup_path)
        async with aiosqlite.connect(backup_path) as backup:
            await connection.backup(backup)
    for number, script in enumerate(scripts[version:], start=version + 1):
        sql = script.read_text(encoding="utf-8")
        await connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
