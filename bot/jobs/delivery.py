"""The newest reply wins: brings each job's message up to date, no faster than its platform allows.

Knows jobs by number only. A reply is rendered at the moment it is sent, so that it is never out of date.
Updates on the way may be dropped; the final reply is repeated, ever more slowly, until the platform takes it
or says that the message is gone for good, which counts as taken.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from bot import metrics
from bot.types import Address, Display, Gone, Reply

FIRST_RETRY = 1.0
LAST_RETRY = 300.0
UNDER_WAY = 3.0
"""Seconds that a reply on its way has to arrive when the bot ends: cut off, its message would stand twice."""
DOUBLINGS = 20
"""More would overflow after days without an answer."""

Render = Callable[[], Awaitable[Reply | None]]
"""Make the reply as it should look now; None when there is nothing to say any more."""

Shown = Callable[[int, Address, bool], Awaitable[None]]
"""Called after each success: the job, where its message lives now, and whether that is the final reply."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Lane:
    """One open job's message: what is to be shown next, not before `not_before` (seconds of the clock).

    `task` shows it while there is something new.
    """

    address: Address
    attempted: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    render: Render | None = None
    shown: Reply | None = None
    final: bool = False
    failures: int = 0
    not_before: float = 0.0


class Delivery:
    """Shows replies on `platforms`; `clock` and `sleep` are handed in so that tests need no real time."""

    def __init__(
        self,
        platforms: Mapping[str, Display],
        shown: Shown,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._platforms = platforms
        self._shown = shown
        self._clock = clock
        self._sleep = sleep
        self._lanes: dict[int, _Lane] = {}
        self._gone: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._closed = False
        self._settled = asyncio.Event()

    def offer(self, job: int, address: Address, render: Render) -> None:
        """Show this soon, unless something newer comes first or the final reply was offered."""
        lane = self._lanes.get(job)
        if lane is None or not lane.final:
            self._put(job, address, render, final=False)

    def finish(self, job: int, address: Address, render: Render) -> None:
        """Show this as the job's final reply until the platform takes it."""
        self._put(job, address, render, final=True)

    async def attempted(self, job: int) -> None:
        """Wait until what was offered for a job has been tried once."""
        if lane := self._lanes.get(job):
            await lane.attempted.wait()

    async def drained(self) -> None:
        """Wait until nothing is left to show."""
        while any(lane.render for lane in self._lanes.values()):
            self._settled.clear()
            await self._settled.wait()

    async def close(self) -> None:
        """Stop, once what is on its way is there; what was not shown is shown after the next start."""
        self._closed = True
        for task in self._tasks - self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending.copy(), timeout=UNDER_WAY)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _put(self, job: int, address: Address, render: Render, final: bool) -> None:
        if self._closed or address.platform not in self._platforms:
            return  # the run that serves it again finds the job unshown
        if (lane := self._lanes.get(job)) is None:
            lane = self._lanes[job] = _Lane(address)
        lane.render, lane.final = render, final
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._serve(job, lane), name=f"deliver {job}")
            self._tasks.add(lane.task)
            lane.task.add_done_callback(partial(self._retire, job, lane))

    async def _serve(self, job: int, lane: _Lane) -> None:
        """Show until there is nothing new; after the final reply, for the length of one more pause."""
        while not self._closed:
            if (pause := lane.not_before - self._clock()) > 0:
                await self._sleep(pause)
            if lane.render is None:
                del self._lanes[job]
                return
            render, final = lane.render, lane.final
            shown = await self._attempt(job, lane, render, final)
            if lane.render is render and (shown or not final):
                lane.render = None
            lane.attempted.set()
            self._settled.set()
            if lane.render is None and not lane.final:
                return

    def _retire(self, job: int, lane: _Lane, task: asyncio.Task[None]) -> None:
        """Release who waits for a lane that was stopped, even before its first step."""
        self._tasks.discard(task)
        if self._closed:
            self._lanes.pop(job, None)
            lane.attempted.set()
            self._settled.set()

    async def _attempt(self, job: int, lane: _Lane, render: Render, final: bool) -> bool:
        platform = self._platforms[lane.address.platform]
        try:
            if job not in self._gone:
                await self._show(job, lane, platform, render, final)
            if job in self._gone and final:
                await self._shown(job, lane.address, True)
                self._gone.discard(job)
        except Exception as error:  # noqa: BLE001 - an adapter may raise anything, and must not stop the rest
            level = logging.WARNING if final else logging.INFO
            log.log(level, "job %d: %s did not take a reply: %r", job, platform.name, error)
            metrics.FAILED_CALL.labels(platform.name, type(error).__name__).inc()
            lane.failures += final
            pause = min(FIRST_RETRY * 2 ** min(max(0, lane.failures - 1), DOUBLINGS), LAST_RETRY)
            lane.not_before = self._clock() + max(pause, platform.pace)
            return False
        lane.failures = 0
        lane.not_before = self._clock() + platform.pace
        return True

    async def _show(self, job: int, lane: _Lane, platform: Display, render: Render, final: bool) -> None:
        reply = await render()
        if reply is None or (reply == lane.shown and not final):
            return
        sending = asyncio.current_task()
        assert sending is not None
        self._sending.add(sending)
        try:
            begun = time.perf_counter()
            lane.address = await platform.show(lane.address, reply)
            metrics.called(platform.name, time.perf_counter() - begun)
            lane.shown = reply
            await self._shown(job, lane.address, final and lane.render is render)
        except Gone as gone:
            log.warning("job %d: its message on %s is out of reach for good: %s", job, platform.name, gone)
            metrics.FAILED_CALL.labels(platform.name, "Gone").inc()
            self._gone.add(job)
        finally:
            self._sending.discard(sending)
