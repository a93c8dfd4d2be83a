"""A database or a disk that refuses for a while, rows and files that are broken: nothing stays stuck."""

import asyncio
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.fake import FakePlatform
from bot.jobs.runner import FIRST_RETRY
from bot.policy.limits import DAY, Rule
from bot.storage.database import DATABASE, UnusableDatabaseError
from bot.storage.jobs import JobStore
from bot.storage.lock import UnusableDirectory
from bot.storage.pictures import PictureFolder
from bot.storage.retention import Retention, hourly
from bot.types import Action, Job, Refused
from engine.fake import FakeEngine, striped
from tests.bot.harness import ANN, TOKENS, BotHarness, StepGate, bot_harness


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the database's write lock as another program does."""
    with closing(sqlite3.connect(directory / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def impatient(home: BotHarness) -> None:
    """Have the bot's own writes give up at once on a lock."""
    await home.store._db.write("PRAGMA busy_timeout = 0")


async def refused_writes(home: BotHarness, times: int) -> None:
    """Wait until the line has slept so often between two tries of a write."""
    seen = home.sleeps
    while home.sleeps < seen + times:  # noqa: ASYNC110  (the bot has no event for it)
        await asyncio.sleep(0)


@pytest.mark.parametrize("prompt", ["a boat", "fail:", "lost once: a boat"])
async def test_a_job_that_ends_while_the_database_is_locked_ends_when_it_is_free(
    tmp_path: Path, prompt: str
) -> None:
    gate = StepGate(1 if prompt == "a boat" else 0)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate), run=False) as home:
        await impatient(home)
        jobs = [await home.ask(prompt) for _ in range(3)]
        with locked(tmp_path):
            home.run()
            await refused_writes(home, 20)
        gate.open()
        await home.core.idle()
        ended = {"delivered"} if prompt != "fail:" else {"failed"}
        assert {(await home.row(job)).state for job in jobs} == ended


async def test_a_picture_that_comes_while_the_database_is_locked_is_kept(tmp_path: Path) -> None:
    gate = StepGate(2)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        await impatient(home)
        job = await home.ask()
        await gate.reached()
        with locked(tmp_path):
            gate.open()
            await refused_writes(home, 5)
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"


async def test_a_picture_for_which_the_disk_has_no_room_fails_free_of_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_harness(tmp_path) as home:
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", no_room)
            job = await home.ask()
            await home.core.idle()
        row = await home.row(job)
        assert (row.state, row.error) == ("failed", "storage")
        assert "no room" in (await home.message(job)).text
        assert (await home.usage(ANN)).spent(home.time) == 0
        assert names(tmp_path, "pictures/*.*") == []


def no_room(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def names(directory: Path, pattern: str) -> list[str]:
    return [file.name for file in directory.glob(pattern)]


async def test_a_job_cancelled_while_its_picture_waits_for_the_database_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = asyncio.Event()

    async def wait(home: BotHarness, seconds: float) -> None:
        if seconds == FIRST_RETRY:
            refused.set()
        if seconds:
            await asyncio.Event().wait()

    monkeypatch.setattr(BotHarness, "_sleep", wait)
    gate = StepGate(2)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        await impatient(home)
        job = await home.ask()
        await gate.reached()
        with locked(tmp_path):
            gate.open()
            await refused.wait()
        assert names(tmp_path, "pictures/*.*") != []
        await home.core.cancel(ANN)
        assert (await home.row(job)).state == "cancelled"
    assert names(tmp_path, "pictures/*.*") == []


async def test_a_job_cancelled_while_its_picture_is_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = asyncio.Event(), threading.Event()
    loop, sync = asyncio.get_running_loop(), os.fsync

    def slow(descriptor: int) -> None:
        loop.call_soon_threadsafe(writing.set)
        go_on.wait()
        sync(descriptor)

    async with bot_harness(tmp_path) as home:
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", slow)
            await home.ask()
            await writing.wait()
            await home.core.cancel(ANN)
            left = [task for task in asyncio.all_tasks() if "to_thread" in repr(task.get_coro())]
            go_on.set()
            await asyncio.wait(left)
    assert names(tmp_path, "pictures/*.*") == []


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_picture_for_nobody_on_a_disk_that_is_read_only_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_written: bool
) -> None:
    writing, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    def slow(*_: object) -> None:
        loop.call_soon_threadsafe(writing.set)
        go_on.wait()
        if not is_written:
            read_only()

    monkeypatch.setattr("bot.storage.pictures._write", slow)
    monkeypatch.setattr(Path, "unlink", read_only)
    task = asyncio.create_task(PictureFolder(tmp_path).write(1, 0, b""))
    await writing.wait()
    task.cancel()
    await asyncio.wait([task])
    left = [task for task in asyncio.all_tasks() if "to_thread" in repr(task.get_coro())]
    go_on.set()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.sleep(0)
    assert caplog.messages == []


