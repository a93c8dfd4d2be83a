"""A whole bot on a small Telegram: the real core and adapter, a fake engine, sockets between."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.telegram import TelegramPlatform
from bot.policy.access import Access
from bot.replies.replies import Replies
from bot.setup.config import TelegramConfig
from tests.adapters.telegram.chats import ANN, Json
from tests.adapters.telegram.server import TOKEN, Telegram
from tests.bot.harness import PROFILE, BotHarness, bot_harness

Sleep = Callable[[float], Awaitable[None]]


class TelegramHarness:
    """One life of a bot that serves `server`."""

    def __init__(
        self, server: Telegram, home: BotHarness, platform: TelegramPlatform, serving: "asyncio.Task[None]"
    ) -> None:
        self.server = server
        self.serving = serving
        self.home = home
        self.platform = platform
        self.chats = server.chats

    async def settled(self) -> None:
        """Wait until every update was taken and every message is up to date."""
        await self.server.until(lambda: self.server.offsets and not self.chats.updates)
        handling = [task for task in asyncio.all_tasks() if task.get_name().startswith("update ")]
        await asyncio.gather(*handling)
        await self.home.core.idle()

    async def said(self, text: str = "", who: Json = ANN, **more: Any) -> Json:
        """A person writes; return the bot's newest message in the chat once all is done."""
        message = await self.chats.says(text, who, **more)
        await self.settled()
        return self.chats.of_bot(message["chat"]["id"])[-1]

    async def pressed(self, message: Json, button: str, who: Json = ANN) -> Json:
        """A person presses; return how the press was answered once all is done."""
        query = await self.chats.presses(message, button, who)
        answer: Json = await self.server.until(lambda: self.chats.answers.get(query["id"]))
        await self.settled()
        return answer


def config(
    server: Telegram, webhook: tuple[str, str] = ("", ""), token: str = TOKEN, proxy: str = ""
) -> TelegramConfig:
    """Return the settings of a bot on `server`."""
    return TelegramConfig(
        token, *webhook, base_url=f"{server.url}/bot", base_file_url=f"{server.url}/file/bot", proxy=proxy
    )


async def _at_once(seconds: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def telegram_harness(
    server: Telegram,
    directory: Path,
    sleep: Sleep = _at_once,
    clock: Callable[[], float] = time.monotonic,
    access: Access | None = None,
    webhook: tuple[str, str] = ("", ""),
    proxy: str = "",
    **more: Any,
) -> AsyncIterator[TelegramHarness]:
    """Start a bot on `server` and stop it at the end; the same directory again is the same bot restarted."""
    platform = TelegramPlatform(
        config(server, webhook, proxy=proxy),
        Replies(PROFILE),
        (access or Access()).admins,
        clock,
        sleep,
        lambda: home.time,
    )
    async with bot_harness(directory, platform=platform, access=access or Access(), **more) as home:
        here = TelegramHarness(server, home, platform, asyncio.create_task(platform.run(home.core)))
        try:
            yield here
        finally:
            here.serving.cancel()
            await asyncio.gather(here.serving, return_exceptions=True)


def buttons(message: Json) -> list[str]:
    """Return the words of a message's buttons."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]
