"""Telegram keeps what every platform promises."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from adapters.telegram.address import Place
from bot.types import Address
from engine.fake import FakeEngine
from tests.adapters.telegram.chats import ANN, BOB, Json
from tests.adapters.telegram.harness import TelegramHarness, telegram_harness
from tests.adapters.telegram.server import Telegram, telegram
from tests.bot.harness import StepGate
from tests.contracts.platform_contract import PlatformContract, Seen


class TelegramStage:
    """Ann in her own chat with the bot, and Bob in his: what is private on Telegram."""

    def __init__(self, server: Telegram, directory: Path) -> None:
        self._server = server
        self._directory = directory
        self._life = AsyncExitStack()
        self._town: TelegramHarness

    async def begin(self, **more: Any) -> None:
        self._town = await self._life.enter_async_context(
            telegram_harness(self._server, self._directory, **more)
        )
        self.platform = self._town.platform

    async def end(self) -> None:
        await self._life.aclose()

    async def place(self) -> Address:
        asked = self._server.chats.post(ANN["id"], ANN, text="x")
        number = asked["message_id"]
        return Place(ANN["id"], f"{ANN['id']}/{number}", reply=number).address()

    async def seen(self) -> Sequence[Seen]:
        return [_seen(message) for message in self._server.chats.of_bot(ANN["id"])]

    async def seen_by_others(self) -> Sequence[Seen]:
        return [_seen(message) for message in self._server.chats.of_bot(BOB["id"])]

    async def ask(self, prompt: str) -> None:
        await self._town.said(prompt)

    async def press(self, verb: str) -> None:
        messages = self._server.chats.of_bot(ANN["id"])
        last = [each for each in messages if any(one.startswith(f"{verb}:") for one in _data(each))][-1]
        [data] = [one for one in _data(last) if one.startswith(f"{verb}:")][:1]
        await self._town.pressed(last, data)

    async def throttle(self, times: int) -> None:
        self._server.fail("editMessageMedia", *["flood"] * times)

    async def restart(self) -> None:
        await self.end()
        await self.begin()

    async def interrupted(self, prompt: str) -> None:
        await self.end()
        gate = StepGate()
        await self.begin(engine=FakeEngine(16, gate))
        await self._server.chats.says(prompt)
        await gate.reached()
        await self.restart()
        await self._town.settled()


def _seen(message: Json) -> Seen:
    text = message.get("text", "") + message.get("caption", "")
    # The button for the original file is Telegram's own: no action of the bot's.
    data = tuple(one for one in _data(message) if not one.startswith("file:"))
    return Seen(text, int("photo" in message), data)


def _data(message: Json) -> list[str]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["callback_data"] for row in rows for button in row if "callback_data" in button]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[TelegramStage]:
    async with telegram() as server:
        found = TelegramStage(server, tmp_path)
        await found.begin()
        yield found
        await found.end()
        assert server.spec is None or server.spec.violations == []


class TestFacts(PlatformContract):
    """All of them."""
