"""The bot that is measured: the real core, store and adapters, and an engine that sleeps."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bot.core import Core, CoreSettings
from bot.policy.limits import Rule
from bot.policy.moderation import BannedWords
from bot.replies.replies import Replies
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Address, Display, Job, Params, Reply
from engine.fake import striped
from engine.types import Event, Generate, ModelProfile, Picture, Progress, PromptReady, Task
from lab.load.crowd import Crowd
from lab.load.ways import STEPS, Nowhere, hurried, hurried_clock, opened

PROFILE = ModelProfile("small", base_size=64, max_size=256, steps=STEPS)
FREE = Rule(0, 0, 0, 0, 4, 1.0)
TOKENS = 16
SINK = (Nowhere(),)
"""The platforms of a bot that nobody reads."""


class SleepingEngine:
    """Sleeps for each step of a picture of `seconds`; every picture is the same."""

    def __init__(self, crowd: Crowd, seconds: float) -> None:
        self.rooms = (TOKENS * crowd.room,)
        self._crowd = crowd
        self._pause = seconds / STEPS
        self._png = striped("load", 64, 64)

    def watch(self, changed: Callable[[], None]) -> None:
        """Do nothing: nothing changes."""

    def start(self) -> None:
        """Do nothing: it is ready."""

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        """Yield the events of a picture."""
        assert isinstance(task, Generate)
        self._crowd.begins(task.prompt)
        try:
            yield PromptReady(task.prompt, f"a picture of {task.prompt}", "", ("optimized",))
            for step in range(1, STEPS + 1):
                await asyncio.sleep(self._pause)
                yield Progress(step, STEPS)
            yield Picture(self._png, task.width, task.height, task.seed, 0.0, {"scheduled_steps": STEPS})
        finally:
            self._crowd.drawing -= 1

    async def close(self) -> None:
        """Do nothing: nothing is held."""


class Screen:
    """A platform that lets the crowd see each reply it has taken."""

    def __init__(self, crowd: Crowd, platform: Display) -> None:
        self.name, self.pace = platform.name, platform.pace
        self._crowd = crowd
        self._platform = platform

    async def show(self, address: Address, reply: Reply) -> Address:
        """Show a reply where the platform does."""
        address = await self._platform.show(address, reply)
        if reply.job is not None:
            self._crowd.sees(reply.job, reply, address)
        return address


class Store(JobStore):
    """The bot's own, which tells the crowd of each new job before it waits in line."""

    crowd: Crowd

    async def admit(self, *args: Any) -> tuple[Job, bool]:
        """Admit a request as ever."""
        job, new = await super().admit(*args)
        if new:
            self.crowd.accepts(job)
        return job, new


class Measured(NamedTuple):
    """Seconds by the clock and of CPU, commits to the database, and the crowd with all it saw."""

    seconds: float
    cpu: float
    commits: int
    crowd: Crowd


@asynccontextmanager
async def serving(
    folder: Path,
    crowd: Crowd,
    platforms: Sequence[Display],
    replies: Replies | None = None,
    seconds: float = 0.0,
    **settings: Any,
) -> AsyncIterator[tuple[Core, Store]]:
    """Open the bot in `folder`; the rest are fields of its `CoreSettings`."""
    async with Store.open(folder) as store:
        assert isinstance(store, Store)
        store.crowd = crowd
        core = Core(
            store=store,
            images=PictureFolder(folder / "pictures"),
            engine=SleepingEngine(crowd, seconds),
            replies=replies or Replies(PROFILE),
            banned_words=BannedWords(()),
            settings=CoreSettings(PROFILE, Params("", steps=STEPS), FREE, **settings),
            platforms={platform.name: Screen(crowd, platform) for platform in platforms},
            clock=hurried_clock,
            sleep=hurried,
        )
        await core.recover()
        yield core, store


async def load(
    folder: Path, jobs: int, people: int, ways: Sequence[str], room: int = 16, seconds: float = 0.0
) -> Measured:
    """Let so many people ask for so many jobs between them by these ways, and check what became of each."""
    crowd, replies = Crowd(jobs, room), Replies(PROFILE)
    names = [f"p{number}" for number in range(people)]
    async with (
        opened(ways, folder, replies, names) as found,
        serving(folder, crowd, [way.platform for way in found], replies, seconds) as (core, store),
    ):
        [(known,)] = await store._db.rows("SELECT coalesce(max(id), 0) FROM jobs")
        commits = store._db._write.rounds
        running = [asyncio.create_task(each) for each in (core.run(), *(way.serve(core) for way in found))]
        await asyncio.gather(*(way.ready() for way in found))
        clock, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(crowd.live(name, found[at % len(found)]) for at, name in enumerate(names)))
        await core.idle()
        clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
        rows = await store._db.rows(
            "SELECT id, state, shown, (SELECT count(*) FROM pictures WHERE job = id) FROM jobs WHERE id > ?",
            (known,),
        )
        crowd.check([(row[0], row[1], row[2], row[3]) for row in rows])
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return Measured(clock, cpu, store._db._write.rounds - commits, crowd)
