"""The ways by which people ask: the core itself, the page, Telegram and Discord, each on loopback."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from adapters.discord import DiscordPlatform
from adapters.discord import address as discord_address
from adapters.telegram import TelegramPlatform
from adapters.telegram import address as telegram_address
from adapters.web import WebPlatform
from bot.core import Core
from bot.replies.replies import Replies
from bot.setup.config import DiscordConfig, WebConfig
from bot.types import Action, Address, Display, Params, Reply, Request, User, Verb
from tests.adapters.discord import people as discord_people
from tests.adapters.discord import rest as discord_rest
from tests.adapters.telegram import harness as telegram_harness
from tests.adapters.telegram import server as telegram_server

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


class Telegram:
    """Writes to the bot in private chats on a small Telegram."""

    def __init__(self, server: telegram_server.Telegram, replies: Replies, people: Sequence[str]) -> None:
        config = telegram_harness.config(server)
        self.platform = TelegramPlatform(config, replies, clock=hurried_clock, sleep=hurried)
        self._server = server
        self._people: dict[str, dict[str, Any]] = {
            name: {"id": 1000 + at, "is_bot": False, "first_name": name, "language_code": "en"}
            for at, name in enumerate(people)
        }
        server.spec = None  # what it checks is tested elsewhere, and costs more than the bot
        server.chats.people = {person["id"] for person in self._people.values()}

    async def serve(self, core: Core) -> None:
        await self.platform.run(core)

    async def ready(self) -> None:
        await self._server.until(lambda: self._server.offsets)

    async def ask(self, person: str, prompt: str, count: int) -> None:
        await self._server.chats.says(typed(prompt, count), self._people[person])

    async def press(self, person: str, verb: Verb, job: int, address: Address) -> None:
        message, action = self._message(address), Action(verb, job).pack()
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        if any(button.get("callback_data") == action for row in rows for button in row):
            await self._server.chats.presses(message, action, self._people[person])

    async def left_with(self, person: str, job: int, address: Address) -> int | None:
        message = self._message(address)
        chats = self._server.chats
        for shown in message.get("photo", ()):
            chats.files.pop(shown["file_id"], None)
        del chats.messages[message["chat"]["id"], message["message_id"]]
        self._server.calls.clear()
        return len(message.get("photo", ()))

    def _message(self, address: Address) -> Any:
        place = telegram_address.read(address)
        assert place.message is not None
        return self._server.chats.messages[place.chat, place.message]


class Discord:
    """Uses slash commands and buttons in one channel of a small Discord."""

    def __init__(
        self, discord: discord_rest.Discord, folder: Path, replies: Replies, people: Sequence[str]
    ) -> None:
        settings = DiscordConfig(
            discord_rest.TOKEN, api_base=discord.api_base, gateway_url=discord.gateway_url
        )
        self.platform = DiscordPlatform(settings, folder, replies, time.time, hurried)
        self._discord = discord
        discord.checked = False
        discord.world.deadline = 60.0  # this machine plays everybody's part
        self._people = {name: discord_people.Chat(discord, name) for name in people}

    async def serve(self, core: Core) -> None:
        await self.platform.run(core)

    async def ready(self) -> None:
        await self._discord.world.until(lambda: self._discord.gateway.ready(1))

    async def ask(self, person: str, prompt: str, count: int) -> None:
        await self._people[person].slash("imagine", prompt=prompt, count=count, steps=STEPS)

    async def press(self, person: str, verb: Verb, job: int, address: Address) -> None:
        message = self._message(address)
        if any(each.split(":")[1] == verb for each in message.custom_ids):
            await self._people[person].press(message, verb)

    async def left_with(self, person: str, job: int, address: Address) -> int | None:
        world, message = self._discord.world, self._message(address)
        for attached in message.body["attachments"]:
            world.files.pop(attached["id"], None)
        del world.messages[message.id]
        world.calls.clear()
        return len(message.files)

    def _message(self, address: Address) -> Any:
        return self._discord.world.messages[discord_address.read(address).message]


@asynccontextmanager
async def opened(
    names: Sequence[str], folder: Path, replies: Replies, people: Sequence[str]
) -> AsyncIterator[list[Way]]:
    """Yield the ways of these names, their services running; `people` are all who will ask."""
    async with telegram_server.telegram() as telegram, discord_rest.running() as discord:
        made: dict[str, Way] = {"core": Direct()}
        if "web" in names:
            made["web"] = Page(folder, replies, people)
        if "telegram" in names:
            made["telegram"] = Telegram(telegram, replies, people)
        if "discord" in names:
            made["discord"] = Discord(discord, folder, replies, people)
        yield [made[name] for name in names]
