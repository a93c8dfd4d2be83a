"""Whose picture is next: turn by turn between people, by cost, while the engine has room.

Knows tickets, not jobs or platforms. Start-time fair queueing (Goyal, Vin and Cheng, 1996): each person has a
virtual clock that advances by the cost of what was handed out, divided by their weight; the lowest clock is
next, so that one picture waits for at most one picture of each other person of the same weight, however many
those have ordered. A waiting ticket is tagged with the clock at which its turn comes, so that all of them lie
in one order, and what changes one user's line leaves the others' tags alone.
"""

import asyncio
import heapq
import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from bot.jobs.devices import Devices
from bot.jobs.ranks import Ranks

SUSPECT = -math.inf
"""The tag of suspects: they go before all others."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One picture to make: `tokens` is its room in the engine, `cost` its share of the user's turn.

    A user of `weight` 2 gets two turns while others get one. `run_alone` marks a suspect: something it ran
    with took the engine down, so it runs with nothing beside it.
    """

    job: int
    index: int
    person: str
    tokens: int
    cost: int
    weight: int = 1
    run_alone: bool = False


class _Turn(NamedTuple):
    """A waiting ticket; in order of these they are handed out."""

    tag: float
    arrival: int
    ticket: Ticket

    @property
    def end(self) -> float:
        """Where the user's clock stands after it."""
        return self.tag + self.ticket.cost / self.ticket.weight


