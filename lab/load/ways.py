"""The ways by which people ask: the core itself, the page, Telegram and Discord, each on loopback.

Telegram and Discord run in a process of their own, `lab.load.services`, and so do the people who use them.
"""

import asyncio
import itertools
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from adapters.discord import DiscordPlatform
from adapters.telegram import TelegramPlatform
from adapters.web import WebPlatform
from bot.core import Core
from bot.platform import Platform
from bot.replies.replies import Replies
from bot.setup.config import DiscordConfig, TelegramConfig, WebConfig
from bot.types import Action, Address, Display, Params, Reply, Request, User, Verb

ROOT = Path(__file__).parents[2]
HURRY = 50.0
"""How many times faster than by the clock everything waits that waits for a platform."""
STEPS = 2


def hurried_clock() -> float:
    """Return seconds of a monotonic clock that runs as fast as everything waits."""
    return HURRY * time.monotonic()


async def hurried(seconds: float) -> None:
    """Wait, but not as long; what is due in an hour is not due."""
    await asyncio.sleep(seconds / HURRY if seconds < 1000 else seconds)


def typed(prompt: str, count: int) -> str:
    """Return what somebody types who wants so many pictures; the prompt ends it."""
    return f"/imagine --count {count} --steps {STEPS} {prompt}"


class Way(Protocol):
    """A way to ask."""

    @property
    def platform(self) -> Display:
        """Where replies to them are shown."""

    async def serve(self, core: Core) -> None:
        """Serve people until cancelled."""

    async def ready(self) -> None:
        """Wait until people can ask."""

    async def ask(self, person: str, prompt: str, count: int) -> None:
        """Send a prompt off."""

    async def press(self, person: str, verb: Verb, job: int, address: Address) -> None:
        """Press a button of a job's message."""

    async def left_with(self, person: str, job: int, address: Address) -> int | None:
        """Return how many pictures the person sees of an ended job, None where nobody sees; forget it."""


class Nowhere:
    """A platform that takes every reply."""

    name, pace = "core", 1.0

    async def show(self, address: Address, reply: Reply) -> Address:
        """Take it."""
        return Address(self.name, address.place.removeprefix("new "))


class Direct:
    """Calls the core."""

    def __init__(self) -> None:
        self.platform = Nowhere()
        self._numbers = itertools.count(time.time_ns())  # no event of an earlier run
        self._core: Core

    async def serve(self, core: Core) -> None:
        self._core = core

    async def ready(self) -> None:
        pass

    async def ask(self, person: str, prompt: str, count: int) -> None:
        event, place = self._event()
        params = Params(prompt, steps=STEPS, count=count)
        await self._core.submit(Request(User("core", person, person), place, event, "imagine", params))

    async def press(self, person: str, verb: Verb, job: int, address: Address) -> None:
        event, place = self._event()
        await self._core.press(User("core", person, person), Action(verb, job), place, event)

    async def left_with(self, person: str, job: int, address: Address) -> int | None:
        return None

    def _event(self) -> tuple[str, Address]:
        event = str(next(self._numbers))
        return event, Address("core", f"new {event}")


class Page:
    """Posts to the page, each person with a token of their own."""

    def __init__(self, folder: Path, replies: Replies, people: Sequence[str]) -> None:
        tokens = {name: f"the token of {name}" for name in people}
        self.platform = WebPlatform(WebConfig(port=0, people=tokens), folder, replies)
        self._tokens = tokens
        self._numbers = itertools.count()
        self._session: aiohttp.ClientSession

    async def serve(self, core: Core) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)) as self._session:
            await self.platform.run(core)

    async def ready(self) -> None:
        await self.platform.started()

    async def ask(self, person: str, prompt: str, count: int) -> None:
        await self._call(person, "POST", "messages", text=typed(prompt, count))

    async def press(self, person: str, verb: Verb, job: int, address: Address) -> None:
        await self._call(person, "POST", f"jobs/{job}/actions", verb=verb)

    async def left_with(self, person: str, job: int, address: Address) -> int | None:
        return len((await self._call(person, "GET", f"jobs/{job}"))["images"])

    async def _call(self, person: str, method: str, path: str, **body: Any) -> Any:
        if body:
            body["message"] = f"message-{next(self._numbers)}"
        headers = {"Authorization": f"Bearer {self._tokens[person]}"}
        url = f"{await self.platform.started()}/api/{path}"
        async with self._session.request(method, url, json=body or None, headers=headers) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()


class Service:
    """Has people of another process use the chat service there, with `platform` on it."""

    def __init__(self, platform: Platform, session: aiohttp.ClientSession) -> None:
        self.platform = platform
        self._session = session

    async def serve(self, core: Core) -> None:
        await self.platform.run(core)

    async def ready(self) -> None:
        await self._call("ready")

    async def ask(self, person: str, prompt: str, count: int) -> None:
        await self._call("ask", person, prompt, count)

    async def press(self, person: str, verb: Verb, job: int, address: Address) -> None:
        await self._call("press", person, verb, job, address.place)

    async def left_with(self, person: str, job: int, address: Address) -> int | None:
        return await self._call("left_with", address.place)

    async def _call(self, verb: str, *values: str | int) -> int | None:
        async with self._session.post(f"/{self.platform.name}/{verb}", json=values) as answer:
            assert answer.ok, await answer.text()
            found: int | None = await answer.json()
            return found


@asynccontextmanager
async def opened(
    names: Sequence[str], folder: Path, replies: Replies, people: Sequence[str]
) -> AsyncIterator[list[Way]]:
    """Yield the ways of these names, their services running; `people` are all who will ask."""
    made: dict[str, Way] = {"core": Direct()}
    if "web" in names:
        made["web"] = Page(folder, replies, people)
    if made.keys() >= set(names):
        yield [made[name] for name in names]
        return
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lab.load.services", stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(people).encode() + b"\n")
        found = json.loads(await child.stdout.readline())
        # The default pool is smaller than the crowd.
        async with aiohttp.ClientSession(found["url"], connector=aiohttp.TCPConnector(limit=0)) as session:
            telegram, discord = TelegramConfig(**found["telegram"]), DiscordConfig(**found["discord"])
            made["telegram"] = Service(
                TelegramPlatform(telegram, replies, clock=hurried_clock, sleep=hurried), session
            )
            made["discord"] = Service(DiscordPlatform(discord, folder, replies, time.time, hurried), session)
            yield [made[name] for name in names]
    finally:
        child.stdin.close()
        await child.wait()
