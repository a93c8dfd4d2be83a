"""Fetches updates and confirms them only when what they want is kept: nothing is lost in a crash.

Knows the offset; knows no message and no core. Telegram forgets updates below the offset of the next call,
which therefore never passes an update that is neither handled nor accepted, that is, its job's row committed.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from telegram import Update
from telegram.error import Conflict, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.ext import ExtBot

from adapters.telegram.intake import Intake
from adapters.telegram.limiter import seconds_of

ALLOWED = (Update.MESSAGE, Update.CALLBACK_QUERY, Update.MESSAGE_REACTION)
LONG_POLL = 25
SHORTEST_POLL = 0.5
PATIENCE = 1.0
"""Seconds after which other updates are fetched beside one that can neither be handled nor kept."""
FIRST_PAUSE = 1.0
LAST_PAUSE = 30.0

Sleep = Callable[[float], Awaitable[None]]
_T = TypeVar("_T")

log = logging.getLogger(__name__)


class Polling:
    """Fetches updates for `intake`."""

    def __init__(self, bot: "ExtBot[bool]", intake: Intake, sleep: Sleep = asyncio.sleep) -> None:
        self._bot = bot
        self._intake = intake
        self._sleep = sleep

    async def run(self) -> None:
        """Fetch until cancelled; raises InvalidToken or Forbidden when Telegram withdraws the token."""
        await retry_until_ok(self._bot.delete_webhook, self._sleep)
        offset = 0
        while True:
            updates = await self._fetch(offset)
            if updates:
                offset = await self._taken(updates)

    async def _taken(self, updates: Sequence[Update]) -> int:
        """Give updates to the intake, which knows those it has; return the first to be fetched again."""
        taking = [asyncio.ensure_future(self._intake.take(update)) for update in updates]
        try:
            await asyncio.wait(taking, timeout=PATIENCE)
            left = (update.update_id for update, take in zip(updates, taking, strict=True) if not take.done())
            return next(left, updates[-1].update_id + 1)
        finally:
            for take in taking:
                take.cancel()

    async def _fetch(self, offset: int) -> Sequence[Update]:
        started = time.monotonic()
        updates = await retry_until_ok(partial(self._get_updates, offset), self._sleep)
        if not updates and time.monotonic() - started < SHORTEST_POLL:
            await self._sleep(SHORTEST_POLL)  # a server that answers at once must not make this spin
        return updates

    async def _get_updates(self, offset: int) -> Sequence[Update]:
        try:
            return await self._bot.get_updates(offset, timeout=LONG_POLL, allowed_updates=ALLOWED)
        except Conflict:
            if not (url := (await self._bot.get_webhook_info()).url):
                raise
            log.warning(
                "another program set a webhook with the same token, which is removed: %s; "
                "stop that program, or set telegram.webhook_url to use webhooks here",
                urlsplit(url).netloc,
            )
            await self._bot.delete_webhook()
            return ()


async def retry_until_ok(call: Callable[[], Awaitable[_T]], sleep: Sleep, *final: type[TelegramError]) -> _T:
    """Call until Telegram answers, ever more slowly, logging once.

    Raises InvalidToken (401, 404), Forbidden (403) and the `final`.
    """
    ends: tuple[type[TelegramError], ...] = (InvalidToken, Forbidden, *final)
    pause = 0.0
    while True:
        try:
            found = await call()
        except ends:
            raise
        except RetryAfter as error:
            await sleep(seconds_of(error))
        except TelegramError as error:
            if not pause:
                log.warning("Telegram cannot be reached, trying again: %s", _reason(error))
            pause = min(max(FIRST_PAUSE, 2 * pause), LAST_PAUSE)
            await sleep(pause)
        else:
            if pause:
                log.info("Telegram answers again")
            return found


def _reason(error: TelegramError) -> str:
    if isinstance(error, Conflict):
        return "another program polls with the same token; stop it"
    return repr(error)
