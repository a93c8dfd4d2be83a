"""Heartbeat of the engine's process: what each of its threads is doing, and that it makes progress.

`engine.runtime.watchdog`, in the bot's process, decides what takes too long.
"""

import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Doing:
    """What a thread is doing, the `number`-th thing of its process, which got on `beats` times meanwhile.

    `longest` is how many seconds the same took before, None where it was never done.
    """

    number: int
    what: str
    longest: float | None = None
    beats: int = 0


class Pulse:
    """What is being done, reported by the code that does it, at any depth and in any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._doing: dict[int, Doing] = {}
        self._took: dict[str, tuple[int, float]] = {}

    def doing(self) -> tuple[Doing, ...]:
        """Return what is being done now."""
        with self._lock:
            return tuple(self._doing.values())

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """Say that this thread does `what` inside the block; of nested blocks the inner one counts."""
        thread, started = threading.get_ident(), self._clock()
        with self._lock:
            outer = self._doing.get(thread)
            _, longest = self._took.get(what, (0, None))
            self._doing[thread] = Doing(next(self._numbers), what, longest)
        try:
            yield
        finally:
            with self._lock:
                self._learn(what, self._clock() - started)
                del self._doing[thread]
                if outer is not None:
                    self._doing[thread] = _on(outer)

    def beat(self) -> None:
        """Report progress of this thread; one without an activity, as in downloads, reports for all."""
        with self._lock:
            mine = threading.get_ident()
            for thread in [mine] if mine in self._doing else list(self._doing):
                self._doing[thread] = _on(self._doing[thread])

    def bar(self, show: Callable[[float, float], None] | None = None) -> type[Any]:
        """Return a progress bar for downloads, whose every move is a sign of life.

        `show` gets what is done and all there is, in place of a terminal.
        """
        from huggingface_hub.utils.tqdm import tqdm

        beat = self.beat

        class Bar(tqdm):
            def __init__(self, *args: Any, **named: Any) -> None:
                kept = {"file": io.StringIO(), "disable": False} if show else {}
                super().__init__(*args, **named | kept)  # type: ignore[no-untyped-call]

            def update(self, n: float | None = 1) -> Any:
                beat()
                moved = super().update(n)
                if show:
                    show(self.n, self.total or 0)
                return moved

        return Bar

    def _learn(self, what: str, seconds: float) -> None:
        """Keep the longest time; the first one only until there is another, for it may be a compiler's."""
        count, longest = self._took.get(what, (0, 0.0))
        self._took[what] = count + 1, max(longest, seconds) if count > 1 else seconds


def _on(one: Doing) -> Doing:
    return replace(one, beats=one.beats + 1)


PULSE = Pulse()
"""That of this process: there is one, as there is one log."""
