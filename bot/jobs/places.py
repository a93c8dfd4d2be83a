"""Which waiting jobs show a new place: at every step near the front, a quarter of the way further back.

Platforms count edits, and a queue may be long: a job is looked at again only when it may have moved that far.
"""

import heapq
from collections.abc import Iterator

from bot.jobs.fair_queue import FairQueue


class Places:
    """The places that jobs waiting in `queue` show; `_looks` fall due after so many of its moves."""

    def __init__(self, queue: FairQueue) -> None:
        self._queue = queue
        self._shown: dict[int, int] = {}
        self._due: dict[int, int] = {}
        self._looks: list[tuple[int, int]] = []

    def changed(self) -> Iterator[int]:
        """Yield the jobs whose new place is worth showing; they count as shown."""
        now = self._queue.moves
        for job in self._queue.placed():
            self._look_at(job, now)
        while self._looks and self._looks[0][0] <= now:
            due, job = heapq.heappop(self._looks)
            if due == self._due.get(job) and self._worth_showing(job):
                yield job

    def _worth_showing(self, job: int) -> bool:
        place, shown = self._queue.position(job), self._shown.get(job, 0)
        if not place:
            self._shown.pop(job, None)
            del self._due[job]
            return False
        left = _step(shown) - abs(shown - place)
        if left <= 0:
            self._shown[job], left = place, _step(place)
        self._look_at(job, self._queue.moves + left)
        return self._shown[job] != shown

    def _look_at(self, job: int, due: int) -> None:
        self._due[job] = due
        heapq.heappush(self._looks, (due, job))


def _step(shown: int) -> int:
    """Return how far a job moves until its new place is shown."""
    return max(1, shown // 4)