async def test_an_input_in_a_folder_that_can_only_be_read_is_drawn_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(self: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    async with bot_harness(tmp_path, run=False) as home:
        job = await home.ask(image=striped("a boat", 64, 64))
        monkeypatch.setattr(Path, "touch", read_only)
        home.run()
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"


async def test_a_half_written_file_of_a_killed_bot_is_gone_at_the_next_start(tmp_path: Path) -> None:
    for folder in ("pictures", "pictures/inputs"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "tmpabc.part").write_bytes(b"half")
    PictureFolder(tmp_path / "pictures")
    assert names(tmp_path, "**/*.part") == []


async def test_a_job_that_the_store_had_ended_already_leaves_the_line(tmp_path: Path) -> None:
    gate = StepGate(1)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask("fail internal: a boat")
        await home.core.idle()
        other = await home.ask()
        await gate.reached()
        await home.store.fail(other.id, "internal", "", home.time)
        gate.open()
        await home.core.idle()
        assert {(await home.row(one)).state for one in (job, other)} == {"failed"}


async def test_the_last_word_of_a_lost_message_is_recorded_when_the_database_is_free(tmp_path: Path) -> None:
    platform, gate = FakePlatform(), StepGate(1)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate), platform=platform) as home:
        await impatient(home)
        job = await home.ask()
        await gate.reached()
        platform.lost.add((await home.row(job)).request.address)
        with locked(tmp_path):
            gate.open()
            await refused_writes(home, 3)
        await home.core.idle()
        assert await home.store.unshown() == []


async def test_a_stop_during_a_lock_is_orderly(tmp_path: Path) -> None:
    gate = StepGate(1)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        await impatient(home)
        job = await home.ask()
        await gate.reached()
        with locked(tmp_path):
            await home.stop()
    async with bot_harness(tmp_path) as home:
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"


async def test_a_sweep_that_fails_is_followed_by_the_next(caplog: pytest.LogCaptureFixture) -> None:
    tries = []

    async def work() -> None:
        tries.append(1)
        raise sqlite3.OperationalError("database is locked")

    async def three_hours(_: float) -> None:
        if len(tries) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await hourly(work, three_hours)
    assert caplog.text.count("database is locked") >= 3


async def test_nobody_sees_a_finished_job_without_its_picture(tmp_path: Path) -> None:
    seen: list[Job] = []

    async def watch(home: BotHarness, job: Job) -> None:
        while True:
            row = await home.row(job)
            if row.state in ("finished", "delivered"):
                seen.append(row)
                return

    async with bot_harness(tmp_path) as home:
        jobs = [await home.ask() for _ in range(8)]
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(watch(home, job))
    assert [len(row.pictures) for row in seen] == [1] * 8


# Rows and files that are broken


def spoil(directory: Path, sql: str) -> None:
    with closing(sqlite3.connect(directory / DATABASE)) as connection, connection:
        connection.execute(sql)


