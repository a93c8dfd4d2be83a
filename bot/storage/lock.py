"""The data directory: usable, closed to other users of the machine, and one bot's alone.

The lock is the operating system's and ends with the process, however that ends. A network file system without
such locks is refused: a lock that is only a file would outlive a kill.
"""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

NAME = "bot.lock"
_REMEDIES = {
    errno.EACCES: "give this user write access to it, or set data_dir to another place",
    errno.EPERM: "give this user write access to it, or set data_dir to another place",
    errno.EROFS: "the disk can only be read; set data_dir to another one",
    errno.ENOSPC: "make room on its disk, or set data_dir to another one",
    errno.EDQUOT: "make room within this user's quota, or set data_dir to another disk",
    errno.ENOTDIR: "a part of this path is a file; move that away, or set data_dir to a directory",
    errno.EEXIST: "it is a file; move that away, or set data_dir to a directory",
    errno.ENOSYS: "its file system has no locks; set data_dir to a disk of this machine",
    errno.ENOLCK: "its file system has no locks; set data_dir to a disk of this machine",
}


class UnusableDirectory(Exception):
    """The data directory cannot be used; the message is one line that says why and what to do."""


class DirectoryBusy(UnusableDirectory):
    """Another bot holds the data directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"the data directory {directory} is in use by another bot; stop it or choose another one"
        )


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold `directory` for this process, creating it if needed; raises `UnusableDirectory`."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(b"\0" * 4096)
        lock = FileLock(directory / NAME, blocking=False, fallback_to_soft=False)
        lock.acquire()
    except Timeout as error:
        raise DirectoryBusy(directory) from error
    except OSError as error:
        raise UnusableDirectory(f"the data directory {directory}: {remedy(error)}") from error
    try:
        yield
    finally:
        lock.release()


def remedy(error: OSError) -> str:
    """Return in a line what is wrong with a file or directory of the bot's data, and what helps."""
    helps = _REMEDIES.get(error.errno or 0, "set data_dir to a directory this user can write to")
    return f"{error.strerror}; {helps}"
