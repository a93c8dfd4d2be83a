"""Which users have the page open, and which closed it and did not come back. Knows no job and no request."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

GRACE = 30.0


class Presence:
    """Calls `left(person)` when somebody closed the last page and opened none within `grace` seconds.

    Only a goodbye starts the wait: a lost connection, a locked phone and a restart of the server never do.
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
        self._leaving: set[asyncio.Task[None]] = set()

    @contextmanager
    def page(self, person: str, page: str) -> Iterator[None]:
        """Hold while a connection of the page `page` is open."""
        self.visit(person)
        connection = object()
        self._pages[person][connection] = page
        try:
            yield
        finally:
            self._pages[person].pop(connection, None)
            if not self._pages[person]:
                del self._pages[person]

    def visit(self, person: str) -> None:
        """The user is here: end a running wait."""
        wait = self._waits.pop(person, None)
        if wait is not None:
            wait.cancel()

    def goodbye(self, person: str, page: str) -> None:
        """The page `page` was closed; begin the wait where it was the user's last one."""
        pages = self._pages[person]
        for connection in [each for each, name in pages.items() if name == page]:
            del pages[connection]
        if not pages:
            del self._pages[person]
            self.visit(person)
            self._waits[person] = asyncio.create_task(self._wait(person))

    def close(self) -> None:
        """End every wait without a consequence: the server stops, the people did not leave."""
        for person in list(self._waits):
            self.visit(person)

    async def _wait(self, person: str) -> None:
        await self._sleep(self._grace)
        task = self._waits.pop(person)  # from here on a return comes too late
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await self._left(person)
