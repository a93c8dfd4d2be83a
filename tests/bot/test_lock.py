"""Two bots never share a data directory."""

from pathlib import Path

import pytest

from bot.storage.lock import DirectoryBusy, exclusive


def test_a_second_bot_is_told_which_directory_is_in_use(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(DirectoryBusy, match=tmp_path.name), exclusive(tmp_path):
        pass


def test_a_directory_is_free_again_when_its_bot_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "made"):
            assert (tmp_path / "made").is_dir()
