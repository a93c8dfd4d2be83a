"""`python -m lab.load.services`: a small Telegram and a small Discord, and the people who use them.

In a process of their own, whose memory and CPU are not the bot's: it reads a line with everybody's names from
stdin, prints a line with the addresses, does what is posted to `/SERVICE/VERB`, and ends with stdin.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from aiohttp import web

from adapters.discord import address as discord_address
from adapters.telegram import address as telegram_address
from bot.types import Action, Address, Verb
from lab.load.ways import STEPS, typed
from tests.adapters.discord import people as discord_people
from tests.adapters.discord import rest as discord_rest
from tests.adapters.telegram import server as telegram_server


class People(Protocol):
    """Everybody at a chat service."""

    async def ready(self) -> None:
        """Wait until the bot is there."""

    async def ask(self, person: str, prompt: str, count: int) -> None:
        """Send a prompt off."""

    async def press(self, person: str, verb: Verb, job: int, place: str) -> None:
        """Press a button of a job's message, if it is there."""

    async def left_with(self, place: str) -> int:
        """Return how many pictures the message of an ended job has; forget it."""


class Telegram:
    """Writes to the bot in private chats on a small Telegram."""

    def __init__(self, server: telegram_server.Telegram, people: Sequence[str]) -> None:
        self._server = server
        self._people: dict[str, dict[str, Any]] = {
            name: {"id": 1000 + at, "is_bot": False, "first_name": name, "language_code": "en"}
            for at, name in enumerate(people)
        }
        server.spec = None  # what it checks is tested elsewhere, and costs more than the bot
        server.chats.people = {person["id"] for person in self._people.values()}

    async def ready(self) -> None:
        await self._server.until(lambda: self._server.offsets)

    async def ask(self, person: str, prompt: str, count: int) -> None:
        await self._server.chats.says(typed(prompt, count), self._people[person])

    async def press(self, person: str, verb: Verb, job: int, place: str) -> None:
        message, action = self._message(place), Action(verb, job).pack()
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        if any(button.get("callback_data") == action for row in rows for button in row):
            await self._server.chats.presses(message, action, self._people[person])

    async def left_with(self, place: str) -> int:
        message = self._message(place)
        chats = self._server.chats
        for shown in message.get("photo", ()):
            chats.files.pop(shown["file_id"], None)
        del chats.messages[message["chat"]["id"], message["message_id"]]
        self._server.calls.clear()
        return len(message.get("photo", ()))

    def _message(self, place: str) -> Any:
        found = telegram_address.read(Address("telegram", place))
        assert found.message is not None
        return self._server.chats.messages[found.chat, found.message]


class Discord:
    """Uses slash commands and buttons in one channel of a small Discord."""

    def __init__(self, discord: discord_rest.Discord, people: Sequence[str]) -> None:
        self._discord = discord
        discord.checked = False
        discord.world.deadline = 60.0  # this machine plays everybody's part
        self._people = {name: discord_people.Chat(discord, name) for name in people}

    async def ready(self) -> None:
        await self._discord.world.until(lambda: self._discord.gateway.ready(1))

    async def ask(self, person: str, prompt: str, count: int) -> None:
        await self._people[person].slash("imagine", prompt=prompt, count=count, steps=STEPS)

    async def press(self, person: str, verb: Verb, job: int, place: str) -> None:
        message = self._message(place)
        if any(each.split(":")[1] == verb for each in message.custom_ids):
            await self._people[person].press(message, verb)

    async def left_with(self, place: str) -> int:
        world, message = self._discord.world, self._message(place)
        for attached in message.body["attachments"]:
            world.files.pop(attached["id"], None)
        del world.messages[message.id]
        world.calls.clear()
        return len(message.files)

    def _message(self, place: str) -> Any:
        return self._discord.world.messages[discord_address.read(Address("discord", place)).message]


async def main() -> None:
    """Serve until stdin ends."""
    names = json.loads(sys.stdin.readline())
    async with telegram_server.telegram() as telegram, discord_rest.running() as discord:
        services: dict[str, People] = {
            "telegram": Telegram(telegram, names),
            "discord": Discord(discord, names),
        }

        async def do(request: web.Request) -> web.Response:
            work = getattr(services[request.match_info["service"]], request.match_info["verb"])
            return web.json_response(await work(*await request.json()))

        app = web.Application()
        app.router.add_post("/{service}/{verb}", do)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found = {
            "url": f"http://127.0.0.1:{runner.addresses[0][1]}",
            "telegram": {
                "token": telegram_server.TOKEN,
                "base_url": f"{telegram.url}/bot",
                "base_file_url": f"{telegram.url}/file/bot",
            },
            "discord": {
                "token": discord_rest.TOKEN,
                "api_base": discord.api_base,
                "gateway_url": discord.gateway_url,
            },
        }
        print(json.dumps(found), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
