"""The events of one task between whoever receives them and the generator that yields them."""

import asyncio
from collections import deque
from dataclasses import replace

from engine.runtime.messages import Failed
from engine.types import Event, Progress


class EventStream:
    """The events of one task on their way to the generator that yields them; iterate it once.

    Progress that nobody has read yet is replaced by newer progress; nothing else is ever dropped.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._failure: Failed | None = None
        self.ended = False

    def put(self, event: Event, last: bool) -> None:
        """Add an event; after the `last` one the iteration ends."""
        unread = self._events[-1] if self._events else None
        if isinstance(event, Progress) and isinstance(unread, Progress):
            event = replace(event, preview=event.preview or unread.preview)
            self._events.pop()
        self._events.append(event)
        self.ended = last
        self._wake.set()

    def fail(self, failure: Failed) -> None:
        """End the iteration with an error, after what has already arrived."""
        self._failure = failure
        self.ended = True
        self._wake.set()

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._failure is not None:
                raise self._failure.error()
            if self.ended:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()
