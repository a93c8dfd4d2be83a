"""Two bots never share a data directory."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.storage.lock import DirectoryBusy, UnusableDirectory, exclusive

HOLDER = """
import sys
from pathlib import Path
from bot.storage.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_bot_names_the_directory_that_is_in_use(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(DirectoryBusy, match=tmp_path.name), exclusive(tmp_path):
        pass


def test_a_directory_is_free_again_when_its_bot_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "new"):
            assert (tmp_path / "new").is_dir()


def test_a_killed_bot_leaves_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DirectoryBusy), exclusive(tmp_path):
            pass
        holder.kill()
    with exclusive(tmp_path):
        pass


@pytest.mark.skipif(os.name != "posix", reason="Windows locks every disk")
def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def nothing(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", nothing)
    with pytest.raises(UnusableDirectory, match="has no locks; set data_dir"), exclusive(tmp_path):
        pass
