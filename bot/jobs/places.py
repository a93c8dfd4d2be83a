"""Whom to tell a new place in the line: at every step near the front, a quarter of the way further back.

Platforms count edits, and a line may be long: a job is looked at again only when it may have moved that far.
"""

import heapq
from collections.abc import Iterator

from bot.jobs.fair_queue import FairQueue


class Places:
    """The places that jobs waiting in `queue` were told; `_looks` fall due when it has made so many moves."""

    def __init__(self, queue: FairQueue) -> None:
        self._queue = queue
        self._told: dict[int, int] = {}
        self._due: dict[int, int] = {}
        self._looks: list[tuple[int, int]] = []

    def news(self) -> Iterator[int]:
        """Yield the jobs whose place is worth telling now; they count as told."""
        now = self._queue.moves
        for job in self._queue.placed():
            self._look_at(job, now)
        while self._looks and self._looks[0][0] <= now:
            due, job = heapq.heappop(self._looks)
            if due == self._due.get(job) and self._worth_telling(job):
                yield job

    def _worth_telling(self, job: int) -> bool:
        place, told = self._queue.position(job), self._told.get(job, 0)
        if not place:
            self._told.pop(job, None)
            del self._due[job]
            return False
        left = _step(told) - abs(told - place)
        if left <= 0:
            self._told[job], left = place, _step(place)
        self._look_at(job, self._queue.moves + left)
        return self._told[job] != told

    def _look_at(self, job: int, due: int) -> None:
        self._due[job] = due
        heapq.heappush(self._looks, (due, job))


def _step(told: int) -> int:
    """Return how far a job moves until it is told."""
    return max(1, told // 4)
