"""Whether the engine's process hangs: how long it may be silent, and how long it may do one thing.

Has no clock: it is given the seconds that passed, so that a computer's sleep is not counted.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from engine.pulse import Doing

Tick = Callable[[float], Awaitable[float]]
"""Sleeps for so many seconds and returns how many of them the computer was awake for."""


async def awake(seconds: float, clock: Callable[[], float] = time.monotonic) -> float:
    """Be the `Tick`: what a sleep took much too long was the computer's own sleep."""
    started = clock()
    await asyncio.sleep(seconds)
    return min(clock() - started, 2 * seconds)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. A process is asked for a sign of life `every` so often.

    It may say nothing for `silence`. It may do one thing, without getting on, for `factor` times the longest
    it took for it before, never less than `least`; for what it has not done before, such as loading, for
    `first`. While it loads, which other code may do without a pause, `least` is also how long it may say
    nothing.
    """

    every: float = 5.0
    silence: float = 60.0
    first: float = 1800.0
    least: float = 300.0
    factor: float = 10.0

    def of(self, one: Doing) -> float:
        """Return for how long this may go on."""
        return self.first if one.longest is None else max(self.least, self.factor * one.longest)


USUAL = Patience()


class Watchdog:
    """Counts for one process how long it is silent, idle, or busy with one thing."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._heard = False
        self._silent = 0.0
        self._idle = 0.0
        self._doing: dict[Doing, float] = {}

    @property
    def busy(self) -> bool:
        """Whether the process was busy by its latest report."""
        return bool(self._doing)

    def rest(self) -> None:
        """Start counting anew: nobody waits for the process."""
        self._silent = self._idle = 0.0

    def sign_of_life(self) -> None:
        """Take any sign of life."""
        self._heard, self._silent = True, 0.0

    def report(self, doing: tuple[Doing, ...]) -> None:
        """Take the process's activities; those it had before go on being counted."""
        if doing:
            self._idle = 0.0
        self._doing = {one: self._doing.get(one, 0.0) for one in doing}

    def passed(self, seconds: float, loading: bool) -> str | None:
        """Count so many seconds; say why the process must be given up, if it must."""
        self._silent += seconds
        self._idle += seconds
        allowed = self._patience
        quiet = allowed.silence if not loading else allowed.least if self._heard else allowed.first
        if self._silent > quiet:
            return f"has given no sign of life for {quiet:.0f} s"
        for one in self._doing:
            self._doing[one] += seconds
            if self._doing[one] > allowed.of(one):
                usual = "" if one.longest is None else f"; at its longest it took {one.longest:.1f} s before"
                return f"has been {one.what} for {allowed.of(one):.0f} s without getting on{usual}"
        if not self._doing and self._heard and self._idle > allowed.least:
            return f"has done nothing for {allowed.least:.0f} s while pictures were waiting"
        return None
