"""How much a process's memory has grown since it was warm, and whether that is too much."""

from contextlib import suppress

import psutil

WARM = 20
"""Tasks after which a process has loaded what it loads on demand."""


def held(pid: int) -> int:
    """Return the bytes that a process holds for itself alone, as far as the system says; 0 for one gone.

    Files mapped into memory, as weights are, count nowhere: the system takes them back when it needs to.
    """
    with suppress(psutil.Error):
        found = psutil.Process(pid).memory_info()
        return int(found.rss - getattr(found, "shared", 0))
    return 0


class Growth:
    """Watches one life of a process that may grow by `limit` bytes, 0 for any."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks = 0
        self._warm = 0

    def beyond(self, now: int) -> int:
        """Take what it holds after a task; return by how many bytes it has grown where that is too much."""
        self._tasks += 1
        if self._tasks <= WARM:
            self._warm = max(self._warm, now)
        grown = now - self._warm
        return grown if 0 < self._limit < grown else 0
