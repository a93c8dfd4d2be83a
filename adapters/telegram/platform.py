"""Telegram as a platform: serve until cancelled, and make a message look like a reply.

Opens the connection to Telegram and puts inbox, outbox and polling together; knows no message itself.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial

from telegram import BotCommand
from telegram.error import InvalidToken
from telegram.ext import AIORateLimiter, ExtBot

from adapters.telegram import place
from adapters.telegram.inbox import Inbox, event_of
from adapters.telegram.outbox import Outbox
from adapters.telegram.polling import Accepted, Polling, patiently
from adapters.telegram.wire import Wire
from bot.commands import COMMANDS
from bot.config import ConfigError, TelegramConfig
from bot.core import Core
from bot.types import Address, Reply

FLOOD_RETRIES = 10
CONNECTIONS = 32


class TelegramPlatform:
    """The Telegram bot behind `settings.token`."""

    name = place.NAME
    pace = 1.0

    def __init__(
        self,
        settings: TelegramConfig,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._bot = _bot(settings)
        self._outbox = Outbox(self._bot, clock, sleep)
        self._accepted = Accepted()

    async def run(self, core: Core) -> None:
        """Serve until cancelled; raises `ConfigError` where Telegram does not know the token."""
        inbox = Inbox(core, self._bot, self._outbox, self._accepted, self._settings.chats, self._sleep)
        polling = Polling(self._bot, inbox.handle, event_of, self._accepted, self._sleep)
        try:
            await patiently(self._bot.initialize, self._sleep)
            await self._introduce(core)
            await polling.run()
        except InvalidToken:
            # The error's own words carry the token.
            raise ConfigError(
                f"telegram.token: {self._settings.base_url} does not know it; "
                "copy it again from @BotFather, or correct telegram.base_url"
            ) from None
        finally:
            await self._bot.shutdown()

    async def show(self, address: Address, reply: Reply) -> Address:
        """Send or edit the message at `address`; its event needs no keeping by Telegram from here on."""
        where = place.read(address)
        self._accepted.accept(where.event)
        return (await self._outbox.show(where, reply)).address()

    async def _introduce(self, core: Core) -> None:
        """Tell Telegram the commands in each language, and that updates are fetched from here on."""
        say = core.replies.texts.say
        for language, code in (("en", None), ("zh", "zh")):
            commands = [BotCommand(entry.name, say(language, f"command-{entry.name}")) for entry in COMMANDS]
            introduce = partial(self._bot.set_my_commands, commands, language_code=code)
            await patiently(introduce, self._sleep)
        await patiently(self._bot.delete_webhook, self._sleep)


def _bot(settings: TelegramConfig) -> "ExtBot[int]":
    # The library's older form of `retry_after` warns at every flood error.
    os.environ.setdefault("PTB_TIMEDELTA", "true")
    return ExtBot(
        settings.token,
        base_url=settings.base_url,
        base_file_url=settings.base_file_url,
        request=Wire(CONNECTIONS, read_timeout=30, write_timeout=20, pool_timeout=30, media_write_timeout=60),
        get_updates_request=Wire(1, read_timeout=10, pool_timeout=10),
        rate_limiter=AIORateLimiter(max_retries=FLOOD_RETRIES),
    )
