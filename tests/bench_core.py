"""What the bot itself costs a job while many wait: core, SQLite and files, the engine being free.

`python -m tests.bench_core [WAITING ...]` fills the line with ten jobs a person, then has one job come in and
one be drawn, time after time, so that the line stays as long. It prints the bot's own milliseconds for both
together, from the ask to the picture in its message, everybody's new place told.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

from bot.fake import FakePlatform
from bot.types import Address, Reply, User
from engine.fake import FakeEngine
from engine.types import Event, Task
from tests.bot.harness import TOKENS, BotHarness, bot_harness

WAITING = (30, 300, 3000, 10_000)
JOBS_EACH = 10
ROUNDS = 100


class SlowEngine(FakeEngine):
    """Draws one picture for each permit."""

    def __init__(self) -> None:
        super().__init__(TOKENS)
        self.permits = asyncio.Semaphore(0)

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        await self.permits.acquire()
        async for event in super().run(task):
            yield event


class CountingPlatform(FakePlatform):
    """Counts the pictures that were shown."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = asyncio.Semaphore(0)

    async def show(self, address: Address, reply: Reply) -> Address:
        for _ in reply.images:
            self.pictures.release()
        return await super().show(address, reply)


class Measured(NamedTuple):
    """Milliseconds of the last asks that filled the line, of each round, of CPU; whether turns were taken."""

    asks: list[float]
    rounds: list[float]
    cpu: float
    fair: bool


async def measure(directory: Path, waiting: int) -> Measured:
    """Return what a job costs while `waiting` others wait."""
    engine, platform = SlowEngine(), CountingPlatform()
    people = waiting // JOBS_EACH
    async with bot_harness(directory, engine=engine, platform=platform, run=False) as home:
        asks = [await _ask(home, at, people) for at in range(waiting)]
        await home.settled()
        home.run()
        rounds, busy = [], time.process_time()
        for at in range(ROUNDS):
            begun = time.perf_counter()
            await _ask(home, waiting + at, people)
            engine.permits.release()
            await platform.pictures.acquire()
            rounds.append(1000 * (time.perf_counter() - begun))
        busy = 1000 * (time.process_time() - busy) / ROUNDS
    served = [task.prompt for task in engine.tasks[: min(people, ROUNDS)]]  # type: ignore[union-attr]
    return Measured(asks[-ROUNDS:], rounds, busy, len(set(served)) == len(served))


async def _ask(home: BotHarness, at: int, people: int) -> float:
    begun, name = time.perf_counter(), str(at % people)
    await home.ask(f"a picture for {name}", User("fake", name, name))
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    sys.stdout.write("waiting | ask p50 | ask and picture: mean | p50 | p95 | CPU (ms) | people take turns\n")
    for waiting in [int(word) for word in sys.argv[1:]] or WAITING:
        with tempfile.TemporaryDirectory() as folder:
            asks, rounds, cpu, fair = asyncio.run(measure(Path(folder), waiting))
        marks = (
            statistics.median(asks),
            statistics.mean(rounds),
            *statistics.quantiles(rounds, n=20)[9::9],
            cpu,
        )
        figures = " | ".join(f"{mark:.1f}" for mark in marks)
        sys.stdout.write(f"{waiting} | {figures} | {'yes' if fair else 'no'}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
