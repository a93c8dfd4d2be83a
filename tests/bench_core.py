"""What the bot itself costs: 300 jobs of 30 people through core, SQLite and files, the engine being free.

`python -m tests.bench_core` prints the bot's own milliseconds a job and the order in which people were
served. A job's overhead is the time of its submit plus the time from its hand-out to the engine until its
picture is in its message; everything else is waiting for others.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from bot.fake import FakePlatform
from bot.types import Address, Reply, User
from engine.fake import FakeEngine
from engine.types import Event, Task
from tests.bot.house import TOKENS, house

PEOPLE = 30
JOBS = 10


class TimedEngine(FakeEngine):
    """Notes when each task comes in."""

    def __init__(self) -> None:
        super().__init__(TOKENS)
        self.began: dict[str, float] = {}

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        self.began[task.prompt] = time.perf_counter()  # type: ignore[union-attr]
        async for event in super().run(task):
            yield event


class TimedPlatform(FakePlatform):
    """Notes when each picture is shown, by its file."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, float] = {}

    async def show(self, address: Address, reply: Reply) -> Address:
        for image in reply.images:
            self.shown[image.alt] = time.perf_counter()
        return await super().show(address, reply)


async def measure(directory: Path) -> tuple[list[float], list[str]]:
    """Return each job's overhead in milliseconds and the people in the order they were served."""
    engine, platform = TimedEngine(), TimedPlatform()
    async with house(directory, engine=engine, platform=platform, run=False) as home:
        submits: dict[str, float] = {}
        for person in range(PEOPLE):
            for at in range(JOBS):
                prompt, begun = f"person {person:02} picture {at}", time.perf_counter()
                await home.ask(prompt, User("fake", str(person), "P"))
                submits[prompt] = time.perf_counter() - begun
        home.run()
        await home.core.idle()
    spent = [submits[name] + platform.shown[name] - engine.began[name] for name in submits]
    return [1000 * one for one in spent], [task.prompt.split()[1] for task in engine.tasks]  # type: ignore[union-attr]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        begun, busy = time.perf_counter(), time.process_time()
        spent, order = asyncio.run(measure(Path(folder)))
        wall, busy = time.perf_counter() - begun, time.process_time() - busy
    marks = statistics.quantiles(spent, n=20)
    fair = all(len(set(order[at : at + PEOPLE])) == PEOPLE for at in range(0, len(order), PEOPLE))
    whole, cpu = 1000 * wall / len(spent), 1000 * busy / len(spent)
    sys.stdout.write(
        f"{len(spent)} jobs in {wall:.1f} s ({whole:.1f} ms a job, of them {cpu:.1f} ms CPU)\n"
        f"overhead a job: p50 {marks[9]:.1f} ms, p95 {marks[18]:.1f} ms\n"
        f"every person once in each round of {PEOPLE}: {'yes' if fair else 'no'}\n"
        f"first two rounds: {' '.join(order[: 2 * PEOPLE])}\n"
    )


if __name__ == "__main__":
    main()
