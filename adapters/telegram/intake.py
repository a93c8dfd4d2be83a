"""Takes updates: those of one chat in their order, each once, until what they ask for is kept.

What goes wrong on our side, such as a database that somebody else holds or a full disk, is tried again for a
while, and then its person is told. Knows updates and their order; knows no message, no core, and not how
updates come.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable

from telegram import Update

from adapters.telegram.recent import LruDict

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0)
"""Seconds between the tries of an update that is not kept."""
PAUSES_OF_A_PRESS = PAUSES[:3]
"""Telegram lets a press be answered for some seconds only, and it is easily made again."""

Sleep = Callable[[float], Awaitable[None]]

log = logging.getLogger(__name__)


class PendingEvents:
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


class Intake:
    """Hands each update to `handle`, and one that cannot be handled to `apologize`.

    `event_of` names an update's event.
    """

    def __init__(
        self,
        handle: Callable[[Update], Awaitable[None]],
        apologize: Callable[[Update], Awaitable[None]],
        event_of: Callable[[Update], str],
        accepted: PendingEvents,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._handle = handle
        self._apologize = apologize
        self._event_of = event_of
        self._accepted = accepted
        self._sleep = sleep
        self._seen: LruDict[int, asyncio.Event] = LruDict()
        self._last: LruDict[int, asyncio.Event] = LruDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, update: Update) -> None:
        """Return once the update is handled or accepted, so that Telegram may forget it.

        The same update again waits for the first one.
        """
        done = self._seen.get(update.update_id) or self._begin(update)
        await done.wait()

    async def close(self) -> None:
        """Stop; what was not accepted comes again after the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, update: Update) -> asyncio.Event:
        chat = update.effective_chat.id if update.effective_chat else 0
        event = self._event_of(update)
        done = self._accepted.expect(event)
        task = asyncio.create_task(
            self._one(update, event, done, self._last.get(chat)), name=f"update {event}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._seen[update.update_id] = self._last[chat] = done
        return done

    async def _one(
        self, update: Update, event: str, done: asyncio.Event, before: asyncio.Event | None
    ) -> None:
        if before is not None:
            await before.wait()
        try:
            if not await self._tried(update, done):
                await self._apologize(update)
        finally:
            self._accepted.forget(event, done)

    async def _tried(self, update: Update, done: asyncio.Event) -> bool:
        """Handle an update, again and again unless what it asks for is kept; False where it never was."""
        pauses = iter(PAUSES if update.callback_query is None else PAUSES_OF_A_PRESS)
        while True:
            try:
                await self._handle(update)
            except Exception as error:
                pause = None if done.is_set() else next(pauses, None)
                if pause is None:
                    log.exception("update %d was not handled", update.update_id)
                    return False
                log.warning("update %d was not handled, trying again: %r", update.update_id, error)
                await self._sleep(pause)
            else:
                return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s was not handled", task.get_name(), exc_info=error)
