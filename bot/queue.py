"""Whose picture is next: turn by turn between people, by cost, while the engine has room.

Knows tickets, not jobs or platforms. Start-time fair queueing (Goyal, Vin and Cheng, 1996): each person has a
virtual clock that advances by the cost of what was handed out, divided by their weight; the lowest clock is
next, so that one picture waits for at most one picture of each other person of the same weight, however many
those have ordered.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Ticket:
    """One picture to make: `tokens` is its room in the engine, `cost` its share of the person's turn.

    A person of `weight` 2 gets two turns while others get one. `alone` marks a suspect: something it ran with
    took the engine down, so it runs with nothing beside it.
    """

    job: int
    index: int
    person: str
    tokens: int
    cost: int
    weight: int = 1
    alone: bool = False


class FairQueue:
    """Tickets in fair order; `capacity` is asked each time, since an engine may grow and shrink."""

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        self._lines: dict[str, deque[tuple[int, Ticket]]] = {}
        self._suspects: deque[Ticket] = deque()
        self._clocks: dict[str, float] = {}
        self._now = 0.0
        self._arrivals = 0
        self._flying: dict[tuple[int, int], Ticket] = {}
        self._changed = asyncio.Event()
        self._positions: dict[int, int] | None = None
        self._costs: dict[int, int] = {}
        self._paused = False

    def put(self, tickets: Iterable[Ticket]) -> None:
        """Add tickets at the end of their person's line."""
        for ticket in tickets:
            line = self._lines.get(ticket.person)
            if line is None:
                line = self._lines[ticket.person] = deque()
                self._clocks[ticket.person] = max(self._clocks.get(ticket.person, 0), self._now)
            self._arrivals += 1
            line.append((self._arrivals, ticket))
        self._touch()

    def suspect(self, ticket: Ticket) -> None:
        """Put a handed-out ticket back before all others, to be run alone."""
        self._suspects.append(replace(ticket, alone=True))
        self._touch()

    async def next(self) -> Ticket:
        """Wait until a ticket may go to the engine and hand it out; give it back with `done`."""
        while not self._may_go():
            self._changed.clear()
            await self._changed.wait()
        ticket = self._suspects.popleft() if self._suspects else self._pop()
        self._flying[ticket.job, ticket.index] = ticket
        self._touch()
        return ticket

    def done(self, ticket: Ticket) -> None:
        """Free the room of a handed-out ticket, however it ended."""
        del self._flying[ticket.job, ticket.index]
        self._touch()

    def remove(self, job: int) -> int:
        """Drop the waiting tickets of `job`; return how many there were."""
        before = len(self)
        self._suspects = deque(ticket for ticket in self._suspects if ticket.job != job)
        for person, line in list(self._lines.items()):
            kept = deque(entry for entry in line if entry[1].job != job)
            if kept:
                self._lines[person] = kept
            else:
                del self._lines[person]
        self._touch()
        return before - len(self)

    def position(self, job: int) -> int:
        """Return a job's place among the waiting jobs, 1 being next; 0 when no ticket of it waits."""
        return self.positions().get(job, 0)

    def positions(self) -> dict[int, int]:
        """Return the place of every waiting job, in the order in which their next tickets go."""
        if self._positions is None:
            self._positions, cost = {}, sum(ticket.cost for ticket in self._flying.values())
            for ticket in self._order():
                self._positions.setdefault(ticket.job, len(self._positions) + 1)
                cost += ticket.cost
                self._costs[ticket.job] = cost
        return self._positions

    def ahead(self, job: int) -> int:
        """Return the cost of all that is made until the last waiting ticket of `job` is, that included."""
        return self._costs[job] if job in self.positions() else 0

    @property
    def paused(self) -> bool:
        """Whether nothing is handed out."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Hand out nothing from now on, or go on."""
        self._paused = paused
        self._touch()

    async def drained(self) -> None:
        """Wait until nothing waits and nothing is handed out."""
        while len(self) or self._flying:
            self._changed.clear()
            await self._changed.wait()

    def __len__(self) -> int:
        return len(self._suspects) + sum(len(line) for line in self._lines.values())

    def _may_go(self) -> bool:
        if self._paused or not len(self):
            return False
        if self._suspects or any(ticket.alone for ticket in self._flying.values()):
            return not self._flying
        return not self._ahead()

    def _ahead(self) -> int:
        """Count the handed-out tickets that do not fit the engine yet; the first always fits."""
        capacity, used, ahead = self._capacity(), 0, 0
        for ticket in self._flying.values():
            if used == 0 or used + ticket.tokens <= capacity:
                used += ticket.tokens
            else:
                ahead += 1
        return ahead

    def _pop(self) -> Ticket:
        person = min(self._lines, key=lambda person: (self._clocks[person], self._lines[person][0][0]))
        line = self._lines[person]
        _, ticket = line.popleft()
        self._now = self._clocks[person]
        self._clocks[person] += ticket.cost / ticket.weight
        if not line:
            del self._lines[person]
            self._forget()
        return ticket

    def _forget(self) -> None:
        """Drop the clocks that would not matter if their person came back."""
        self._clocks = {
            person: clock
            for person, clock in self._clocks.items()
            if clock > self._now or person in self._lines
        }

    def _order(self) -> Iterable[Ticket]:
        """Play the coming hand-outs through without making them."""
        yield from self._suspects
        heads = [(self._clocks[person], line[0][0], person, 0) for person, line in self._lines.items()]
        heapq.heapify(heads)
        while heads:
            clock, _, person, at = heads[0]
            ticket = self._lines[person][at][1]
            yield ticket
            if at + 1 < len(self._lines[person]):
                arrival = self._lines[person][at + 1][0]
                heapq.heapreplace(heads, (clock + ticket.cost / ticket.weight, arrival, person, at + 1))
            else:
                heapq.heappop(heads)

    def _touch(self) -> None:
        self._positions = None
        self._costs.clear()
        self._changed.set()
