"""What Telegram says of the bot: whether its token is good, and what it lacks. For `doctor` and `setup`."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from telegram.error import Forbidden, InvalidToken, TelegramError

from adapters.telegram.address import NAME
from adapters.telegram.limiter import ChatLimiter
from adapters.telegram.platform import TOKEN, build_bot
from bot.setup.config import ConfigError, TelegramConfig
from bot.setup.doctor import Finding

PATIENCE = 15.0
"""Seconds for all that is asked."""


async def examine(settings: TelegramConfig) -> list[Finding]:
    """Ask Telegram, as the bot would reach it, for the bot's name and how it gets its updates."""
    if not TOKEN.fullmatch(settings.token):
        fix = "it looks like 123456:ABC-def; copy it again from @BotFather"
        return [Finding("problem", NAME, "telegram.token is no token", fix)]
    try:
        bot = build_bot(settings, ChatLimiter())
    except ConfigError as error:
        return [Finding("problem", NAME, str(error))]
    try:
        async with asyncio.timeout(PATIENCE):
            await bot.initialize()
            webhook = await bot.get_webhook_info()
    except (InvalidToken, Forbidden):
        where = urlsplit(settings.base_url).netloc
        fix = "copy it again from @BotFather, or correct telegram.base_url"
        return [Finding("problem", NAME, f"telegram.token is refused by {where}", fix)]
    except (TelegramError, TimeoutError) as error:
        fix = "check the network, or set telegram.proxy; the token may be good all the same"
        return [Finding("note", NAME, f"cannot be asked: {str(error) or 'no answer'}", fix)]
    finally:
        with suppress(TelegramError, RuntimeError):
            await bot.shutdown()
    found = [Finding("ok", NAME, f"the token is @{bot.username}'s: https://t.me/{bot.username}")]
    if not bot.bot.can_join_groups:
        found.append(Finding("note", NAME, "it may not be added to groups", "@BotFather, /setjoingroups"))
    if webhook.url and webhook.url != settings.webhook_url:
        text = f"another program gets its updates, at {urlsplit(webhook.url).netloc}"
        fix = "stop that program; the start of this bot takes the webhook away"
        found.append(Finding("note", NAME, text, fix))
    elif webhook.last_error_message:
        text = f"the webhook fails: {webhook.last_error_message}"
        found.append(Finding("note", NAME, text, "see telegram.webhook_url and the proxy that serves it"))
    return found
