"""The store: rows are judged and written in one step, survive, and know what they cost."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.policy.limits import DAY, MINUTE, Rule, Usage, judge
from bot.requests.tasks import Resolved
from bot.storage import database as database_module
from bot.storage import jobs as store_module
from bot.storage import retention
from bot.storage.database import DATABASE, NewerDatabaseError
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.storage.retention import Retention
from bot.types import Address, Job, JobPicture, Params, Refused, Request, User
from engine.types import PromptReady, Variation

ANN = User("web", "1", "Ann", "zh-CN", ("discord:role:5",))
SIZE = Resolved(128, 96, 7, 400)


def asked(event: str, user: User = ANN) -> Request:
    return Request(user, Address("web", event), event, "imagine", Params("a boat", count=2))


def anything(usage: Usage) -> None:
    """Judge nothing."""


async def admitted(store: JobStore, event: str, now: float = 0.0, user: User = ANN) -> Job:
    job, _ = await store.admit(asked(event, user), SIZE, now, anything)
    return job


def picture(index: int) -> JobPicture:
    return JobPicture(index, f"1-{index}.png", 128, 96, 7, 0.5, {"dtype": "float32"})


async def test_a_job_comes_back_exactly_as_it_was_asked(tmp_path: Path) -> None:
    request = replace(
        asked("e1"),
        image="in.png",
        parent=3,
        index=2,
        variation=Variation(1, 0.5, 0.25, base=Variation(2, 0.125)),
        original="ein Boot",
        params=Params("a boat", aspect="3:2", seed=9, loras=(("ink", 0.5),), ignored=("--v 6",)),
    )
    async with JobStore.open(tmp_path) as store:
        made, new = await store.admit(request, SIZE, 12.5, anything)
        assert new
    async with JobStore.open(tmp_path) as store:
        assert await store.job(made.id) == made
    assert made == Job(made.id, request, "queued", 12.5, 128, 96, 7, 400)


async def test_a_number_that_no_job_can_have_is_nobodys(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        job = await admitted(store, "e1")
        assert await store.job(2**63) is None
        assert await store.history(ANN.person, 5, 2**63) == [job]


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1])
async def test_a_seed_of_64_bits_comes_back_as_it_was(tmp_path: Path, seed: int) -> None:
    request = replace(asked("e1"), params=Params("a boat", seed=seed), variation=Variation(seed))
    async with JobStore.open(tmp_path) as store:
        made, _ = await store.admit(request, replace(SIZE, seed=seed), 12.5, anything)
        await store.start(made.id, 13.0)
        drawn = await store.add_picture(made.id, replace(picture(0), seed=seed), 1, 14.0)
        assert await store.job(made.id) == drawn
    assert drawn is not None
    assert (drawn.seed, drawn.pictures[0].seed, drawn.request) == (seed, seed, request)


async def test_a_job_stored_before_there_were_fast_pictures_is_not_fast(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        made = await admitted(store, "e1")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.execute("UPDATE jobs SET params = json_remove(params, '$.fast')")
    async with JobStore.open(tmp_path) as store:
        assert await store.job(made.id) == made


async def test_the_same_event_is_the_same_job(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        made = await asyncio.gather(*(admitted(store, "e1") for _ in range(10)))
        assert len({job.id for job in made}) == 1
        assert (await admitted(store, "e2")).id != made[0].id


async def test_twenty_submits_at_once_never_exceed_the_rule(tmp_path: Path) -> None:
    def strict(usage: Usage) -> None:
        judge(Rule(waiting=5, per_day=0, per_minute=0), usage, 0.0)

    async with JobStore.open(tmp_path) as store:
        admissions = (store.admit(asked(f"e{at}"), SIZE, 0.0, strict) for at in range(20))
        results = await asyncio.gather(*admissions, return_exceptions=True)
        assert sum(isinstance(result, Refused) for result in results) == 15
        assert len(await store.open_jobs()) == 5


async def test_usage_charges_what_was_made_and_counts_every_request(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        jobs = [await admitted(store, f"e{at}", now=100.0 + at) for at in range(5)]
        await admitted(store, "other", 104.0, User("web", "2", "Bob"))
        await admitted(store, "old", 104.0 - DAY - MINUTE)
        await store.start(jobs[0].id, 110)
        await store.fail(jobs[0].id, "numerics", "", 110)
        await store.cancel(jobs[1].id, 0, 110)
        await store.start(jobs[2].id, 110)
        await store.cancel(jobs[2].id, 150, 110)
        usage = await store.usage(ANN.person, 104.0)
        assert usage.requests == (100, 101, 102, 103, 104)
        assert usage.charges == ((104, 150 + 400 + 400),)
        assert (usage.waiting, usage.queue) == (3, 4)


async def test_a_job_is_finished_with_its_last_picture_and_delivered_when_shown(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        job = await admitted(store, "e1")
        await store.start(job.id, 5, PromptReady("a boat", "a fine boat", "fog", ("enhanced:time",)))
        half = await store.add_picture(job.id, picture(1), 2, 6)
        done = await store.add_picture(job.id, picture(0), 2, 7)
        assert half is not None
        assert half.state == "running"
        assert done is not None
        assert done.pictures == (picture(0), picture(1))
        assert (done.state, done.started, done.finished) == ("finished", 5, 7)
        assert (done.used_prompt, done.negative_used, done.notes) == (
            "a fine boat",
            "fog",
            ("enhanced:time",),
        )
        assert await store.unshown() == [done]
        await store.shown(job.id, Address("web", "message"))
        shown = await store.job(job.id)
        assert shown is not None
        assert (shown.state, shown.request.address.place) == ("delivered", "message")
        assert await store.unshown() == []


async def test_an_ended_job_stays_as_it_ended(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        job = await admitted(store, "e1")
        assert await store.cancel(job.id, 0, 5)
        assert not await store.cancel(job.id, 9, 6)
        assert not await store.fail(job.id, "internal", "", 6)
        assert not await store.finish(job.id, 6)
        await store.start(job.id, 6)
        assert await store.add_picture(job.id, picture(0), 2, 6) is None
        ended = await store.job(job.id)
        assert ended is not None
        assert (ended.state, ended.finished) == ("cancelled", 5)


async def test_history_is_newest_first_and_ones_own(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        ids = [(await admitted(store, f"e{at}")).id for at in range(4)]
        await admitted(store, "bob", user=User("web", "2", "Bob"))
        assert [job.id for job in await store.history(ANN.person, 2, None)] == [ids[3], ids[2]]
        assert [job.id for job in await store.history(ANN.person, 9, ids[2])] == [ids[1], ids[0]]


async def test_a_job_the_bot_died_with_too_often_fails_but_a_waiting_one_never(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        poison, patient = await admitted(store, "e1"), await admitted(store, "e2")
        for crash in range(store_module.MAX_CRASHES):
            assert {job.id for job in await store.open_jobs()} == {poison.id, patient.id}, crash
            for job in (poison, patient):
                await store.start(job.id, 1)
            await store.start(poison.id, 1, PromptReady("a boat", "a boat"))
            await store.requeue_crashed(2)
        assert [job.id for job in await store.open_jobs()] == [patient.id]
        failed = await store.job(poison.id)
        assert failed is not None
        assert (failed.state, failed.error) == ("failed", "lost")


async def test_a_job_that_the_bot_dies_with_or_cannot_read_costs_nothing(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        poison, broken = await admitted(store, "e1"), await admitted(store, "e2")
        assert (await store.usage(ANN.person, 3)).spent(3) == poison.cost + broken.cost > 0
        await store._db.write("UPDATE jobs SET params = 'broken' WHERE id = ?", (broken.id,))
        await store.fail_unreadable(2)
        assert (await store.usage(ANN.person, 3)).spent(3) == poison.cost
        for _ in range(store_module.MAX_CRASHES):
            await store.start(poison.id, 1, PromptReady("a boat", "a boat"))
            await store.requeue_crashed(2)
        assert (await store.usage(ANN.person, 3)).spent(3) == 0


async def test_deleted_pictures_keep_their_rows_and_have_to_be_shown_anew(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        job = await admitted(store, "e1")
        await store.start(job.id, 1)
        for index in range(2):
            await store.add_picture(job.id, picture(index), 2, 2)
        await store.shown(job.id, Address("web", "e1"))
        await store.expire(2)
        assert await store.trash() == []
        await store.delete_pictures(job.id)
        [unshown] = await store.unshown()
        assert [one.deleted for one in unshown.pictures] == [True, True]


async def test_expired_pictures_stay_in_the_trash_until_they_are_gone(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        job = await admitted(store, "e1")
        await store.start(job.id, 1)
        for index in range(2):
            await store.add_picture(job.id, picture(index), 2, 2)
        await store.expire(3)
        assert await store.trash() == [("1-0.png", False), ("1-1.png", False)]
        await store.emptied([("1-0.png", False)])
        await store.expire(3)
        assert await store.trash() == [("1-1.png", False)]


async def test_a_cancelled_write_leaves_the_store_usable(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        for pauses in range(12):
            writing = asyncio.ensure_future(admitted(store, f"e{pauses}"))
            for _ in range(pauses):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        await admitted(store, "after")
        assert await store.by_event("web", "after") is not None


async def test_an_older_database_is_backed_up_and_migrated_and_keeps_its_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with JobStore.open(tmp_path) as store:
        job = await admitted(store, "e1")
    newer = tmp_path / "package" / "migrations"
    newer.mkdir(parents=True)
    known = Path(database_module.__file__).parent / "migrations"
    for file in known.glob("*.sql"):
        (newer / file.name).write_text(file.read_text())
    version = len(list(known.glob("*.sql")))
    (newer / f"{version + 1:03}_more.sql").write_text("ALTER TABLE jobs ADD COLUMN more TEXT;")
    monkeypatch.setattr(database_module, "files", lambda package: newer.parent)
    async with JobStore.open(tmp_path) as store:
        assert await store.job(job.id) == job
    with closing(sqlite3.connect(tmp_path / f"{DATABASE}.v{version}.bak")) as backup:
        assert backup.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
        assert backup.execute("PRAGMA user_version").fetchone() == (version,)


async def test_a_backup_goes_after_a_week_and_what_was_deleted_since_with_it(tmp_path: Path) -> None:
    backup = tmp_path / f"{DATABASE}.v1.bak"
    backup.touch()
    made = backup.stat().st_mtime
    async with JobStore.open(tmp_path) as store:
        for days, left in ((6, True), (8, False)):
            await retention.sweep(store, PictureFolder(tmp_path / "pictures"), Retention(), made + days * DAY)
            assert backup.exists() == left


def make_old(directory: Path, version: int, params: str) -> None:
    """Make a database as the bot had it at `version`, with one job waiting."""
    scripts = sorted((Path(database_module.__file__).parent / "migrations").iterdir())
    user = '{"platform":"web","id":"1","name":"Ann","locale":"zh-CN"}'
    with closing(sqlite3.connect(directory / DATABASE)) as connection:
        for script in scripts[:version]:
            connection.executescript(script.read_text("utf-8"))
        connection.execute(
            "INSERT INTO jobs (platform, event_id, person, user, address_platform, place, kind, params, "
            "picture, original, state, created, width, height, seed, cost, charge) VALUES "
            "('web', 'e1', 'web:1', ?, 'web', 'e1', 'imagine', ?, 0, '', 'queued', 0, 128, 96, 7, 400, 400)",
            (user, params),
        )
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()


async def test_jobs_of_the_first_version_are_read_as_they_were(tmp_path: Path) -> None:
    make_old(tmp_path, 1, '{"prompt":"a boat","count":2,"ignored":[]}')
    async with JobStore.open(tmp_path) as store:
        [job] = await store.open_jobs()
        assert job.request == asked("e1", replace(ANN, groups=()))
        assert not job.favourite
        assert await store.accounts.settings("web:1") == {}


async def test_what_was_spent_before_it_was_kept_by_the_minute_still_counts(tmp_path: Path) -> None:
    make_old(tmp_path, 3, '{"prompt":"a boat","count":2,"ignored":[]}')
    async with JobStore.open(tmp_path) as store:
        assert (await store.usage("web:1", 30.0)).charges == ((30, 400),)


@pytest.mark.parametrize(("redraw", "method"), [("true", "redraw"), ("false", "auto")])
async def test_what_was_to_be_redrawn_before_methods_could_be_named_still_is(
    tmp_path: Path, redraw: str, method: str
) -> None:
    told = f'{{"prompt":"a boat","redraw":{redraw},"count":2,"ignored":[]}}'
    make_old(tmp_path, 2, told)
    async with JobStore.open(tmp_path) as store:
        [found] = await store.open_jobs()
        assert found.request.params.method == method


async def test_how_to_enlarge_outlasts_a_restart(tmp_path: Path) -> None:
    wish = replace(asked("e1"), kind="upscale", params=Params("", factor=4, method="lanczos"))
    async with JobStore.open(tmp_path) as store:
        await store.admit(wish, SIZE, 0.0, anything)
    async with JobStore.open(tmp_path) as store:
        [found] = await store.open_jobs()
        assert (found.request.params.factor, found.request.params.method) == (4, "lanczos")


async def test_a_database_of_a_newer_bot_is_left_alone(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(NewerDatabaseError, match="newer bot"):
        async with JobStore.open(tmp_path):
            pass


async def test_what_waits_together_is_committed_together(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        said: list[str] = []
        await store._db.connections[0].set_trace_callback(said.append)
        await asyncio.gather(*(admitted(store, f"e{number}") for number in range(20)))
        assert said.count("COMMIT") == 1


async def test_a_write_that_fails_leaves_no_trace_and_the_others_stand(tmp_path: Path) -> None:
    def refuse(usage: Usage) -> None:
        raise Refused("burst")

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE jobs SET favourite = 1")
        connection.execute("INSERT INTO nowhere VALUES (1)")

    async with JobStore.open(tmp_path) as store:
        found = await asyncio.gather(
            admitted(store, "e1"),
            store._db.transaction(half),
            store.admit(asked("e2"), SIZE, 0.0, refuse),
            admitted(store, "e3"),
            return_exceptions=True,
        )
        assert [type(one) for one in found] == [Job, sqlite3.OperationalError, Refused, Job]
        jobs = await store.history(ANN.person, 9, None)
        assert [(job.request.event_id, job.favourite) for job in jobs] == [("e3", False), ("e1", False)]


async def test_where_sqlite_takes_all_of_it_back_everybody_who_waited_is_told(tmp_path: Path) -> None:
    def lose(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    async with JobStore.open(tmp_path) as store:
        found = await asyncio.gather(
            admitted(store, "e1"), store._db.transaction(lose), return_exceptions=True
        )
        assert [str(one) for one in found] == ["database or disk is full"] * 2
        assert await store.history(ANN.person, 9, None) == []
        await admitted(store, "e1")


async def test_nobody_waits_for_a_database_that_is_closed(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        pass
    with pytest.raises(ValueError, match=r"no active connection|closed"):
        await store.job(1)
