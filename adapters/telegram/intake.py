"""Takes updates: those of one sender in a chat in their order, each once, until what they want is kept.

An update that takes long is kept itself, so that Telegram goes on with the others; the next start handles
what is left. What goes wrong on our side, such as a database that somebody else holds or a full disk, is
tried again for a while, and then its user gets an apology. Knows updates and their order; knows no message,
no core, and not how updates come.
"""

import asyncio
import json
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from telegram import Bot, Update
from telegram.error import NetworkError

from adapters.telegram.address import NAME
from bot.storage.kept_updates import KeptUpdates
from engine.lru import LruDict

PATIENCE = 0.1
"""Seconds after which an update is kept here: others wait behind it at Telegram."""
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

    `event_of` names an update's event; `kept` holds those that take longer than `PATIENCE`,
    `arrived` sees each before any that came with it is handled.
    """

    def __init__(
        self,
        handle: Callable[[Update], Awaitable[None]],
        apologize: Callable[[Update], Awaitable[None]],
        event_of: Callable[[Update], str],
        accepted: PendingEvents,
        kept: KeptUpdates,
        arrived: Callable[[Update], None],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._arrived = arrived
        self._kept = kept
        self._handle = handle
        self._apologize = apologize
        self._event_of = event_of
        self._accepted = accepted
        self._sleep = sleep
        self._seen: LruDict[int, asyncio.Event] = LruDict()
        self._last: LruDict[tuple[int, int], asyncio.Event] = LruDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def take(self, update: Update) -> None:
        """Return once the update is handled, accepted or kept, so that Telegram may forget it.

        The same update again waits for the first one.
        """
        done = self._seen.get(update.update_id) or self._begin(update)
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), PATIENCE)
        if done.is_set():
            return
        # Who waits may give up while it is written: it would be kept, and handled again after the next start.
        keeping = asyncio.create_task(self._keep(done, update), name=f"keep update {update.update_id}")
        self._tasks.add(keeping)
        keeping.add_done_callback(self._ended)
        if not await asyncio.shield(keeping):
            await done.wait()

    async def resume(self, bot: Bot) -> None:
        """Begin with what the last run received and has not handled."""
        for payload in await self._kept.left(NAME):
            update = Update.de_json(json.loads(payload), bot)
            done = self._seen.get(update.update_id) or self._begin(update)
            self._start(self._remove_when(done, update), f"keep update {update.update_id}")

    async def close(self) -> None:
        """Stop; what was not accepted comes again after the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, update: Update) -> asyncio.Event:
        chat, sender = update.effective_chat, update.effective_sender
        source = (chat.id if chat else 0, sender.id if sender else 0)
        event = self._event_of(update)
        self._arrived(update)
        done = self._accepted.expect(event)
        self._start(self._one(update, event, done, self._last.get(source)), f"update {event}")
        self._seen[update.update_id] = self._last[source] = done
        return done

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _keep(self, done: asyncio.Event, update: Update) -> bool:
        """Keep an update until it is handled; False where the database does not take it."""
        try:
            await self._kept.keep(NAME, update.update_id, update.to_json())
        except sqlite3.Error as error:
            log.info("update %d is left to Telegram for now: %s", update.update_id, error)
            return False
        self._start(self._remove_when(done, update), f"keep update {update.update_id}")
        return True

    async def _remove_when(self, done: asyncio.Event, update: Update) -> None:
        """Forget a kept update once it is handled or accepted; `close` comes first for one that never was."""
        await done.wait()
        while True:
            try:
                await self._kept.remove(NAME, update.update_id)
            except sqlite3.OperationalError as error:
                log.info("update %d is still kept: %s", update.update_id, error)
                await self._sleep(PAUSES[-1])
            else:
                return

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
        """Handle an update, again and again unless what it wants is kept; False where it never was."""
        pauses = iter(PAUSES if update.callback_query is None else PAUSES_OF_A_PRESS)
        while True:
            try:
                await self._handle(update)
            except Exception as error:
                pause = None if done.is_set() else next(pauses, None)
                if pause is None:
                    is_fault = isinstance(error, sqlite3.OperationalError | OSError | NetworkError)
                    log.error("update %d was not handled: %r", update.update_id, error, exc_info=not is_fault)
                    return False
                log.warning("update %d was not handled, trying again: %r", update.update_id, error)
                await self._sleep(pause)
            else:
                return True

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s was not handled", task.get_name(), exc_info=error)
