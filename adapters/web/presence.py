"""Which users have the page open, and which closed it and did not come back. Knows no job and no request."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

GRACE = 30.0
REMEMBERED = 1_000
"""How many closed pages are known by name."""


class Presence:
    """Calls `left(person)` when somebody closed the last page and opened none within `grace` seconds.

    Only a goodbye starts the wait: a lost connection, a locked phone and a restart of the server never do.
    Only another page's connection ends it: one of a closed page was on its way when its goodbye overtook it.
    """

    def __init__(
        self,
        left: Callable[[str], Awaitable[None]],
        grace: float = GRACE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._left = left
        self._grace = grace
        self._sleep = sleep
        self._pages: defaultdict[str, dict[object, str]] = defaultdict(dict)
        self._waits: dict[str, asyncio.Task[None]] = {}
        self._closed: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._leaving: set[asyncio.Task[None]] = set()

    @contextmanager
    def page(self, person: str, page: str) -> Iterator[None]:
        """Hold while a connection of the page `page` is open; a page that comes back has another name."""
        if (person, page) in self._closed:
            yield
            return
        self._stay(person)
        connection = object()
        self._pages[person][connection] = page
        try:
            yield
        finally:
            self._pages[person].pop(connection, None)
            if not self._pages[person]:
                del self._pages[person]

    def goodbye(self, person: str, page: str) -> None:
        """The page `page` was closed; begin the wait where it was the user's last one."""
        if page:
            self._closed.append((person, page))
        pages = self._pages[person]
        for connection in [each for each, name in pages.items() if name == page]:
            del pages[connection]
        if not pages:
            del self._pages[person]
            self._stay(person)
            self._waits[person] = asyncio.create_task(self._wait(person))

    def close(self) -> None:
        """End every wait without a consequence: the server stops, the people did not leave."""
        for person in list(self._waits):
            self._stay(person)

    def _stay(self, person: str) -> None:
        wait = self._waits.pop(person, None)
        if wait is not None:
            wait.cancel()

    async def _wait(self, person: str) -> None:
        await self._sleep(self._grace)
        task = self._waits.pop(person)  # from here on a return comes too late
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await self._left(person)
