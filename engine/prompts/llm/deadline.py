"""How long one prompt may take: so much computing of its own, and so much waiting for others.

Knows a clock. Knows nothing of what is computed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Deadline:
    """Runs out after `computing` seconds in its own turns, or after `waiting` seconds by the clock."""

    def __init__(self, clock: Callable[[], float], computing: float, waiting: float) -> None:
        self._clock = clock
        self._left = computing
        self._ends = clock() + waiting

    @property
    def is_over(self) -> bool:
        """Whether the time has come."""
        return self._left <= 0 or self._clock() > self._ends

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Count what happens inside as computing."""
        began = self._clock()
        try:
            yield
        finally:
            self._left -= self._clock() - began
