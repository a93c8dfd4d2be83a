"""Fetches updates and confirms them only when what they ask for is kept: nothing is lost in a crash.

Knows updates and their order; knows no message and no core. Telegram forgets updates below the offset of the
next call, so that call waits until every update is handled or accepted, that is, its job's row is committed.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from telegram import Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.ext import ExtBot

ALLOWED = (Update.MESSAGE, Update.CALLBACK_QUERY, Update.MESSAGE_REACTION)
LONG_POLL = 25
SHORTEST_POLL = 0.5
FIRST_PAUSE = 1.0
LAST_PAUSE = 30.0

Sleep = Callable[[float], Awaitable[None]]
_T = TypeVar("_T")

log = logging.getLogger(__name__)


class Accepted:
    """Events whose updates need not be kept by Telegram any longer. Several updates may be one event."""

    def __init__(self) -> None:
        self._waited: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def expect(self, event: str) -> asyncio.Event:
        """Return what is set once `event` is accepted."""
        done = asyncio.Event()
        self._waited[event].add(done)
        return done

    def accept(self, event: str) -> None:
        """Let go of `event`; one that nobody waits for is fine."""
        for done in self._waited.pop(event, ()):
            done.set()

    def forget(self, event: str, done: asyncio.Event) -> None:
        """Wait no longer: the update was handled to its end."""
        done.set()
        self._waited[event].discard(done)
        if not self._waited[event]:
            del self._waited[event]


class Polling:
    """Hands each update to `handle`, those of one chat in their order. `event_of` names an update's event."""

    def __init__(
        self,
        bot: "ExtBot[int]",
        handle: Callable[[Update], Awaitable[None]],
        event_of: Callable[[Update], str],
        accepted: Accepted,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._bot = bot
        self._handle = handle
        self._event_of = event_of
        self._accepted = accepted
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Fetch and hand out until cancelled; raises InvalidToken when Telegram withdraws the token."""
        offset = 0
        try:
            while True:
                updates = await self._fetch(offset)
                await self._accept(updates)
                if updates:
                    offset = updates[-1].update_id + 1
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _fetch(self, offset: int) -> Sequence[Update]:
        started = time.monotonic()
        updates = await patiently(
            lambda: self._bot.get_updates(offset, timeout=LONG_POLL, allowed_updates=ALLOWED), self._sleep
        )
        if not updates and time.monotonic() - started < SHORTEST_POLL:
            await self._sleep(SHORTEST_POLL)  # a server that answers at once must not make this spin
        return updates

    async def _accept(self, updates: Sequence[Update]) -> None:
        last: dict[int, asyncio.Event] = {}
        waits = []
        for update in updates:
            chat = update.effective_chat.id if update.effective_chat else 0
            event = self._event_of(update)
            done = self._accepted.expect(event)
            task = asyncio.create_task(self._one(update, event, done, last.get(chat)), name=f"update {event}")
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            last[chat] = done
            waits.append(done.wait())
        await asyncio.gather(*waits)

    async def _one(
        self, update: Update, event: str, done: asyncio.Event, before: asyncio.Event | None
    ) -> None:
        if before is not None:
            await before.wait()
        try:
            await self._handle(update)
        finally:
            self._accepted.forget(event, done)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s was not handled", task.get_name(), exc_info=error)


async def patiently(call: Callable[[], Awaitable[_T]], sleep: Sleep) -> _T:
    """Call until Telegram answers, ever more slowly, logging once; raises InvalidToken."""
    pause = 0.0
    while True:
        try:
            found = await call()
        except InvalidToken:
            raise
        except RetryAfter as error:
            await sleep(_seconds(error))
        except TelegramError as error:
            if not pause:
                log.warning("Telegram cannot be reached, trying again: %s", _reason(error))
            pause = min(max(FIRST_PAUSE, 2 * pause), LAST_PAUSE)
            await sleep(pause)
        else:
            if pause:
                log.info("Telegram answers again")
            return found


def _seconds(error: RetryAfter) -> float:
    after = error.retry_after
    return float(after) if isinstance(after, int) else after.total_seconds()


def _reason(error: TelegramError) -> str:
    if isinstance(error, Conflict):
        return "another program polls with the same token; stop it"
    return repr(error)
