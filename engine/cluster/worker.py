"""A machine that joins a cluster, takes what it can draw, and leaves at will.

Knows the broker and one `Engine`, which draws; the broker leases tasks to it one by one while there is room.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from nats.aio.msg import Msg

from engine.cluster import wire
from engine.cluster.broker import (
    GROUP,
    LEASE,
    PIECE,
    SENT,
    SLOWEST,
    STREAM,
    UNREACHED,
    Access,
    BrokerError,
    Connection,
)
from engine.cluster.presence import SLOW, Presence, beat
from engine.lru import LruDict
from engine.runtime.messages import Failed
from engine.types import (
    Engine,
    EngineError,
    EngineLost,
    ErrorCode,
    Event,
    Generate,
    Optimize,
    Picture,
    PromptReady,
    Task,
    Upscale,
    image_tokens,
)

DELIVERIES = 3
"""A task that was begun so often and never ended is not begun again."""
PULL = 2.0
"""Seconds that a wish for a task stands at the broker."""
PATIENCE = 60.0
"""Seconds that a result is kept for a bot that is away: one whose link is silent notices that within 40."""
UNMEASURED = image_tokens(1024, 1024)
"""The room of an upload that is upscaled, which is not opened here."""
ELSEWHERE: tuple[ErrorCode, ...] = ("out_of_memory", "model_missing")
"""What another machine may have, and what a second try alone on this one may have."""

log = logging.getLogger(__name__)


class _GivenBack(Exception):
    """The task goes back to the broker, to be begun anew by whoever takes it."""


@dataclass(slots=True)
class _Work:
    """A task leased to this worker; `alone` where it was begun before, as it may be what ends workers.

    `tokens` is the room it takes, 0 once it is drawn and only its bot has yet to take it.
    """

    message: Msg
    task: Task
    tokens: int
    alone: bool
    drawing: "asyncio.Task[None] | None" = None
    dropped: bool = False

    @property
    def bot(self) -> str:
        return self.message.subject.split(".")[2]

    @property
    def number(self) -> str:
        return self.message.subject.split(".")[3]

    @property
    def tries(self) -> str:
        """Which try this is: how often the bot published it, and how often this message was delivered."""
        published = (self.message.headers or {}).get("Nats-Msg-Id", "").rpartition(".")[2]
        return f"{int(published)}.{self.message.metadata.num_delivered}"


@dataclass(slots=True)
class _Speed:
    """Image tokens times steps a second while anything runs: the best lately, as lone pictures say less."""

    value: float = 0.0
    since: float = field(default_factory=time.monotonic)
    _cost: float = 0.0
    _seconds: float = 0.0

    def finished(self, cost: int) -> None:
        now = time.monotonic()
        self._cost, self._seconds = 0.9 * self._cost + cost, 0.9 * self._seconds + now - self.since
        self.since = now
        self.value = max(0.99 * self.value, self._cost / max(self._seconds, 1e-3))


class ClusterWorker:
    """Draws tasks of `lane` with `engine` from `run` until it is drained, which `leave` begins.

    `presence` is what it says of itself besides rooms and counts. `user` names it at a broker that asks for
    no credentials.
    """

    def __init__(
        self,
        access: Access,
        lane: str,
        engine: Engine,
        presence: Presence,
        user: str = "worker",
        lease: float = LEASE,
    ) -> None:
        self._connection = Connection(access, user)
        self._lane = lane
        self._engine = engine
        self._presence = presence
        self._lease = lease
        self._works: dict[str, _Work] = {}
        self._dropped: LruDict[str, None] = LruDict(1000)
        self._changed = asyncio.Event()
        self._joined = asyncio.Event()
        self._leaving = False
        self._speed = _Speed()
        self._drawn = 0
        self._fastest = 0.0
        self._workers = 0
        self._background: set[asyncio.Task[None]] = set()
        engine.watch(lambda: self._begin(self._say_here()))

    async def joined(self) -> None:
        """Wait until it takes tasks."""
        await self._joined.wait()

    @property
    def has_joined(self) -> bool:
        """Whether it takes tasks, or has taken some."""
        return self._joined.is_set()

    @property
    def running(self) -> int:
        """How many tasks it has."""
        return len(self._works)

    async def run(self) -> None:
        """Draw until `leave` was called and nothing is left; raises `BrokerError` for an unusable broker."""
        connection = self._connection
        await connection.open()
        await connection.subscribe("drop.*.*", self._drop)
        await connection.subscribe(f"who.{self._lane}", self._asked)
        beat = asyncio.create_task(self._beat())
        self._joined.set()
        try:
            await self._pull()
            await self._until(lambda: not self._works)
        finally:
            beat.cancel()
            for work in list(self._works.values()):
                if work.drawing is not None:
                    work.drawing.cancel()
            await self._until(lambda: not self._works)
            self._leaving = True
            await self._say_here()
            await connection.close()

    async def leave(self, grace: float) -> None:
        """Take nothing new; what is not done within `grace` seconds goes to others."""
        self._leaving = True
        self._changed.set()
        await self._say_here()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._until(lambda: not self._works)
        for work in list(self._works.values()):
            if work.drawing is not None:
                work.drawing.cancel()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    # Tasks come

    async def _pull(self) -> None:
        """Ask for one task at a time while there is room; the broker serves the least busy worker first."""
        connection = self._connection
        inbox = connection.client.new_inbox()
        answers = await connection.client.subscribe(inbox)
        while not self._leaving:
            await self._until(lambda: self._leaving or self._has_room())
            if self._leaving:
                break
            wish = {"batch": 1, "expires": int(PULL * 1e9), "group": GROUP, "priority": self._priority()}
            ask = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._lane}"
            await connection.publish(ask, msgspec.json.encode(wish), reply=inbox)
            try:
                message = await answers.next_msg(PULL + 1.0)
            except UNREACHED:
                if connection.client.is_closed:
                    raise BrokerError(f"the broker ended the connection: {connection.trouble}") from None
                continue
            status = (message.headers or {}).get("Status")
            if status is None:
                await self._take(message)
            elif status not in ("404", "408"):  # other than that nothing came: no stream yet, or no broker
                await asyncio.sleep(0.5)
        with suppress(*UNREACHED):
            await answers.unsubscribe()

    def _has_room(self) -> bool:
        """Say whether one more task like the largest of those that run would fit beside them."""
        works = self._running()
        if not works or not self._engine.rooms:
            return bool(self._engine.rooms)
        if any(work.alone for work in works):
            return False
        return sum(work.tokens for work in works) + max(work.tokens for work in works) <= sum(
            self._engine.rooms
        )

    def _running(self) -> list[_Work]:
        """Return what is not drawn yet, the oldest first."""
        return [work for work in self._works.values() if work.tokens]

    def _priority(self) -> int:
        """Return 0 to 9, lower being served first: by how full it is, a slow worker after all others."""
        used = sum(work.tokens for work in self._works.values())
        full = min(4, -(-4 * used // max(1, sum(self._engine.rooms))))
        return full + 5 * bool(0 < self._speed.value * SLOW < self._fastest)

    async def _take(self, message: Msg) -> None:
        number = message.subject.rpartition(".")[2]
        try:
            [task] = wire.unpack(message.data)
            if not isinstance(task, Task):
                raise ValueError("this is no task")
        except ValueError as error:
            log.error("a task cannot be read and is thrown away: %s", error)
            await self._answer(message.term())
            return
        if number in self._dropped:
            await self._answer(message.term())
        elif self._leaving:
            await self._answer(message.nak())
        elif number in self._works:
            # Its lease ran out while nobody heard this worker, or a broker with a new disk got it again.
            self._works[number].message = message
        else:
            self._begin_work(message, task)

    def _begin_work(self, message: Msg, task: Task) -> None:
        if not self._running():
            self._speed.since = time.monotonic()
        work = _Work(message, task, _tokens(task), message.metadata.num_delivered > 1)
        self._works[work.number] = work
        work.drawing = asyncio.create_task(self._do(work), name=f"task {work.number}")
        work.drawing.add_done_callback(lambda _: self._ended(work))

    def _ended(self, work: _Work) -> None:
        del self._works[work.number]
        self._connection.drop(work.number)
        self._changed.set()

    async def _do(self, work: _Work) -> None:
        """Draw one task under its lease, which ends once its bot has the result."""
        lease = asyncio.create_task(self._hold(work))
        try:
            result = await self._result(work)
            work.tokens = 0
            self._changed.set()
            await self._deliver(work, result)
            await self._answer(work.message.ack())
        except _GivenBack as reason:
            log.warning("task %s goes back: %s", work.number, reason)
            await self._answer(work.message.nak())
        except asyncio.CancelledError:
            await self._answer(work.message.term() if work.dropped else work.message.nak())
        except Exception:
            log.exception("task %s", work.number)
            await self._answer(work.message.nak())
        finally:
            lease.cancel()

    async def _result(self, work: _Work) -> list[Event | Failed]:
        """Draw; return the last events, or why it cannot be done. Raises `_GivenBack`."""
        if work.message.metadata.num_delivered > DELIVERIES:
            return [Failed("internal", f"it was begun {DELIVERIES} times and never ended")]
        ready: PromptReady | None = None
        try:
            if header := (work.message.headers or {}).get("File"):
                work.task = wire.with_file(work.task, await self._connection.fetch(header))
            await self._until(lambda: not work.alone or self._is_next_alone(work))
            last: Event | None = None
            async with aclosing(self._engine.run(work.task)) as events:
                async for event in events:
                    last = event
                    if isinstance(event, PromptReady):
                        ready = event
                    if not isinstance(event, Picture) and not isinstance(work.task, Optimize):
                        await self._report(work, event)
        except EngineLost as lost:
            raise _GivenBack(str(lost)) from lost
        except EngineError as error:
            if error.code in ELSEWHERE and not work.alone:
                raise _GivenBack(str(error)) from error
            return [Failed(error.code, str(error))]
        except (ValueError, *UNREACHED) as error:
            raise _GivenBack(f"its file cannot be fetched: {error}") from error
        assert last is not None
        if isinstance(last, Picture):
            self._drawn += 1
            if isinstance(work.task, Generate):
                self._speed.finished(work.tokens * work.task.steps)
            return [ready, last] if ready else [last]
        return [last]

    def _is_next_alone(self, work: _Work) -> bool:
        """Say whether nothing but later tasks that run alone, too, are here."""
        others = self._running()
        return all(other.alone for other in others) and others[0] is work

    async def _report(self, work: _Work, event: Event) -> None:
        data, headers = wire.pack([event]), {"Try": work.tries}
        await self._connection.publish(f"event.{work.bot}.{work.number}", data, headers)

    async def _deliver(self, work: _Work, values: list[Any]) -> None:
        """Give the result to its bot until it has it, or is gone for good: its next life asks for it anew.

        Raises `_GivenBack` where the bot cannot read it.
        """
        headers = {"Try": work.tries}
        file = wire.file_of(values[-1])
        seconds = SENT + len(file or b"") / SLOWEST
        if file is not None and len(file) > PIECE:
            headers["File"] = self._connection.keep(work.number, file)
            values = [*values[:-1], wire.with_file(values[-1], b"")]
        data = wire.pack(values)
        answers: list[bytes] = []
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                subject = f"event.{work.bot}.{work.number}"
                answer = await self._connection.request(subject, data, headers, seconds)
            except UNREACHED:
                await asyncio.sleep(0.5)
                continue
            if answer != b"again":
                return
            answers.append(answer)
            if len(answers) == DELIVERIES:
                raise _GivenBack("its bot cannot read the result")
        log.warning("task %s: its bot is away", work.number)

    async def _hold(self, work: _Work) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            await self._answer(work.message.in_progress())

    async def _answer(self, answer: Coroutine[Any, Any, None]) -> None:
        """Answer the broker; what it does not hear, it asks again when the lease ends."""
        with suppress(*UNREACHED):
            async with asyncio.timeout(SENT):
                await answer

    # What bots say

    async def _drop(self, message: Msg) -> None:
        _, bot, number = message.subject.split(".")
        if number != "all":
            self._dropped[number] = None
        for work in list(self._works.values()):
            if work.drawing is not None and (work.number == number or (number == "all" and work.bot == bot)):
                work.dropped = True
                work.drawing.cancel()

    async def _asked(self, message: Msg) -> None:
        with suppress(msgspec.MsgspecError):
            fleet = msgspec.json.decode(message.data, type=float | tuple[float, int])
            self._fastest, self._workers = fleet if isinstance(fleet, tuple) else (fleet, 0)
        await self._say_here()

    async def _say_here(self) -> None:
        if not self._joined.is_set():
            return
        rooms = () if self._leaving else self._engine.rooms
        running, speed = len(self._works), self._speed.value
        said = replace(self._presence, rooms=rooms, running=running, drawn=self._drawn, speed=speed)
        connection = self._connection
        await connection.publish(f"here.{self._lane}.{connection.user}.{connection.life}", said.pack())

    async def _beat(self) -> None:
        while True:
            await self._say_here()
            await asyncio.sleep(beat(self._workers))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _tokens(task: Task) -> int:
    """Return the room that a task takes; a prompt takes next to none."""
    if isinstance(task, Generate):
        return image_tokens(task.width, task.height)
    return UNMEASURED if isinstance(task, Upscale) else 1
