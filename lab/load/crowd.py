"""Who asks, when, and what became of it: people with bursts, batches, cancels and rerolls.

Everybody's prompts end with their name, by which the engine knows whose picture it begins.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import psutil

from bot.types import Address, Job, Reply, State
from lab.load.ways import Way

BURSTS, COUNTS = (1, 1, 1, 2, 4), (1, 1, 1, 2, 4)
CANCELLED, REROLLED = 0.1, 0.2
MOST_TURNS = 2
"""How many pictures of each other person somebody's only job may wait for."""


@dataclass(slots=True)
class Promise:
    """A job that was taken in: how many pictures, where its message is, and how often its end was shown."""

    count: int
    address: Address
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ends: int = 0
    cancelled: bool = False


class Crowd:
    """People who ask for `jobs` jobs between them of an engine that draws `room` pictures at once.

    `turns` counts how many pictures of one other person somebody's only job waited for at most, `waits` are
    the seconds; only where the engine was full. `wrong` says what people were promised and did not get.
    """

    def __init__(self, jobs: int, room: int, seed: int = 0) -> None:
        self.jobs = self.left = jobs
        self.room = room
        self.drawing = 0
        self.begun: list[str] = []
        self.turns: Counter[int] = Counter()
        self.waits: list[float] = []
        self.memory: list[int] = []
        self.ends: Counter[State] = Counter()
        self.wrong: list[str] = []
        self._seed = seed
        self._over = asyncio.Event()
        self._over.set()
        self._promises: dict[int, Promise] = {}
        self._arrivals: defaultdict[str, asyncio.Queue[int]] = defaultdict(asyncio.Queue)
        self._open: Counter[str] = Counter()
        self._alone: dict[str, tuple[int, float]] = {}

    async def live(self, name: str, way: Way) -> None:
        """Be a person who asks until no job is left to ask for."""
        dice = random.Random(f"{self._seed} {name}")
        while burst := self._take(dice.choice(BURSTS)):
            for _ in range(burst):
                await way.ask(name, f"a boat for {name}", dice.choice(COUNTS))
            jobs = [await self._arrivals[name].get() for _ in range(burst)]
            if dice.random() < CANCELLED:
                promise = self._promises[jobs[-1]]
                await promise.shown.wait()
                promise.cancelled = True
                await way.press(name, "cancel", jobs[-1], promise.address)
            await self._ended(name, jobs)
            if dice.random() < REROLLED and self._take(1):
                await way.press(name, "reroll", jobs[0], self._promises[jobs[0]].address)
                jobs.append(await self._arrivals[name].get())
                await self._ended(name, jobs[-1:])
            for job in jobs:
                self._settle(job, await way.left_with(name, job, self._promises[job].address))

    def accepts(self, job: Job) -> None:
        """Take note of a new job, before it waits in line."""
        person = whose(job.request.params.prompt)
        self._promises[job.id] = Promise(job.request.params.count, job.request.address)
        if self._open[person] or self.drawing < self.room:
            self._alone.pop(person, None)
        else:
            self._alone[person] = len(self.begun), time.monotonic()
        self._open[person] += 1
        self._arrivals[person].put_nowait(job.id)

    def begins(self, prompt: str) -> None:
        """Take note that a picture is begun, and for how many of each other person's it waited."""
        person = whose(prompt)
        if person in self._alone:
            since, at = self._alone.pop(person)
            self.turns[max(Counter(self.begun[since:]).values(), default=0)] += 1
            self.waits.append(time.monotonic() - at)
        self.begun.append(person)
        self.drawing += 1

    def sees(self, job: int, reply: Reply, address: Address) -> None:
        """Take note of what is shown of a job, and where."""
        if (promise := self._promises.get(job)) is None:
            return
        promise.address = address
        promise.shown.set()
        if reply.final:
            promise.ends += 1
            promise.ended.set()

    def check(self, rows: list[tuple[int, State, int, int]]) -> None:
        """Compare with the database's rows, each a job, its state, its shown flag and its pictures."""
        if len(rows) != self.jobs:
            self.wrong.append(f"{self.jobs} jobs were taken in, {len(rows)} are kept")
        for job, state, shown, pictures in rows:
            promise = self._promises[job]
            self.ends[state] += 1
            allowed = ("delivered", "cancelled") if promise.cancelled else ("delivered",)
            whole = state == "cancelled" or pictures == promise.count
            if state not in allowed or not shown or not whole or promise.ends != 1:
                self.wrong.append(
                    f"job {job}: {state}, shown {promise.ends} times, {pictures} of {promise.count} pictures"
                )
        if max(self.turns, default=0) > MOST_TURNS:
            self.wrong.append(
                f"somebody's only job waited for {max(self.turns)} pictures of one other person"
            )

    def _take(self, most: int) -> int:
        """Return how many of `most` jobs may still be asked for, and count them."""
        taken = min(most, self.left)
        if self.left > self.jobs // 2 >= self.left - taken or taken == self.left > 0:
            self.memory.append(psutil.Process().memory_info().rss)
        self.left -= taken
        return taken

    async def _ended(self, person: str, jobs: list[int]) -> None:
        for job in jobs:
            await self._promises[job].ended.wait()
            self._open[person] -= 1

    def _settle(self, job: int, pictures: int | None) -> None:
        """Check what somebody sees of a job; None where the way cannot tell."""
        promise = self._promises[job]
        promise.shown = promise.ended = self._over  # or the crowd would grow
        if pictures is not None and not pictures and not promise.cancelled:
            self.wrong.append(f"job {job}: its message has no picture")


def whose(prompt: str) -> str:
    """Return the name that a prompt ends with."""
    return prompt.rpartition(" ")[2]
