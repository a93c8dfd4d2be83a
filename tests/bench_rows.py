"""What asking, history, the sweep and /forget cost where one person has very many jobs.

`python tests/bench_rows.py [--rows 1000 100000 500000]` measures the bot of the current directory, be it
another version. A job is asked for and drawn, its rows are copied as often as said, spread over a day or over
a year, and the rest goes through the core. It prints medians in milliseconds; `wait` is the longest that an
ask of somebody else took meanwhile. The pictures' rows are there, their files are not.
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

import bot
from bot.policy.access import Access
from bot.policy.limits import DAY, Rule
from bot.storage.retention import Retention
from bot.types import Action, User
from tests.bot.harness import ANN, BOB, BotHarness, bot_harness

NOW = 1_800_000_000.0
SPANS = {"day": DAY, "year": 365 * DAY}
OPEN, FAVOURITES = 20, 10
FORGOTTEN = 50_000
REPEATS = 15
ENOUGH = 5000.0
"""Milliseconds after which nothing is repeated any more."""
PAUSE = 0.02
STRANGER, CHIEF = User("fake", "3", "Carol"), User("fake", "9", "Chief")
RULE = Rule(per_minute=0, per_day=10**9, waiting=0, queue=0, max_count=4, max_megapixels=1.0)
PROMPT = "a red sailboat on the sea at sunset, oil on canvas, by an old master"


def opened(directory: Path, days: float = 0.0) -> AbstractAsyncContextManager[BotHarness]:
    """Open the bot without drawing; pictures and prompts are kept for so many days."""
    access = Access(admins=frozenset({"fake:user:9"}))
    return bot_harness(directory, run=False, rule=RULE, access=access, retention=Retention(days, days))


async def build(directory: Path, rows: int, span: float) -> None:
    """Make a database in which `ANN` has so many jobs, asked for evenly over `span` seconds until now."""
    async with opened(directory) as home:
        home.time = NOW - span
        await home.ask(PROMPT)
        home.run()
        await home.core.idle()
    created = f"({NOW - span} + {span / rows} * n)"
    times = {"created": created, "started": f"{created} + 1", "finished": f"{created} + 2"}
    favourite = f"n % {rows // FAVOURITES} = 0"
    with closing(sqlite3.connect(directory / "bot.db")) as db, db:
        _copy(db, "jobs", "id", rows, {"id": "n", "event_id": "'e' || n", "favourite": favourite, **times})
        _copy(db, "pictures", "job", rows, {"job": "n", "file": "n || '-0.png'"})
        waits = "state = 'queued', started = NULL, finished = NULL, shown = 0"
        db.execute(f"UPDATE jobs SET {waits} WHERE id > ?", (rows - OPEN,))
        db.execute("DELETE FROM pictures WHERE job > ?", (rows - OPEN,))


def _copy(db: sqlite3.Connection, table: str, key: str, rows: int, changed: Mapping[str, str]) -> None:
    """Copy the row of job 1 as the rows of the jobs 2 to `rows`, whatever columns the table has."""
    names = [column[1] for column in db.execute(f"PRAGMA table_info({table})")]
    db.execute(
        f"WITH RECURSIVE copies (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM copies WHERE n < {rows}) "
        f"INSERT INTO {table} ({', '.join(names)}) "
        f"SELECT {', '.join(changed.get(name, name) for name in names)} "
        f"FROM copies, (SELECT * FROM {table} WHERE {key} = 1)"
    )


def hand_over(directory: Path, rows: int) -> None:
    """Make the newest ended jobs `BOB`'s: 50,000, or half of all where there are fewer."""
    last = rows - OPEN
    with closing(sqlite3.connect(directory / "bot.db")) as db, db:
        db.execute(
            "UPDATE jobs SET person = ?, user = json_set(user, '$.id', ?) WHERE id > ? AND id <= ?",
            (BOB.person, BOB.id, last - min(FORGOTTEN, rows // 2), last),
        )


async def measure(directory: Path, rows: int, span: float) -> dict[str, float]:
    """Return the milliseconds of everything; what changes the rows comes last."""
    await build(directory, rows, span)
    took: dict[str, float] = {}
    starts = []
    for _ in range(3):
        begun = time.perf_counter()
        async with opened(directory):
            starts.append(1000 * (time.perf_counter() - begun))
    took["start"] = statistics.median(starts)
    async with opened(directory, days=span / 2 / DAY) as home:
        home.time = NOW
        core = home.core
        took["page"] = await _median(lambda: core.jobs(ANN))
        took["deep page"] = await _median(lambda: core.jobs(ANN, before=rows // 10))
        took["favourites"] = await _median(lambda: home.store.favourites(ANN.person, 5))
        took["queue"] = await _median(lambda: home.told("queue"))
        took["quota"] = await _median(lambda: home.usage(ANN))
        took["stats"] = await _median(lambda: home.told("stats", user=CHIEF))
        took["ask"] = await _median(lambda: home.ask(PROMPT))
        took["another's ask"] = await _median(lambda: home.ask(PROMPT, STRANGER))
        took["sweep"], took["wait in sweep"] = await _beside(home, core.sweep)
    hand_over(directory, rows)
    async with opened(directory) as home:
        home.time = NOW
        forget = Action("forget", 0, 0, "yes")
        took["forget"], took["wait in forget"] = await _beside(home, lambda: home.act(forget, BOB))
    return took


async def _median(work: Callable[[], Awaitable[object]]) -> float:
    took: list[float] = []
    while len(took) < REPEATS and sum(took) < ENOUGH:
        begun = time.perf_counter()
        await work()
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


async def _beside(home: BotHarness, work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return how long `work` takes, and the longest that one of a stranger's asks takes until it is done.

    An ask is counted from when it should have been made: the loop may be blocked then.
    """

    async def timed() -> float:
        begun = time.perf_counter()
        await work()
        return 1000 * (time.perf_counter() - begun)

    working, longest = asyncio.ensure_future(timed()), 0.0
    while not working.done():
        due = time.perf_counter() + PAUSE
        await asyncio.sleep(PAUSE)
        await home.ask(PROMPT, STRANGER)
        longest = max(longest, time.perf_counter() - due)
    return await working, 1000 * longest


def main() -> None:
    parser = argparse.ArgumentParser(description="What the bot costs where one person has very many jobs.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 100_000, 500_000])
    sys.stdout.write(f"milliseconds with {Path(bot.__file__).parent}\n")
    head = True
    for rows in parser.parse_args().rows:
        for name, span in SPANS.items():
            with tempfile.TemporaryDirectory() as folder:
                took = asyncio.run(measure(Path(folder), rows, span))
            if head:
                sys.stdout.write(f"rows | over a | {' | '.join(took)}\n")
            head = False
            sys.stdout.write(f"{rows} | {name} | {' | '.join(f'{ms:.1f}' for ms in took.values())}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