class FairQueue:
    """Tickets in fair order for devices of so many tokens; `resize` it when they change.

    Each device gets what fits and one ahead; where there is none, nothing is handed out. `moves` counts the
    places by which the others may have moved any job so far.
    """

    def __init__(self, rooms: tuple[int, ...]) -> None:
        self.moves = 0
        self._devices = Devices()
        self._devices.resize(rooms)
        self._turns: Ranks[_Turn] = Ranks()
        self._firsts: Ranks[_Turn] = Ranks()
        self._jobs: dict[int, list[_Turn]] = {}
        self._lines: dict[str, list[_Turn]] = {}
        self._clocks: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []
        self._now = 0.0
        self._arrivals = 0
        self._placed: set[int] = set()
        self._flying: dict[tuple[int, int], Ticket] = {}
        self._flying_cost = 0
        self._flying_alone = 0
        self._changed = asyncio.Event()
        self._paused = False

    def put(self, tickets: Iterable[Ticket]) -> None:
        """Add tickets at the end of their person's line."""
        for ticket in tickets:
            line = self._lines.setdefault(ticket.person, [])
            tag = line[-1].end if line else max(self._clocks.get(ticket.person, 0), self._now)
            line.append(self._enter(tag, ticket))
        self._changed.set()

    def retry_alone(self, ticket: Ticket) -> None:
        """Put a handed-out ticket back before all others, to be run alone."""
        self._enter(SUSPECT, replace(ticket, run_alone=True))
        self._changed.set()

    async def next(self) -> Ticket:
        """Wait until a ticket may go to the engine and hand it out; give it back with `done`."""
        while not self._may_go():
            self._changed.clear()
            await self._changed.wait()
        ticket = self._pop()
        self._flying[ticket.job, ticket.index] = ticket
        self._flying_cost += ticket.cost
        self._flying_alone += ticket.run_alone
        self._devices.add((ticket.job, ticket.index), ticket.tokens)
        self._changed.set()
        return ticket

    def done(self, ticket: Ticket) -> None:
        """Free the room of a handed-out ticket, however it ended."""
        del self._flying[ticket.job, ticket.index]
        self._flying_cost -= ticket.cost
        self._flying_alone -= ticket.run_alone
        self._devices.remove((ticket.job, ticket.index))
        self._changed.set()

    def remove(self, job: int) -> int:
        """Drop the waiting tickets of `job`; return how many there were."""
        gone = self._jobs.get(job, [])[:]
        for turn in gone:
            self._leave(turn)
        own = [turn for turn in gone if turn.tag > SUSPECT]
        if own:
            self._close_up(own[0])
        self.moves += bool(gone)
        self._changed.set()
        return len(gone)

    def position(self, job: int) -> int:
        """Return a job's place among the waiting jobs, 1 being next; 0 when no ticket of it waits."""
        turns = self._jobs.get(job)
        return self._firsts.before(turns[0]) + 1 if turns else 0

    def ahead(self, job: int) -> int:
        """Return the cost of all that is made until the last waiting ticket of `job` is, that included."""
        if job not in self._jobs:
            return 0
        last = self._jobs[job][-1]
        return self._flying_cost + self._turns.weight_before(last) + last.ticket.cost

    def waiting(self) -> int:
        """Return how many jobs wait."""
        return len(self._jobs)

    def placed(self) -> set[int]:
        """Return the jobs that came in, went to the front or closed up since the last call."""
        placed, self._placed = self._placed, set()
        return placed

    @property
    def paused(self) -> bool:
        """Whether nothing is handed out."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Hand out nothing from now on, or go on."""
        self._paused = paused
        self._changed.set()

    def resize(self, rooms: tuple[int, ...]) -> None:
        """Hand out for these devices from now on."""
        self._devices.resize(rooms)
        self._changed.set()

    @property
    def deserted(self) -> bool:
        """Whether there is no device at all."""
        return not len(self._devices)

    async def drained(self) -> None:
        """Wait until nothing waits and nothing is handed out."""
        while self._jobs or self._flying:
            self._changed.clear()
            await self._changed.wait()

    def __len__(self) -> int:
        return len(self._turns)

    def _may_go(self) -> bool:
        if self._paused or self.deserted or not self._jobs:
            return False
        if self._turns.first().tag == SUSPECT or self._flying_alone:
            return not self._flying
        return not self._devices.full

    def _pop(self) -> Ticket:
        turn = self._turns.first()
        self._leave(turn)
        if turn.tag > SUSPECT:
            self._now = turn.tag
            del self._lines[turn.ticket.person][0]
            self._rest(turn.ticket.person, turn.end)
        self.moves += 1
        return turn.ticket

    def _enter(self, tag: float, ticket: Ticket) -> _Turn:
        self._arrivals += 1
        turn = _Turn(tag, self._arrivals, ticket)
        self._place(turn)
        return turn

    def _place(self, turn: _Turn) -> None:
        """Add a turn to the order of all and to its job's."""
        turns = self._jobs.setdefault(turn.ticket.job, [])
        insort(turns, turn)
        self._turns.add(turn, turn.ticket.cost)
        if turns[0] is turn:
            for second in turns[1:2]:
                self._firsts.remove(second)
            self._firsts.add(turn)
            self._placed.add(turn.ticket.job)
            self.moves += 1

    def _leave(self, turn: _Turn) -> None:
        """Take a turn out of the order of all and of its job's."""
        turns = self._jobs[turn.ticket.job]
        place = bisect_left(turns, turn)
        del turns[place]
        self._turns.remove(turn)
        if place == 0:
            self._firsts.remove(turn)
            for second in turns[:1]:
                self._firsts.add(second)
        if not turns:
            del self._jobs[turn.ticket.job]

    def _close_up(self, gone: _Turn) -> None:
        """Take a removed job, `gone` its first turn, out of its user's line; who is behind moves up."""
        person, clock = gone.ticket.person, gone.tag
        line = self._lines[person]
        at = bisect_left(line, gone)
        behind = [turn for turn in line[at:] if turn.ticket.job != gone.ticket.job]
        del line[at:]
        for turn in behind:
            moved = turn._replace(tag=clock)
            self._leave(turn)
            self._place(moved)
            line.append(moved)
            clock = moved.end
        self._rest(person, clock)

    def _rest(self, person: str, clock: float) -> None:
        """Keep the clock of a user whose line is empty for as long as it would matter if they came back."""
        if self._lines[person]:
            return
        del self._lines[person]
        if self._clocks.get(person) != clock:
            self._clocks[person] = clock
            heapq.heappush(self._ends, (clock, person))
        while self._ends and self._ends[0][0] <= self._now:
            clock, person = heapq.heappop(self._ends)
            if self._clocks[person] == clock:
                del self._clocks[person]
