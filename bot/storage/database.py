"""The SQLite database: opened, checked, migrated and closed here; one connection writes, one reads.

Each connection has a thread. What waits to be written while a write is under way is committed together after
it. Whoever only reads sees what was committed, never half of a transaction, and never waits for a long write.
Knows no table; `bot.storage.jobs` and `bot.storage.accounts` do.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite

from bot.storage import lock
from bot.storage.rows import Value

Values = Sequence[Value] | Mapping[str, Value]
T = TypeVar("T")

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


@dataclass(slots=True, eq=False)
class _Call:
    """Work that waits for a connection, and what came of it."""

    work: Callable[[sqlite3.Connection], Any]
    future: "asyncio.Future[Any]"
    outcome: Any = None
    error: BaseException | None = None


_Calls = list[_Call]


class _Connection(aiosqlite.Connection):
    """A connection with its thread, to which several statements go in one call."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` returns, called in the connection's thread."""
        # aiosqlite's own calls take a statement each, and a call costs more than most statements.
        result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        return result


class _Together:
    """Does what waits for a connection together, in its order."""

    def __init__(
        self, connection: _Connection, together: Callable[[_Calls, sqlite3.Connection], None]
    ) -> None:
        self._connection = connection
        self._together = together
        self._calls: _Calls = []
        self.rounds = 0
        """How often it did so, which for the connection that writes is how often it committed."""
        self._doing: asyncio.Task[None] | None = None

    async def __call__(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` returns; raises what it raises."""
        call = _Call(work, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        if self._doing is None:
            # It begins at the next turn of the loop, and what else this one wants comes along.
            self._doing = asyncio.create_task(self._do())
        result: T = await call.future
        return result

    async def _do(self) -> None:
        while self._calls:
            self.rounds += 1
            calls, self._calls = [call for call in self._calls if not call.future.cancelled()], []
            try:
                await self._connection.run(partial(self._together, calls))
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                for call in calls:
                    call.error = call.error or error
            for call in calls:
                if call.future.done():
                    continue
                if call.error is None:
                    call.future.set_result(call.outcome)
                else:
                    call.future.set_exception(call.error)
        self._doing = None


class Database:
    """Statements on a database; open it with `Database.open`."""

    def __init__(self, writer: _Connection, reader: _Connection, directory: Path) -> None:
        self.connections = (writer, reader)
        self._write = _Together(writer, _written)
        self._read = _Together(reader, _read)
        self._directory = directory

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
                    await writer.run(partial(_prepare, directory=directory))
                    await reader.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
                    await reader.execute("PRAGMA query_only = ON")
                yield cls(writer, reader, directory)

    async def rows(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """Return the rows of a query over what was committed."""
        return await self.read(lambda connection: connection.execute(sql, values).fetchall())

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work`, called in another thread, returns of what was committed."""
        return await self._read(work)

    async def write(self, sql: str, values: Values = ()) -> int:
        """Run one statement as a write of its own; return how many rows it changed."""
        return await self.transaction(lambda connection: connection.execute(sql, values).rowcount)

    async def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` returns once all it has written is committed; where it raises, nothing is.

        It is called in another thread, with no other write in between. Those that wait at the same time are
        committed together.
        """
        return await self._write(work)

    def drop_backups(self, before: float) -> None:
        """Delete the backups of older versions made before then: they hold what people had deleted since."""
        for backup in self._directory.glob(f"{DATABASE}.v*.bak"):
            if backup.stat().st_mtime < before:
                backup.unlink()

    async def flush(self) -> None:
        """Move what was written into the database file and empty the log: nothing deleted is left."""
        await self.connections[0].execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")


def _written(calls: _Calls, connection: sqlite3.Connection) -> None:
    """Do all calls in one transaction; what fails leaves no trace, and the others as they are."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for call in calls:
            connection.execute("SAVEPOINT call")
            try:
                call.outcome = call.work(connection)
            except Exception as error:
                if not connection.in_transaction:  # SQLite has rolled all of it back, as on a full disk
                    raise
                call.error = error
                connection.execute("ROLLBACK TO call")
            connection.execute("RELEASE call")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _read(calls: _Calls, connection: sqlite3.Connection) -> None:
    """Do all calls, each for itself."""
    for call in calls:
        try:
            call.outcome = call.work(connection)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            call.error = error


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
async def _connected(path: Path) -> AsyncIterator[_Connection]:
    """Connect to a database; nothing is begun or committed by itself."""
    with explained(path):
        connection = _Connection(partial(sqlite3.connect, path, isolation_level=None), iter_chunk_size=64)
        await connection
    try:
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda text: text.decode(errors="replace")
        yield connection
    finally:
        await connection.close()


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


def _prepare(connection: sqlite3.Connection, directory: Path) -> None:
    """Set up the connection that writes, and check and migrate the database."""
    for setting in _SETTINGS:
        connection.execute(setting)
    check(connection.execute(CHECK).fetchone())
    _migrate(connection, directory)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


def _migrate(connection: sqlite3.Connection, directory: Path) -> None:
    """Bring the database to the newest version, a transaction a step, after a backup of an older one."""
    ((version,),) = connection.execute("PRAGMA user_version")
    scripts = _scripts()
    if version > len(scripts):
        raise NewerDatabaseError(
            f"{directory / DATABASE} has version {version}, this bot knows {len(scripts)}: use the newer bot"
        )
    if 0 < version < len(scripts):
        backup_path = directory / f"{DATABASE}.v{version}.bak"
        _make_private(backup_path)
        with closing(sqlite3.connect(backup_path)) as backup:
            connection.backup(backup)
    for number, script in enumerate(scripts[version:], start=version + 1):
        sql = script.read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
