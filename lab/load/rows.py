"""The bot over a database with very many jobs of the last day, and what people then wait for.

A tenth of the rows are one person's. Files of the pictures in the rows are not there.
"""

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path

from bot.policy.access import Access
from bot.policy.limits import DAY
from bot.requests.commands import Command
from bot.storage.database import DATABASE
from bot.storage.retention import Retention
from bot.types import Action, Address, Params, Request, User
from lab.load.bot_under_load import SINK, Measured, load, serving
from lab.load.crowd import Crowd

PEOPLE = 1000
HEAVY, STRANGER, CHIEF = (User("core", name, name) for name in ("p0", "stranger", "chief"))
REPEATS, ENOUGH = 15, 5000.0
"""How often something is done for its median, unless that takes longer than so many milliseconds."""
PAUSE = 0.02
SHOWN = ("start", "an ask", "a page", "/quota", "/stats", "wait in a sweep", "wait in /forget")


async def measure(folder: Path, rows: int, jobs: int, people: int) -> tuple[Measured, dict[str, float]]:
    """Return what `jobs` jobs more of so many people cost over `rows` rows, and milliseconds of the rest."""
    await load(folder, 1, 1, ("core",))
    await asyncio.to_thread(_fill, folder / DATABASE, rows)
    begun = time.perf_counter()
    measured = await load(folder, jobs, people, ("core",))
    took = {"start": 1000 * (time.perf_counter() - begun - measured.seconds)}
    access, kept = Access(admins=frozenset({"core:user:chief"})), Retention(0.5, 0.5)
    async with serving(folder, Crowd(0, 0), SINK, access=access, retention=kept) as (core, _):
        took["an ask"] = await _median(lambda: core.submit(_request(HEAVY)))
        took["a page"] = await _median(lambda: core.jobs(HEAVY))
        took["/quota"] = await _median(lambda: core.answer(HEAVY, Command("quota", "")))
        took["/stats"] = await _median(lambda: core.answer(CHIEF, Command("stats", "")))
        forget = Action("forget", 0, 0, "yes")
        for name, work in (
            ("wait in a sweep", core.sweep),
            ("wait in /forget", lambda: core.press(HEAVY, forget, Address("core", "new"), "forget")),
        ):
            took[name] = await _longest_wait(lambda: core.submit(_request(STRANGER)), work)
    return measured, took


def _fill(database: Path, rows: int) -> None:
    """Copy the rows of the newest job until there are so many, evenly over the day until now."""
    now = time.time()
    created = f"({now - DAY} + {DAY / max(1, rows)} * n)"
    person = f"'p' || (CASE n % 10 WHEN 0 THEN 0 ELSE n % {PEOPLE} END)"
    jobs = {
        "id": "n", "event_id": "'row ' || n", "created": created, "started": created, "finished": created,
        "person": f"'core:' || {person}", "user": f"json_set(user, '$.id', {person})",
    }  # fmt: skip
    with closing(sqlite3.connect(database)) as db, db:
        _copy(db, "jobs", "id", rows, jobs)
        _copy(db, "pictures", "job", rows, {"job": "n", "file": "n || '-0.png'"})


def _copy(db: sqlite3.Connection, table: str, key: str, rows: int, changed: Mapping[str, str]) -> None:
    """Copy the rows of job 1 as those of the jobs 2 to `rows`, whatever columns the table has."""
    names = [column[1] for column in db.execute(f"PRAGMA table_info({table})")]
    db.execute(
        f"WITH RECURSIVE copies (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM copies WHERE n < {rows}) "
        f"INSERT INTO {table} ({', '.join(names)}) "
        f"SELECT {', '.join(changed.get(name, name) for name in names)} "
        f"FROM copies, (SELECT * FROM {table} WHERE {key} = 1 LIMIT 1)"
    )


def _request(user: User) -> Request:
    event = f"{user.id} {time.perf_counter_ns()}"
    return Request(user, Address("core", f"new {event}"), event, "imagine", Params(f"a boat for {user.id}"))


async def _median(work: Callable[[], Awaitable[object]]) -> float:
    took: list[float] = []
    while len(took) < REPEATS and sum(took) < ENOUGH:
        begun = time.perf_counter()
        await work()
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


async def _longest_wait(ask: Callable[[], Awaitable[object]], work: Callable[[], Awaitable[object]]) -> float:
    """Return the longest that an ask takes until `work` is done, counted from when it was due."""
    working, longest = asyncio.ensure_future(work()), 0.0
    while not working.done():
        due = time.perf_counter() + PAUSE
        await asyncio.sleep(PAUSE)
        await ask()
        longest = max(longest, time.perf_counter() - due)
    await working
    return 1000 * longest
