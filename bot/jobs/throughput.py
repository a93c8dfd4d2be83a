"""How fast the engine is, learned from what it finishes, so that users can see when theirs is due.

Knows costs in token-steps and seconds; knows no job. What runs side by side shares the time it took together.
"""

from collections.abc import Callable

MEMORY = 0.9
"""What older measurements weigh against one picture more."""


class Throughput:
    """Seconds per token-step as a mean that forgets slowly; `now` gives seconds of a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._running = 0
        self._since = 0.0
        self._seconds = 0.0
        self._cost = 0.0

    def task_started(self) -> None:
        """Take note that a task went to the engine."""
        if self._running == 0:
            self._since = self._now()
        self._running += 1

    def first_step(self) -> None:
        """Take note that a task is at its first step: before the very first one, the engine was loading."""
        if not self._cost:
            self._since = self._now()

    def task_finished(self, cost: int) -> None:
        """Take note that a task left the engine; `cost` is what it made, 0 where it made nothing."""
        now = self._now()
        if cost:
            self._seconds = MEMORY * self._seconds + (now - self._since)
            self._cost = MEMORY * self._cost + cost
        self._since = now
        self._running -= 1

    def seconds(self, cost: int) -> float | None:
        """Return how long so much will take, None while nothing was measured."""
        if self._seconds <= 0:
            return None
        return cost * self._seconds / self._cost
