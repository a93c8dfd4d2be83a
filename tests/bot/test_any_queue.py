"""Whatever happens to a line, it goes as the plain description of fairness says, and who waits knows it."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs.fair_queue import FairQueue, Ticket
from bot.jobs.places import Places

Step = tuple[str, int, int, int]


@dataclass
class PlainQueue:
    """Turn by turn without any index: each question plays the whole line through."""

    devices: list[tuple[int, list[Ticket]]] = field(default_factory=lambda: [(4, [])])
    beyond: list[Ticket] = field(default_factory=list)
    paused: bool = False
    now: float = 0.0
    clocks: dict[str, float] = field(default_factory=dict)
    lines: dict[str, list[tuple[int, Ticket]]] = field(default_factory=dict)
    suspects: list[Ticket] = field(default_factory=list)
    flying: list[Ticket] = field(default_factory=list)
    arrivals: int = 0

    def put(self, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            if not self.lines.get(ticket.person):
                self.clocks[ticket.person] = max(self.clocks.get(ticket.person, 0), self.now)
            self.arrivals += 1
            self.lines.setdefault(ticket.person, []).append((self.arrivals, ticket))

    def next(self) -> Ticket | None:
        order = list(self.order())
        if self.paused or not order or not self.has_room():
            return None
        ticket = order[0]
        if self.suspects:
            self.suspects.pop(0)
        else:
            self.lines[ticket.person].pop(0)
            self.now = self.clocks[ticket.person]
            self.clocks[ticket.person] += ticket.cost / ticket.weight
        self.flying.append(ticket)
        self.place(ticket)
        return ticket

    def has_room(self) -> bool:
        if self.suspects or any(ticket.run_alone for ticket in self.flying):
            return bool(self.devices) and not self.flying
        return len(self.beyond) < len(self.devices)

    def place(self, ticket: Ticket) -> None:
        for room, drawn in self.devices:
            if not drawn or sum(other.tokens for other in drawn) + ticket.tokens <= room:
                return drawn.append(ticket)
        return self.beyond.append(ticket)

    def resize(self, rooms: tuple[int, ...]) -> None:
        self.devices, self.beyond = [(room, []) for room in rooms], []
        for ticket in self.flying:
            self.place(ticket)

    def back(self, at: int) -> Ticket:
        ticket = self.flying.pop(at % len(self.flying))
        for drawn in (self.beyond, *(drawn for _, drawn in self.devices)):
            if ticket in drawn:
                drawn.remove(ticket)
        beyond, self.beyond = self.beyond, []
        for waiting in beyond:
            self.place(waiting)
        return ticket

    def remove(self, job: int) -> int:
        waiting = len(list(self.order()))
        self.suspects = [ticket for ticket in self.suspects if ticket.job != job]
        for person, line in self.lines.items():
            self.lines[person] = [entry for entry in line if entry[1].job != job]
        return waiting - len(list(self.order()))

    def order(self) -> Iterator[Ticket]:
        yield from self.suspects
        clocks, lines = dict(self.clocks), {person: line[:] for person, line in self.lines.items() if line}
        while lines:
            person = min(lines, key=lambda person: (clocks[person], lines[person][0][0]))
            _, ticket = lines[person].pop(0)
            yield ticket
            clocks[person] += ticket.cost / ticket.weight
            if not lines[person]:
                del lines[person]

    def places(self) -> list[int]:
        return list(dict.fromkeys(ticket.job for ticket in self.order()))

    def ahead(self, job: int) -> int:
        order = list(self.order())
        last = max((at for at, ticket in enumerate(order) if ticket.job == job), default=None)
        return 0 if last is None else sum(ticket.cost for ticket in [*self.flying, *order[: last + 1]])


class Both:
    """The queue and its plain twin, taking the same steps."""

    def __init__(self) -> None:
        self.plain = PlainQueue()
        self.queue = FairQueue((4,))
        self.places = Places(self.queue)
        self.told: dict[int, int] = {}
        self.jobs = 0

    async def step(self, step: Step) -> None:
        """Take one of the steps by name; what the numbers mean is up to it."""
        deeds: dict[str, Callable[[int, int, int], None]] = {
            "put": self.put,
            "remove": lambda job, _, __: self.remove(job % (self.jobs + 1)),
            "done": lambda at, _, __: self.back(at, lost=False),
            "lost": lambda at, _, __: self.back(at, lost=True),
            "pause": lambda yes, _, __: self.pause(yes % 3 == 0),
            "resize": lambda *rooms: self.resize(rooms[rooms[0] % 4 :]),
        }
        if step[0] == "next":
            await self.next()
        else:
            deeds[step[0]](*step[1:])
        self.compare()

    def put(self, person: int, cost: int, count: int) -> None:
        self.jobs += 1
        weight, tokens = 1 + person % 3, 1 + cost % 3
        tickets = [
            Ticket(self.jobs, at, f"p{person % 5}", tokens, 1 + cost, weight) for at in range(1 + count % 4)
        ]
        self.plain.put(tickets)
        self.queue.put(tickets)

    async def next(self) -> None:
        handing = asyncio.ensure_future(self.queue.next())
        await asyncio.sleep(0)
        assert self.plain.next() == (handing.result() if handing.done() else None)
        handing.cancel()

    def back(self, at: int, lost: bool) -> None:
        if self.plain.flying:
            ticket = self.plain.back(at)
            if lost:
                self.plain.suspects.append(replace(ticket, run_alone=True))
                self.queue.retry_alone(ticket)
            self.queue.done(ticket)

    def remove(self, job: int) -> None:
        assert self.queue.remove(job) == self.plain.remove(job)

    def resize(self, rooms: tuple[int, ...]) -> None:
        self.plain.resize(rooms)
        self.queue.resize(rooms)

    def pause(self, paused: bool) -> None:
        self.plain.paused = paused
        self.queue.pause(paused)

    def compare(self) -> None:
        """Assert that both give the same answers, and that nobody who waits was told a place too far off."""
        order = self.plain.places()
        self.told |= {job: self.queue.position(job) for job in self.places.changed()}
        assert sorted(order, key=self.queue.position) == order
        for job in range(1, self.jobs + 1):
            place = self.queue.position(job)
            assert place == (order.index(job) + 1 if job in order else 0)
            assert self.queue.ahead(job) == self.plain.ahead(job)
            assert not place or abs(self.told[job] - place) < max(1, self.told[job] // 4)
        assert self.queue.waiting() == len(order)
        assert len(self.queue) == len(list(self.plain.order()))


DEEDS = st.sampled_from(["put", "put", "put", "next", "next", "done", "lost", "remove", "pause", "resize"])
NUMBER = st.integers(0, 9)


@given(st.lists(st.tuples(DEEDS, NUMBER, NUMBER, NUMBER), max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_line_goes_as_the_plain_one_and_tells_who_waits(steps: list[Step]) -> None:
    async def play() -> None:
        both = Both()
        for step in steps:
            await both.step(step)

    with patch("bot.jobs.ranks.BLOCK", 4):
        asyncio.run(play())


async def test_what_happens_in_a_long_line_asks_for_few_places() -> None:
    queue = FairQueue((1,))
    places = Places(queue)
    queue.put(Ticket(job, 0, f"p{job % 300}", 1, 1) for job in range(3000))
    assert len(list(places.changed())) == 3000
    with patch.object(queue, "position", wraps=queue.position) as asked:
        for _ in range(100):
            queue.done(await queue.next())
            assert list(places.changed())
    assert asked.call_count < 100 * 40
