"""A whole bot in small for tests: the real core, store and files between fake platform and fake engine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bot.core import Core, CoreSettings
from bot.fake import FakePlatform
from bot.policy.limits import Rule, Usage, in_pictures
from bot.policy.moderation import BannedWords
from bot.replies.replies import Replies
from bot.requests.commands import Command
from bot.requests.tasks import picture_cost
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.storage.retention import Retention
from bot.types import Action, Address, Fetch, Job, Params, Reply, Request, User, Verb
from engine.fake import FakeEngine
from engine.types import Generate, ModelProfile

PROFILE = ModelProfile("small", base_size=64, max_size=256)
TOKENS = 16
FREE = Rule(0, 0, 0, 0, 4, 1.0)
ANN = User("fake", "1", "Ann")
BOB = User("fake", "2", "Bob")
CHIEF = User("web", "local", "local", groups=("web:local",))


class StepGate:
    """Holds every picture before a chosen step until it is opened: time stops in mid-picture."""

    def __init__(self, step: int = 1) -> None:
        self._step = step
        self._open = asyncio.Event()
        self._reached = asyncio.Semaphore(0)

    async def __call__(self, task: Generate, step: int) -> None:
        if step == self._step and not self._open.is_set():
            self._reached.release()
            await self._open.wait()

    async def reached(self, pictures: int = 1) -> None:
        """Wait until so many pictures more stand at the gate."""
        for _ in range(pictures):
            await self._reached.acquire()

    def open(self) -> None:
        self._open.set()


class BotHarness:
    """One life of a bot over `directory`."""

    def __init__(
        self,
        store: JobStore,
        directory: Path,
        engine: Any,
        platform: FakePlatform,
        settings: CoreSettings,
        banned: Sequence[str],
    ) -> None:
        self.store = store
        self.engine = engine
        self.platform = platform
        self.time = self._latest = 1000.0
        self.sleeps = 0
        self.replies = Replies(settings.profile)
        self._unit = picture_cost(settings.profile, settings.defaults.steps)
        self.images = PictureFolder(directory / "pictures")
        self.core = Core(
            store=store,
            images=self.images,
            engine=engine,
            replies=self.replies,
            banned_words=BannedWords(banned),
            settings=settings,
            platforms={platform.name: platform},
            now=lambda: self.time,
            clock=self._monotonic,
            sleep=self._sleep,
        )
        self._events = 0
        self._running: asyncio.Task[None] | None = None

    def _monotonic(self) -> float:
        self._latest = max(self._latest, self.time)
        return self._latest

    async def _sleep(self, seconds: float) -> None:
        self.sleeps += 1
        if seconds > 1000:
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    def run(self) -> None:
        self._running = asyncio.create_task(self.core.run())

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def ask(self, prompt: str = "a boat", user: User = ANN, **said: Any) -> Job:
        """Submit a prompt, perhaps a picture, with the quickest parameters that are not said otherwise."""
        self._events += 1
        event = said.pop("event", f"{id(self)}-{self._events}")
        kind, image = said.pop("kind", "imagine"), said.pop("image", None)
        fetch = said.pop("fetch", _fetching(image) if isinstance(image, bytes) else None)
        kept = image if isinstance(image, str) else None
        params = Params(prompt, **{"steps": 2, "seed": 5, **said})
        return await self.core.submit(
            Request(user, Address("fake", f"new {event}"), event, kind, params, kept), fetch
        )

    async def press(
        self, verb: Verb, job: Job, index: int = 0, user: User = ANN, event: str = ""
    ) -> Job | Reply | None:
        return await self.act(Action(verb, job.id, index), user, event)

    async def act(self, action: Action, user: User = ANN, event: str = "") -> Job | Reply | None:
        """Press a button, whatever it carries."""
        self._events += 1
        event = event or f"{id(self)}-{self._events}"
        return await self.core.press(user, action, Address("fake", f"new {event}"), event)

    async def told(self, command: str, rest: str = "", user: User = ANN) -> Reply:
        """Give a command that is answered at once."""
        return await self.core.answer(user, Command(command, rest))

    async def pressed(self, verb: Verb, job: Job, index: int = 0) -> Job:
        """Press a button that makes a job, wait for its end and return it."""
        made = await self.press(verb, job, index)
        assert isinstance(made, Job)
        await self.core.idle()
        return await self.row(made)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Let the bot work until a condition on its rows holds."""
        for _ in range(10_000):
            if await condition():
                return
        raise AssertionError("the bot came to rest before the condition held")

    async def settled(self) -> None:
        """Wait until every message is up to date, whatever still runs."""
        await self.core._runner.delivery.drained()

    async def usage(self, user: User) -> Usage:
        """Return what a user asked for in the last day, in pictures."""
        person = self.store.accounts.with_account(user).person
        return in_pictures(await self.store.usage(person, self.time), self._unit)

    async def row(self, job: Job) -> Job:
        row = await self.store.job(job.id)
        assert row is not None
        return row

    async def message(self, job: Job) -> Reply:
        """Return what the job's message shows now."""
        return self.platform.latest[(await self.row(job)).request.address]


@asynccontextmanager
async def bot_harness(
    directory: Path,
    *,
    engine: Any = None,
    platform: FakePlatform | None = None,
    rule: Rule = FREE,
    banned: Sequence[str] = ("forbidden",),
    run: bool = True,
    **said: Any,
) -> AsyncIterator[BotHarness]:
    """Open a bot, pick up what an earlier life left, and stop it in order at the end.

    What else is `said` are fields of its `CoreSettings`.
    """
    standard = {"profile": PROFILE, "defaults": Params(""), "rule": rule, "retention": Retention(1.0)}
    settings = CoreSettings(**(standard | said))
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(JobStore.open(directory))
        engine, platform = engine or FakeEngine(TOKENS), platform or FakePlatform()
        home = BotHarness(store, directory, engine, platform, settings, banned)
        stack.push_async_callback(home.stop)
        await home.core.recover()
        if run:
            home.run()
        yield home


def _fetching(picture: bytes) -> Fetch:
    async def fetch() -> bytes:
        return picture

    return fetch
