"""The data folder as one file, taken while the bot runs, and put back while it does not.

Knows files and SQLite's own copying; knows no table.
"""

import errno
import lzma
import os
import sqlite3
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath

from bot.storage import lock
from bot.storage.database import CHECK, DATABASE, newest_version

PICTURES = "pictures"
UNPACKED = "restore-"
BEFORE = "before-restore-"
"""How the folders begin of what is being put back, and of what was there."""
PASSED_OVER = (lock.NAME, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
ARCHIVES = (".zip", ".part", ".bak")
"""Suffixes of what is itself a copy, perhaps the very archive that is being written."""


_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    ValueError,
    OSError,
)
"""What `zipfile` raises for an archive with wrong bytes in it; `OSError` for a disk that is full, too."""


class BackupError(Exception):
    """A backup cannot be made or used; the message is one line that says why and what to do."""


def backup(directory: Path, file: Path, pictures: bool = True) -> int:
    """Write the data folder into the ZIP archive `file`, which only its owner may read; return its bytes.

    The database is one moment's, whatever is written meanwhile; pictures deleted meanwhile are left out.
    Raises `BackupError` where there is no database, and OSError.
    """
    if not (directory / DATABASE).exists():
        raise BackupError(f"there is no {DATABASE} in {directory} to back up")
    part = file.with_name(f"{file.name}.part")
    try:
        with (
            os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600), "w+b") as stream,
            zipfile.ZipFile(stream, "w") as archive,
            tempfile.TemporaryDirectory() as folder,
        ):
            copy = Path(folder) / DATABASE
            _copy_database(directory / DATABASE, copy)
            archive.write(copy, DATABASE, zipfile.ZIP_DEFLATED)
            for path in _files(directory, pictures):
                with suppress(FileNotFoundError):  # swept or deleted meanwhile
                    archive.write(path, path.relative_to(directory).as_posix())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def restore(directory: Path, file: Path) -> Path | None:
    """Put a backup in place of the data folder; return where what was there before lies now, if anything did.

    Raises `BackupError` for a file that is no backup of a version up to this one, `lock.UnusableDirectory`
    where the bot runs, and OSError; then nothing has changed.
    """
    with (
        lock.exclusive(directory),
        tempfile.TemporaryDirectory(prefix=UNPACKED, dir=directory, ignore_cleanup_errors=True) as folder,
    ):
        new = Path(folder)
        try:
            with zipfile.ZipFile(file) as archive:
                _check_names(archive, file)
                archive.extractall(new)
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            raise BackupError(f"{file} is not a whole backup: {error}") from None
        _check_database(new / DATABASE, file)
        (new / DATABASE).chmod(0o600)
        old = [
            path for path in directory.iterdir() if not path.name.startswith((UNPACKED, BEFORE, lock.NAME))
        ]
        before = directory / time.strftime(f"{BEFORE}%Y%m%d-%H%M%S")
        if old:
            before.mkdir(mode=0o700)
        _move([(path, before / path.name) for path in old])
        try:
            _move([(path, directory / path.name) for path in new.iterdir()])
        except OSError:
            _move([(before / path.name, path) for path in old])
            raise
        return before if old else None


def _move(moves: list[tuple[Path, Path]]) -> None:
    """Make all of these moves, or none where one raises OSError."""
    made: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            source.rename(target)
            made.append((source, target))
    except OSError:
        for source, target in reversed(made):
            target.rename(source)
        raise


def _copy_database(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)


def _files(directory: Path, pictures: bool) -> Iterator[Path]:
    """Yield what belongs to the bot beside its database: keys, pictures and what users attached."""
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.name not in PASSED_OVER and path.suffix not in ARCHIVES:
            yield path
    if pictures:
        yield from (path for path in sorted((directory / PICTURES).rglob("*.png")) if path.is_file())


def _check_names(archive: zipfile.ZipFile, file: Path) -> None:
    names = [PurePosixPath(name) for name in archive.namelist()]
    if PurePosixPath(DATABASE) not in names:
        raise BackupError(f"{file} is no backup of this bot: there is no {DATABASE} in it")
    if any(not name.parts or name.is_absolute() or ".." in name.parts or ":" in str(name) for name in names):
        raise BackupError(f"{file} is no backup of this bot: it names files outside the data folder")


def _check_database(path: Path, file: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as database:
            (found,) = database.execute(CHECK).fetchone()
            ((version,),) = database.execute("PRAGMA user_version").fetchall()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{file}: its {DATABASE} is damaged ({error}); use another backup") from None
    if found != "ok":
        raise BackupError(f"{file}: its {DATABASE} is damaged ({found}); use another backup")
    if version > newest_version():
        raise BackupError(
            f"{file} was made by a newer bot (its database has version {version}, this one knows "
            f"{newest_version()}): use the newer bot"
        )
