"""However much a person already has, an ask, a page, a sweep and /forget read what an index finds."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.policy.limits import DAY
from bot.storage.database import DATABASE
from bot.storage.jobs import BATCH, JobStore
from bot.storage.retention import Retention
from bot.types import Action, User
from tests.bot.harness import ANN, BOB, CHIEF, BotHarness, bot_harness

WHOLE = re.compile(
    r"SCAN (jobs|pictures|spent)(?! USING (COVERING )?INDEX jobs_(open|unshown|favourite|to_\w+))"
)
BY_HAND = re.compile(r"^\s*(SELECT|UPDATE|DELETE|INSERT|REPLACE)\b", re.IGNORECASE)


async def traced(home: BotHarness) -> list[str]:
    """Return a list that every statement of a bot is added to, values filled in."""
    said: list[str] = []
    for connection in home.store._db.connections:
        await connection.set_trace_callback(said.append)
    return said


def whole_scans(directory: Path, statements: list[str]) -> list[str]:
    """Return the steps of the statements' plans that read a whole table, or sort what they found."""
    with closing(sqlite3.connect(directory / DATABASE)) as connection:
        steps = [
            f"{step[3]}: {statement}"
            for statement in dict.fromkeys(filter(BY_HAND.match, statements))
            for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    return [step for step in steps if WHOLE.match(step)]


async def fill(home: BotHarness) -> None:
    for user in (ANN, BOB):
        for _ in range(3):
            await home.ask(user=user)
    await home.core.idle()


@pytest.mark.parametrize(
    "deed",
    ["ask", "history", "favourites", "open", "newest", "quota", "stats", "press", "sweep", "forget", "start"],
)
async def test_nothing_reads_a_whole_table(tmp_path: Path, deed: str) -> None:
    async with bot_harness(tmp_path, retention=Retention(1.0, 1.0)) as home:
        await fill(home)
        said = await traced(home)
        match deed:
            case "ask":
                await home.ask()
                await home.core.idle()
            case "history":
                await home.core.jobs(ANN, 20, before=5)
            case "favourites":
                await home.store.favourites(ANN.person, 5)
            case "open":
                await home.core.open_jobs(ANN)
            case "newest":
                await home.core.newest(ANN, "imagine")
            case "quota":
                await home.told("quota")
            case "stats":
                await home.told("stats", user=CHIEF)
            case "press":
                job = await home.core.newest(ANN, "imagine")
                assert job is not None
                await home.press("reroll", job)
                await home.core.idle()
            case "sweep":
                home.time += 2 * DAY
                await home.core.sweep()
            case "forget":
                await home.act(Action("forget", 0, value="yes"))
            case "start":
                await home.core.recover()
        assert said
        assert whole_scans(tmp_path, said) == []


async def test_a_page_of_history_is_found_in_order(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        await fill(home)
        said = await traced(home)
        await home.core.jobs(ANN, 20, before=5)
        [page] = said
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        steps = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {page}")]
    assert not [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step]


async def test_a_day_of_a_person_is_at_most_a_row_a_minute(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        for at in range(30):
            home.time = 6000.0 + 2 * at
            await home.ask()
        assert (await home.store._db.rows("SELECT count(*) FROM spent"))[0][0] == 1
        usage = await home.usage(ANN)
        assert usage.spent(home.time) == 30 * 2 / 8


async def test_what_a_job_does_not_cost_after_all_is_not_spent(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        await home.ask("fail:")
        await home.ask()
        await home.core.idle()
        assert (await home.usage(ANN)).spent(home.time) == 2 / 8


async def test_linked_people_have_spent_what_both_did(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        await fill(home)
        await home.store.accounts.link(ANN, BOB)
        for user in (ANN, BOB):
            assert (await home.usage(user)).spent(home.time) == 6 * 2 / 8


async def test_more_than_a_batch_is_forgotten_and_its_costs_stay(tmp_path: Path) -> None:
    jobs = 2 * BATCH + 3
    async with JobStore.open(tmp_path) as store:
        await many(store, ANN, jobs)
        await many(store, BOB, 1)
        await store.forget(ANN.person, 1000.0)
        assert await store.history(ANN.person, 10, None) == []
        assert len(await store.history(BOB.person, 10, None)) == 1
        usage = await store.usage(ANN.person, 1000.0)
        assert (sum(charge for _, charge in usage.charges), len(usage.requests)) == (jobs, jobs)
        later = await store.usage(ANN.person, 1000.0 + DAY + 60)
        assert later.charges == ()


async def test_more_than_a_batch_ages(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path) as store:
        await many(store, ANN, BATCH + 3)
        await store.erase_prompts(2000.0)
        await store.expire(2000.0)
        assert len(await store.trash()) == BATCH
        [job] = await store.history(ANN.person, 1, None)
        assert (job.request.params.prompt, [one.deleted for one in job.pictures]) == ("", [True])


async def many(store: JobStore, user: User, count: int) -> None:
    """Store delivered jobs with a picture each, as one statement."""

    def insert(connection: sqlite3.Connection) -> None:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO jobs (platform, event_id, person, user, address_platform, place, kind, params, "
            "picture, original, state, created, finished, width, height, seed, cost, charge, shown) "
            "SELECT 'fake', ? || i, ?, ?, 'fake', 'm', 'imagine', ?, 0, '', 'delivered', 1000, 1000, 64, 64, "
            "5, 1, 1, 1 FROM n",
            (
                count,
                user.id,
                user.person,
                f'{{"platform":"fake","id":"{user.id}","name":"x"}}',
                '{"prompt":"a boat","count":1,"ignored":[]}',
            ),
        )
        connection.execute(
            "INSERT INTO pictures SELECT id, 0, id || '-0.png', 64, 64, 5, 1.0, '{}', 0 FROM jobs "
            "WHERE person = ?",
            (user.person,),
        )

    await store._db.transaction(insert)