@pytest.mark.parametrize(
    "change",
    [
        "params = '{'",
        "params = '{}'",
        "params = '[]'",
        'params = \'{"prompt":"x","unknown":1}\'',
        "user = 'null'",
        "notes = '7'",
        "notes = 'null'",
        "params = CAST(x'ff' AS TEXT)",
    ],
)
async def test_one_broken_row_takes_no_list_down(tmp_path: Path, change: str) -> None:
    async with bot_harness(tmp_path) as home:
        jobs = [await home.ask() for _ in range(3)]
        await home.core.idle()
    spoil(tmp_path, f"UPDATE jobs SET {change} WHERE id = {jobs[1].id}")
    async with bot_harness(tmp_path) as home:
        assert [job.id for job in await home.core.jobs(ANN)] == [jobs[2].id, jobs[0].id]
        assert "#1" in (await home.told("history")).text


async def test_a_broken_report_of_a_picture_takes_no_list_down(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        for _ in range(2):
            await home.ask()
        await home.core.idle()
        spoil(tmp_path, "UPDATE pictures SET report = '{' WHERE job = 1")
        assert [job.id for job in await home.core.jobs(ANN)] == [2, 1]


@pytest.mark.parametrize("change", ["user = '{'", "user = 'null'", "params = '{'"])
async def test_a_broken_row_is_erased_with_age_and_forgotten_like_any_other(
    tmp_path: Path, change: str
) -> None:
    async with bot_harness(tmp_path, retention=Retention(1.0, 1.0)) as home:
        await home.ask()
        await home.core.idle()
        spoil(tmp_path, f"UPDATE jobs SET {change}")
        home.time += 2 * DAY
        await home.core.sweep()
        await home.act(Action("forget", 0, value="yes"))
        assert await home.store._db.rows("SELECT id FROM jobs") == []


async def test_an_open_job_whose_row_is_broken_ends_at_the_next_start(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        jobs = [await home.ask() for _ in range(2)]
    spoil(tmp_path, f"UPDATE jobs SET params = '[]' WHERE id = {jobs[0].id}")
    async with bot_harness(tmp_path) as home:
        await home.core.idle()
        usage = await home.usage(ANN)
        assert (usage.waiting, (await home.row(jobs[1])).state) == (0, "delivered")


async def test_flags_of_any_length_are_told_in_a_reply(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(ignored=("--sref http://" + "a" * 50_000,))
        await home.core.idle()
        assert len((await home.message(job)).note) < 1000


async def test_an_answer_that_cannot_be_worded_is_given_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> str:
        raise LookupError("no such message")

    async with bot_harness(tmp_path) as home:
        monkeypatch.setattr("bot.replies.format.small_print", broken)
        job = await home.ask()
        await home.core.idle()
        message = await home.message(job)
        assert ((await home.row(job)).state, len(message.images)) == ("delivered", 1)
        assert "#1" in message.text
    assert "no such message" in caplog.text


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\n", None])
async def test_a_broken_picture_of_a_grid_leaves_the_others(tmp_path: Path, damage: bytes | None) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(count=4)
        await home.core.idle()
        file = tmp_path / "pictures" / f"{job.id}-2.png"
        file.write_bytes(file.read_bytes()[:-30] if damage is None else damage)
        reply = await home.core.reply(await home.row(job))
        assert [image.height for image in reply.images] == [128]


async def test_a_job_whose_pictures_are_all_broken_says_that_they_are_gone(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(count=2)
        await home.core.idle()
        for file in (tmp_path / "pictures").glob("*.png"):
            file.write_bytes(b"broken")
        assert not (await home.core.reply(await home.row(job))).images


# What the operator sees at the start


def lose_database(directory: Path) -> None:
    for file in directory.glob(f"{DATABASE}*"):
        file.unlink()


async def test_a_lost_database_never_numbers_a_job_like_a_picture_that_is_there(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        for _ in range(3):
            await home.ask()
        await home.core.idle()
    before = {file: file.read_bytes() for file in (tmp_path / "pictures").glob("*.png")}
    lose_database(tmp_path)
    async with bot_harness(tmp_path) as home:
        assert (await home.ask("something else")).id == 4
        await home.core.idle()
    assert {file: file.read_bytes() for file in before} == before


async def test_a_restored_older_database_numbers_on_above_the_newest_picture(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        await home.ask()
    (tmp_path / "pictures" / "41-3.png").write_bytes(b"a picture of a day that was not backed up")
    async with bot_harness(tmp_path) as home:
        assert (await home.ask()).id == 42


def test_a_data_directory_that_is_a_file_is_told_by_name(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    with pytest.raises(UnusableDirectory, match=r"data directory .*data: .*it is a file; move"):
        asyncio.run(opened(file))


def test_a_data_directory_in_a_file_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableDirectory, match="part of this path is a file"):
        asyncio.run(opened(tmp_path / "file" / "data"))


@pytest.mark.parametrize(
    "content", [b"this is not a database at all, but a text" * 100, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_file_that_is_no_database_is_told_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(UnusableDatabaseError, match=r"bot\.db is damaged .*bot\.db-wal"):
        asyncio.run(opened(tmp_path))


async def test_a_damaged_page_in_the_middle_is_found_at_the_start(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        for _ in range(60):
            await home.ask("a very long prompt " * 50)
    file = tmp_path / DATABASE
    data = bytearray(file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096
    file.write_bytes(data)
    with pytest.raises(UnusableDatabaseError, match="is damaged"):
        await opened(tmp_path)


async def test_a_locked_database_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(tmp_path)
    monkeypatch.setattr(
        "bot.storage.database._SETTINGS", ("PRAGMA busy_timeout = 0", "PRAGMA journal_mode = DELETE")
    )
    with locked(tmp_path), pytest.raises(UnusableDatabaseError, match="locked by another program"):
        await opened(tmp_path)


async def test_nobody_else_on_the_machine_can_read_the_database(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path / "data"):
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "data").glob(f"{DATABASE}*")}
        assert set(modes.values()) == {0o600}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


async def opened(directory: Path) -> None:
    async with JobStore.open(directory):
        pass


# A clock that is set


async def test_after_the_clock_was_set_back_nobody_waits_for_the_old_time(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, rule=Rule(per_minute=2, per_day=2)) as home:
        home.time += 4 * DAY
        for _ in range(2):
            await home.ask()
        home.time -= 3 * DAY
        for _ in range(2):
            await home.ask()
        with pytest.raises(Refused, match="burst") as refused:
            await home.ask()
        assert refused.value.retry_after == 60


async def test_a_job_over_which_the_clock_was_set_back_took_no_negative_time(tmp_path: Path) -> None:
    gate = StepGate(1)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask(count=2)
        await gate.reached()
        home.time -= 3 * DAY
        gate.open()
        await home.core.idle()
        assert "-" not in (await home.message(job)).text


@pytest.mark.parametrize(
    "said", ["{", "null", '{"steps": 7}', '{"steps": "900"}', '{"colour": "blue"}', '{"steps": "6"}']
)
async def test_settings_that_cannot_be_read_or_are_no_longer_allowed_stop_nobody(
    tmp_path: Path, said: str
) -> None:
    async with bot_harness(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection, connection:
        connection.execute("INSERT INTO settings VALUES (?, ?)", (ANN.person, said))
    async with bot_harness(tmp_path) as home:
        steps = (await home.core.defaults(ANN)).steps
        assert steps == (6 if said == '{"steps": "6"}' else home.core._settings.defaults.steps)
        assert (await home.told("settings")).choices


async def test_pictures_that_cannot_be_removed_yet_are_removed_by_a_later_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object, **__: object) -> None:
        raise PermissionError("another program has it open")

    async with bot_harness(tmp_path) as home:
        job = await home.ask()
        await home.core.idle()
        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.unlink", held)
            await home.act(Action("forget", 0, value="yes"))
        assert names(tmp_path, "pictures/*.png") == [f"{job.id}-0.png"]
        await home.core.sweep()
        assert names(tmp_path, "pictures/*.png") == []
