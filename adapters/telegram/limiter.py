"""Keeps the bot inside Telegram's limits, chat by chat: a chat that is flooded holds up no other chat.

Knows calls by their method and chat only. The library's own limiter halts every call at a flood error.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from telegram.error import RetryAfter
from telegram.ext import BaseRateLimiter

from engine.lru import LruDict

PER_SECOND = 30
PER_GROUP = 20
GROUP_SECONDS = 60.0
RESERVE = 10
"""Messages of a group's minute that status edits leave for pictures and answers."""
RETRIES = 10
FLOODED_CHATS = 3
"""So many flooded chats at once mean that the bot is, and not the chats."""

Result = Any

log = logging.getLogger(__name__)


@dataclass(slots=True)
class TokenBucket:
    """Lets `size` calls through at once and refills one call in `interval` seconds of the clock."""

    size: float
    interval: float
    left: float
    filled: float

    def take(self, now: float) -> float:
        """Take a call and return the seconds until it may be made; calls come in the order of taking."""
        self.left = self.available(now) - 1
        self.filled = now
        return max(0.0, -self.left * self.interval)

    def available(self, now: float) -> float:
        """Return the calls that may be made now; negative where some wait."""
        return min(self.size, self.left + (now - self.filled) / self.interval)


@dataclass(slots=True)
class _Chat:
    """When a chat may be written to again, and a group's messages of the minute."""

    flooded_until: float
    bucket: TokenBucket | None


class ChatLimiter(BaseRateLimiter[bool]):
    """Waits where Telegram wants it; a call with `rate_limit_args=True` gives way instead of waiting.

    Such a call raises RetryAfter at once where its chat is flooded or most of its group's minute is used.
    Every other call is made as soon as it may be, again after each flood error, and raises RetryAfter after
    `RETRIES` of them. `clock` and `sleep` are handed in so that tests need no real time.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._chats: LruDict[int, _Chat] = LruDict()
        self._everybody = TokenBucket(PER_SECOND, 1 / PER_SECOND, PER_SECOND, clock())
        self._all_flooded_until = clock()

    async def initialize(self) -> None:
        """Do nothing: there is nothing to open."""

    async def shutdown(self) -> None:
        """Do nothing: there is nothing to close."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Result]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: bool | None,
    ) -> Result:
        """Call `callback` when the chat in `data` may be written to."""
        number = data.get("chat_id")
        chat = self._chat(number) if isinstance(number, int) else None
        is_message = endpoint.startswith(("send", "edit")) and endpoint != "sendChatAction"
        for retry in range(RETRIES + 1):
            if chat is not None:
                await self._turn(chat, is_message, gives_way=bool(rate_limit_args))
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as error:
                seconds = seconds_of(error)
                log.info("chat %s: Telegram wants a pause of %.0f s", number, seconds)
                if chat is not None:
                    self._pause(chat, seconds)
                if rate_limit_args or retry == RETRIES:
                    raise
                if chat is None:
                    await self._sleep(seconds)
        raise AssertionError("the last try returns or raises")

    def _chat(self, number: int) -> _Chat:
        chat = self._chats.get(number)
        if chat is None:
            now = self._clock()
            bucket = TokenBucket(PER_GROUP, GROUP_SECONDS / PER_GROUP, PER_GROUP, now) if number < 0 else None
            chat = self._chats[number] = _Chat(now, bucket)
        return chat

    async def _turn(self, chat: _Chat, is_message: bool, gives_way: bool) -> None:
        """Wait until a chat may be written to; raises RetryAfter for a call that gives way instead."""
        now = self._clock()
        flooded = max(chat.flooded_until, self._all_flooded_until) - now
        if gives_way and flooded > 0:
            raise RetryAfter(timedelta(seconds=flooded))
        if flooded > 0:
            await self._sleep(flooded)
        if not is_message:
            return
        now = self._clock()
        wait = 0.0
        if chat.bucket is not None:
            if gives_way and chat.bucket.available(now) <= RESERVE:
                raise RetryAfter(timedelta(seconds=chat.bucket.interval))
            wait = chat.bucket.take(now)
        wait = max(wait, self._everybody.take(now))
        if wait > 0:
            await self._sleep(wait)

    def _pause(self, chat: _Chat, seconds: float) -> None:
        now = self._clock()
        chat.flooded_until = now + seconds
        flooded = sorted(each.flooded_until for each in self._chats.values() if each.flooded_until > now)
        if len(flooded) >= FLOODED_CHATS:
            self._all_flooded_until = flooded[0]


def seconds_of(error: RetryAfter) -> float:
    """Return the seconds that Telegram wants to be left alone; the library has two forms of them."""
    after = error.retry_after
    return float(after) if isinstance(after, int) else after.total_seconds()
