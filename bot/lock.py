"""One bot per data directory: an exclusive lock that the operating system drops when the process ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

NAME = "bot.lock"


class DirectoryBusy(Exception):
    """Another bot holds the data directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"the data directory {directory} is in use by another bot; stop it or choose another one"
        )


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold `directory` for this process, creating it if needed; raises `DirectoryBusy`."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / NAME).open("a+") as file:
        try:
            _lock(file)
        except OSError as error:
            raise DirectoryBusy(directory) from error
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: TextIOWrapper) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: TextIOWrapper) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
