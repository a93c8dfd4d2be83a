"""A backup holds everything a bot needs to go on, and only a whole one is put back."""

import os
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.setup.backup import BackupError, backup, restore
from bot.storage.database import DATABASE, newest_version
from bot.storage.lock import DirectoryBusy
from tests.bot.harness import ANN, bot_harness


@pytest.fixture
async def archive(tmp_path: Path) -> Path:
    """A backup that was taken while a bot ran, with one finished job in it."""
    async with bot_harness(tmp_path / "a") as home:
        await home.ask("a boat")
        await home.core.idle()
        backup(tmp_path / "a", tmp_path / "bot.zip")
    return tmp_path / "bot.zip"


async def test_a_bot_goes_on_from_a_backup_that_was_taken_while_it_ran(archive: Path, tmp_path: Path) -> None:
    assert restore(tmp_path / "b", archive) is None
    async with bot_harness(tmp_path / "b") as home:
        [job] = await home.store.history(ANN.person, 2, None)
        assert await home.images.read(job.pictures[0].file)


async def test_what_was_there_before_is_set_aside(archive: Path, tmp_path: Path) -> None:
    async with bot_harness(tmp_path / "b") as home:
        await home.ask("a house")
        await home.core.idle()
    before = restore(tmp_path / "b", archive)
    assert before is not None
    async with bot_harness(before) as home:
        [job] = await home.store.history(ANN.person, 2, None)
        assert job.request.params.prompt == "a house"


async def test_a_backup_without_pictures_holds_the_database_alone(archive: Path, tmp_path: Path) -> None:
    backup(tmp_path / "a", tmp_path / "small.zip", pictures=False)
    assert zipfile.ZipFile(tmp_path / "small.zip").namelist() == [DATABASE]


def mode(path: Path) -> int:
    return path.stat().st_mode


async def test_a_backup_in_the_data_folder_holds_no_backup(archive: Path, tmp_path: Path) -> None:
    for _ in range(2):
        backup(tmp_path / "a", tmp_path / "a" / "bot.zip")
    assert [name for name in zipfile.ZipFile(tmp_path / "a" / "bot.zip").namelist() if "zip" in name] == []


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such bits")
async def test_only_its_owner_reads_a_backup(archive: Path) -> None:
    assert mode(archive) & 0o077 == 0


async def test_nothing_is_restored_into_a_bot_that_runs(archive: Path, tmp_path: Path) -> None:
    async with bot_harness(tmp_path / "b"):
        with pytest.raises(DirectoryBusy):
            restore(tmp_path / "b", archive)


@pytest.mark.parametrize("failing", [1, 2, 3])
async def test_a_file_that_cannot_be_moved_leaves_everything_as_it_was(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    there = tmp_path / "b"
    there.mkdir()
    for name in ("bot.db", "web.key"):
        (there / name).write_text(name)
    real, moves = Path.rename, iter(range(1, 100))

    def rename(self: Path, target: Path) -> Path:
        if next(moves) == failing:
            raise PermissionError(13, "in use", str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(PermissionError):
        restore(there, archive)
    assert {name: (there / name).read_text() for name in ("bot.db", "web.key")} == {
        "bot.db": "bot.db",
        "web.key": "web.key",
    }


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {newest_version() + 1}")
        database.commit()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: newer(path), "newer bot"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(5000)), "damaged"),
        (lambda path: path.write_bytes(b"no database" * 500), "damaged"),
    ],
    ids=["newer", "damaged", "no database"],
)
async def test_a_database_that_cannot_be_used_changes_nothing(
    archive: Path, tmp_path: Path, spoil: "object", words: str
) -> None:
    with zipfile.ZipFile(archive) as whole:
        whole.extract(DATABASE, tmp_path)
    spoil(tmp_path / DATABASE)  # type: ignore[operator]
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        bad.write(tmp_path / DATABASE, DATABASE)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "kept").write_text("here")
    with pytest.raises(BackupError, match=words):
        restore(tmp_path / "b", tmp_path / "bad.zip")
    assert (tmp_path / "b" / "kept").read_text() == "here"


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:evil", "."])
def test_an_archive_that_names_files_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        bad.writestr(DATABASE, "")
        bad.writestr(name, "x")
    with pytest.raises(BackupError, match="outside"):
        restore(tmp_path / "b", tmp_path / "bad.zip")


@pytest.mark.parametrize("data", [b"", b"PK", b"no archive at all"])
def test_what_is_no_archive_is_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(BackupError, match="not a whole backup"):
        restore(tmp_path / "b", tmp_path / "bad.zip")


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (
            lambda data: data.replace(b"PK\1\2\x14\3\x14\0\0\0\x08\0", b"PK\1\2\x14\3\x14\0\0\0\x63\0"),
            "method",
        ),
        (lambda data: data.replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"), "password"),
        (lambda data: data[:60] + b"\xff" * 40 + data[100:], "decompressing"),
    ],
    ids=["another way of packing", "encrypted", "wrong bytes"],
)
def test_an_archive_with_wrong_bytes_in_it_is_one_line(
    tmp_path: Path, damage: Callable[[bytes], bytes], why: str
) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr(DATABASE, bytes(range(256)) * 40)
    data = (tmp_path / "bad.zip").read_bytes()
    assert damage(data) != data
    (tmp_path / "bad.zip").write_bytes(damage(data))
    with pytest.raises(BackupError, match=f"not a whole backup: .*{why}"):
        restore(tmp_path / "b", tmp_path / "bad.zip")


def test_there_is_nothing_to_back_up_where_no_bot_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZIMAGE_BOT_DATA_DIR", str(tmp_path / "a"))
    with pytest.raises(SystemExit) as ended:
        main(["backup", str(tmp_path / "bot.zip")])
    assert ended.value.code == 1
    assert "there is no bot.db" in capsys.readouterr().err
    assert not (tmp_path / "bot.zip").exists()
