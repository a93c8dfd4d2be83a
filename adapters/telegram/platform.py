"""Telegram as a platform: serve until cancelled, and make a message look like a reply.

Opens the connection to Telegram and puts outbox, inbox and the way updates come together; knows no message.
"""

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from telegram import BotCommand, BotCommandScope, BotCommandScopeChat, BotCommandScopeDefault
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, TelegramError
from telegram.ext import ExtBot

from adapters.proxy import find_proxy
from adapters.telegram import address as place
from adapters.telegram.api_calls import Post
from adapters.telegram.http import CancellableHttp
from adapters.telegram.inbox import Inbox, event_of
from adapters.telegram.intake import Intake, PendingEvents
from adapters.telegram.limiter import ChatLimiter
from adapters.telegram.outbox import Outbox
from adapters.telegram.polling import Polling, retry_until_ok
from adapters.telegram.responder import Responder
from adapters.telegram.webhook import Webhook
from bot.core import Core
from bot.locales.texts import DEFAULT, LANGUAGES
from bot.replies.replies import Replies
from bot.requests.commands import COMMANDS
from bot.setup.config import ConfigError, TelegramConfig
from bot.types import Address, Reply

TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
CONNECTIONS = 32
UNKNOWN = (BadRequest, Forbidden, ChatMigrated)
"""How Telegram says that there is no such chat for the bot."""
CHATS = (f"{place.NAME}:user:", f"{place.NAME}:chat:")

log = logging.getLogger(__name__)


class TelegramPlatform:
    """The Telegram bot behind `settings.token`.

    `admins` are the administrators' names in the configuration; `now` gives Unix seconds.
    """

    name = place.NAME
    pace = 1.0

    def __init__(
        self,
        settings: TelegramConfig,
        replies: Replies,
        admins: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._replies = replies
        self._admins = admins
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._outbox = Outbox(self._until, clock, sleep)
        self._accepted = PendingEvents()

    async def run(self, core: Core) -> None:
        """Serve until cancelled.

        Raises `ConfigError` for a token that is none or that Telegram refuses, and for a proxy of no use.
        """
        if not TOKEN.fullmatch(self._settings.token):
            raise ConfigError("telegram.token looks like 123456:ABC-def; copy it again from @BotFather")
        bot = build_bot(self._settings, ChatLimiter(self._clock, self._sleep))
        self._outbox.connect(Post(bot))
        responder = Responder(core, self._replies, bot, self._outbox, self._accepted)
        inbox = Inbox(responder, self._sleep)
        intake = Intake(
            inbox.handle,
            inbox.apologize,
            event_of,
            self._accepted,
            core.kept_updates,
            inbox.arrived,
            self._sleep,
        )
        introducing: asyncio.Task[None] | None = None
        try:
            await retry_until_ok(bot.initialize, self._sleep)
            # Telegram may want an hour's pause here; nobody waits for a menu.
            introducing = asyncio.create_task(self._introduce(bot), name="menu of commands")
            await intake.resume(bot)
            await self._source(bot, intake).run()
        except (InvalidToken, Forbidden):
            # The first one's own words carry the token.
            raise ConfigError(
                f"telegram.token: {self._settings.base_url} refuses it; "
                "copy it again from @BotFather, or correct telegram.base_url"
            ) from None
        finally:
            if introducing is not None:
                introducing.cancel()
                await asyncio.gather(introducing, return_exceptions=True)
            await intake.close()
            await bot.shutdown()

    async def show(self, address: Address, reply: Reply) -> Address:
        """Send or edit the message at `address`; its event needs no keeping by Telegram from here on.

        Raises `Gone` where the chat is out of reach for good.
        """
        where = place.read(address)
        self._accepted.accept(where.event)
        return (await self._outbox.show(where, reply)).address()

    def _source(self, bot: "ExtBot[bool]", intake: Intake) -> Polling | Webhook:
        settings = self._settings
        if settings.webhook_url:
            return Webhook(bot, intake, settings.webhook_url, settings.webhook_listen, self._sleep)
        return Polling(bot, intake, self._sleep)

    async def _introduce(self, bot: "ExtBot[bool]") -> None:
        """Tell Telegram the commands in each language, those of administrators in their chats."""
        chats = [name for name in self._admins if name.startswith(CHATS)]
        scopes = {name: BotCommandScopeChat(name.rpartition(":")[2]) for name in chats}
        for name, scope in {"everybody": BotCommandScopeDefault(), **scopes}.items():
            try:
                await self._offer(bot, scope, admins=name in scopes)
            except TelegramError as error:
                log.info("%s is not shown the menu of commands: %s", name, error)

    async def _offer(self, bot: "ExtBot[bool]", scope: BotCommandScope, admins: bool) -> None:
        say = self._replies.texts.say
        entries = [entry.name for entry in COMMANDS if admins or not entry.admins]
        for language in LANGUAGES:
            # Without a language the commands are what everybody else sees.
            code = None if language == DEFAULT else language
            commands = [BotCommand(name, say(language, f"command-{name}")) for name in entries]
            tell = partial(bot.set_my_commands, commands, scope=scope, language_code=code)
            await retry_until_ok(tell, self._sleep, *UNKNOWN)

    def _until(self, lang: str, eta: float) -> str:
        """Return "about 2 minutes", "" for a time that has passed."""
        left = eta - self._now()
        return self._replies.about(lang, left) if left > 0 else ""


def build_bot(settings: TelegramConfig, limiter: ChatLimiter) -> "ExtBot[bool]":
    """Return the library's client; raises `ConfigError` for a proxy that cannot be used."""
    proxy = find_proxy(settings.base_url, "telegram.proxy", settings.proxy)
    connect = {"proxy": proxy.url if proxy else None}
    # The library's older form of `retry_after` warns at every flood error.
    os.environ.setdefault("PTB_TIMEDELTA", "true")
    return ExtBot(
        settings.token,
        base_url=settings.base_url,
        base_file_url=settings.base_file_url,
        request=CancellableHttp(
            CONNECTIONS,
            read_timeout=30,
            write_timeout=20,
            pool_timeout=30,
            media_write_timeout=60,
            **connect,
        ),
        get_updates_request=CancellableHttp(1, read_timeout=10, pool_timeout=10, **connect),
        rate_limiter=limiter,
    )
