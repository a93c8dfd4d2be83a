"""The engine's port over a cluster: each task goes to the broker, its events come back from whoever draws it.

Knows the broker and tasks; knows nothing of the bot and no worker's insides. What a worker loses, the broker
gives to another one, which begins anew with the same seed; the caller sees the steps begin again.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from nats.aio.msg import Msg

from engine.cluster import wire
from engine.cluster.broker import LEASE, PIECE, STREAM, UNREACHED, Access, BrokerError, Connection
from engine.cluster.presence import BEAT, MANY, Presence, Present, Roster
from engine.pictures import codec
from engine.runtime.events import EventStream
from engine.runtime.messages import Failed
from engine.runtime.process import EngineState
from engine.types import LONGEST_UPSCALED, EngineLost, Event, Optimize, Picture, Progress, PromptReady, Task

COMPARED = 30.0
"""Seconds between two looks at whether the broker still has every open task."""
AGAIN = 0.5
"""Seconds until what the broker did not take is tried again."""
UNTAKEN = 5.0
"""Seconds after which a broker that does not take a task counts as one where nobody draws."""
UNUSABLE = 5.0
"""Seconds until a broker that cannot be used is tried again."""
WHO = 10.0
"""Seconds between two questions who is there."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """A task on its way. `tries` is the newest try that was heard, as (published, delivered).

    `sequence` is its number in the stream, 0 until the broker says so; `concluding` while its result is
    fetched, `heard` the loop's time of its last event.
    """

    task: Task
    data: bytes
    events: EventStream = field(default_factory=EventStream)
    published: int = 0
    sequence: int = 0
    kept: bool = False
    tries: tuple[int, int] = (0, 0)
    ready: PromptReady | None = None
    concluding: bool = False
    heard: float = float("-inf")


class ClusterEngine:
    """An `Engine` whose workers join and leave; made anywhere, used inside one event loop.

    Tasks wait while nobody is there. `user` names this bot at a broker that asks for no credentials; of one
    name there is one bot, since a new life of it drops what an earlier one left. `expected` is what workers
    should have: one that differs is named in the log.
    """

    def __init__(
        self,
        access: Access,
        lane: str,
        user: str = "bot",
        lease: float = LEASE,
        expected: Presence | None = None,
    ) -> None:
        self._connection = Connection(access, user, self._reconnected)
        self._lane = lane
        self._lease = lease
        self._expected = expected
        self._runs: dict[str, _Run] = {}
        self._watchers: list[Callable[[], None]] = []
        self._roster: Roster | None = None
        self._rooms: tuple[int, ...] = ()
        self._noted: set[str] = set()
        self._living: asyncio.Task[None] | None = None
        self._open = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._trouble = ""
        self._untaken = ""
        self._closed = False

    @property
    def rooms(self) -> tuple[int, ...]:
        """The rooms of all devices of all workers that are present, none while the broker takes no tasks."""
        return self._rooms

    @property
    def state(self) -> EngineState:
        """What the cluster does: `loading` until the broker is reached, `failed` while nobody is there."""
        if self._closed:
            return EngineState("closed")
        if self._trouble or not self._open.is_set():
            return EngineState("failed" if self._trouble else "loading", self._trouble)
        if self._untaken:
            return EngineState("failed", f"the broker takes no tasks: {self._untaken}")
        return EngineState("ready") if self._rooms else EngineState("failed", "no worker is present")

    def present(self) -> list[Present]:
        """Return every worker heard lately, of every lane."""
        return sorted(self._roster or (), key=lambda each: each.name)

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called in the event loop after every change of `rooms`."""
        self._watchers.append(changed)

    def start(self) -> None:
        """Have the broker connected to; returns at once."""
        if self._living is None and not self._closed:
            self._living = asyncio.create_task(self._live(), name="cluster")

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        """Yield the events of `task`; see `Engine.run`. Raises `EngineLost` only once closed."""
        if self._closed:
            raise EngineLost("the engine is closed")
        self.start()
        number = secrets.token_hex(12)
        try:
            run = self._runs[number] = _Run(task, self._packed(number, task))
        except ValueError as error:
            raise Failed("bad_input", str(error)).error() from None
        publishing = asyncio.create_task(self._publish(number, run))
        try:
            async for event in run.events:
                yield event
        finally:
            publishing.cancel()
            del self._runs[number]
            self._connection.drop(number)
            if run.published and not run.events.ended:
                self._begin(self._drop(number, run.sequence))

    async def close(self) -> None:
        """Leave the cluster; running tasks raise `EngineLost` and are dropped there."""
        self._closed = True
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
        if self._open.is_set() and self._connection.client.is_connected:
            await self._forget_all()
            await asyncio.gather(*(self._remove(run.sequence) for run in self._runs.values()))
        for run in self._runs.values():
            if not run.events.ended:
                run.events.fail(Failed("lost", "the engine was closed"))
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._connection.close()

    async def _live(self) -> None:
        """Connect, then watch over workers and open tasks until cancelled; a lost connection is made anew."""
        await self._until_open()
        loop = asyncio.get_running_loop()
        compared = greeted = loop.time()
        while True:
            await asyncio.sleep(BEAT / 2)
            assert self._roster is not None
            if self._connection.client.is_closed:
                log.warning("the broker ended the connection: %s", self._connection.trouble)
                await self._until_open()
                self._reconnected()
            for name in self._roster.expire():
                log.warning("worker %s is gone", name)
            if all(run.kept for run in self._runs.values()):
                self._untaken = ""  # or nobody would try it again
            self._resize()
            if loop.time() > compared + COMPARED:
                compared = loop.time()
                self._begin(self._compare())
            if loop.time() > greeted + WHO:
                greeted = loop.time()
                await self._ask_who()

    async def _until_open(self) -> None:
        while True:
            try:
                await self._connect()
            except (BrokerError, *UNREACHED) as error:
                self._trouble = str(error) or "the broker does not answer"
                log.error("the cluster cannot be used, trying again in %.0f s: %s", UNUSABLE, self._trouble)
                await asyncio.sleep(UNUSABLE)
            else:
                self._trouble = ""
                self._open.set()
                return

    async def _connect(self) -> None:
        connection, user = self._connection, self._connection.user
        if not connection.client.is_connected:
            await connection.open()
        is_first = not self._open.is_set()
        with suppress(*UNREACHED):
            # Where nobody has the name, the broker says so at once.
            await connection.request(f"event.{user}.ping")
            raise BrokerError(f"another bot is {user} already: give each its own [cluster] credentials")
        self._roster = Roster(asyncio.get_running_loop().time)
        await connection.prepare(self._lane, self._lease)
        if is_first:
            await self._forget_all()
        await connection.subscribe(f"event.{user}.*", self._heard)
        await connection.subscribe("here.>", self._heard_worker)
        await self._ask_who()

    async def _forget_all(self) -> None:
        """Have nobody go on with what is open under this bot's name; who begins it later hears so, too."""
        await self._connection.publish(f"drop.{self._connection.user}.all")

    async def _ask_who(self) -> None:
        fastest = max((each.presence.speed for each in self.workers()), default=0.0)
        count = sum(1 for _ in self._roster) if self._roster is not None else 0
        # Only many need to know how many they are.
        fleet = (fastest, count) if count > MANY else fastest
        await self._connection.publish(f"who.{self._lane}", msgspec.json.encode(fleet))

    def _reconnected(self) -> None:
        """The broker was away: ask who is there, and for what it has lost."""
        if self._open.is_set():
            self._begin(self._ask_who())
            self._begin(self._compare(insist=True))

    # Tasks

    def _packed(self, number: str, task: Task) -> bytes:
        file = wire.file_of(task)
        if file is not None and len(file) > PIECE:
            return wire.pack([wire.with_file(task, b"")])
        return wire.pack([task])

    async def _publish(self, number: str, run: _Run) -> None:
        """Hand a task to the broker, however long that takes."""
        await self._open.wait()
        run.published += 1
        headers = {"Nats-Msg-Id": f"{number}.{run.published}"}
        file = wire.file_of(run.task)
        if file is not None and len(file) > PIECE:
            headers["File"] = self._connection.keep(number, file)
        subject = f"task.{self._lane}.{self._connection.user}.{number}"
        loop = asyncio.get_running_loop()
        since = loop.time()
        while not run.events.ended:
            try:
                answer = msgspec.json.decode(await self._connection.request(subject, run.data, headers))
                trouble = answer["error"]["description"] if "error" in answer else ""
                run.sequence = answer.get("seq", 0)
            except UNREACHED as error:
                trouble = str(error) or "it does not answer"
            run.kept = not trouble
            if run.kept or loop.time() - since > UNTAKEN:
                self._taken(trouble)
            if run.kept:
                return
            await asyncio.sleep(AGAIN)

    def _taken(self, trouble: str) -> None:
        """Take note of whether the broker takes tasks, or why it does not."""
        if trouble and not self._untaken:
            log.warning("the broker takes no tasks, trying again: %s", trouble)
        self._untaken = trouble
        self._resize()

    async def _drop(self, number: str, sequence: int) -> None:
        """Take a task that nobody wants any more off its worker and out of the stream."""
        await self._connection.publish(f"drop.{self._connection.user}.{number}")
        await self._remove(sequence)

    async def _remove(self, sequence: int) -> None:
        """Take a message out of the stream.

        One by one: a purge by subject has nats-server 2.15.1 forget what others wait for again.
        """
        if sequence:
            with suppress(BrokerError, *UNREACHED):
                await self._connection.api(f"STREAM.MSG.DELETE.{STREAM}", seq=sequence, no_erase=True)

    async def _compare(self, insist: bool = False) -> None:
        """Publish again what the broker no longer has though nobody has answered it."""
        prefix = f"task.{self._lane}.{self._connection.user}."
        while True:
            kept = {number: run.published for number, run in self._runs.items() if run.kept}
            try:
                await self._connection.prepare(self._lane, self._lease)  # a new disk has no stream
                answer = await self._connection.api(f"STREAM.INFO.{STREAM}", subjects_filter=f"{prefix}*")
                break
            except (BrokerError, *UNREACHED) as error:
                log.warning("the broker cannot say which tasks it has: %r", error)
            if not insist:
                return
            await asyncio.sleep(AGAIN)
        there = answer["state"].get("subjects") or {}
        lately = asyncio.get_running_loop().time() - self._lease
        for number, published in kept.items():
            run = self._runs.get(number)
            if run is None or run.events.ended or run.published != published:
                continue
            # Whoever was drawing it a moment ago still does.
            if f"{prefix}{number}" not in there and run.heard < lately:
                log.warning("the broker has lost task %s; it is published again", number)
                run.kept = False
                self._begin(self._publish(number, run))

    # What workers say

    async def _heard(self, message: Msg) -> None:
        """Handle an event of a task; one that carries a request for an answer is its last."""
        number = message.subject.rpartition(".")[2]
        run = self._runs.get(number)
        if run is None or run.events.ended:
            # Of an earlier life, or dropped or answered by another worker meanwhile.
            await self._connection.publish(f"drop.{self._connection.user}.{number}")
            if message.reply:
                await self._connection.publish(message.reply, b"nobody")
            return
        run.heard = asyncio.get_running_loop().time()
        if message.reply and not run.concluding:
            run.concluding = True
            self._begin(self._conclude(message, run))  # the others' events do not wait for its file
        elif not message.reply:
            self._progress(message, run)

    def _progress(self, message: Msg, run: _Run) -> None:
        try:
            tries = _tries(message)
            [event] = wire.unpack(message.data)
        except ValueError as error:
            log.warning("a worker sent no event: %s", error)
            return
        if tries < run.tries:
            return
        run.tries = tries
        if isinstance(event, PromptReady) and event != run.ready:
            run.ready = event
            run.events.put(event, last=False)
        elif isinstance(event, Progress):
            if event.preview is not None and codec.size_of(event.preview) is None:
                event = replace(event, preview=None)
            run.events.put(event, last=False)

    async def _conclude(self, message: Msg, run: _Run) -> None:
        """Take the last events of a task and say so: `taken`, or `again` where they cannot be read."""
        try:
            values = await self._last(message, run.task)
        except (ValueError, *UNREACHED) as error:
            log.warning("a worker's result cannot be read: %r", error)
            run.concluding = False
            await self._connection.publish(message.reply, b"again")
            return
        if not run.events.ended:
            for event in values[:-1]:
                if event != run.ready:
                    run.events.put(event, last=False)
            if isinstance(values[-1], Failed):
                run.events.fail(values[-1])
            else:
                run.events.put(values[-1], last=True)
        await self._connection.publish(message.reply, b"taken")

    async def _last(self, message: Msg, task: Task) -> list[Any]:
        *before, last = wire.unpack(message.data)
        result = PromptReady if isinstance(task, Optimize) else Picture
        if not isinstance(last, (result, Failed)) or not all(isinstance(one, PromptReady) for one in before):
            raise ValueError("these are not the last events of such a task")
        if isinstance(last, Failed) and last.code == "lost":
            raise ValueError("a worker loses nothing: what its engine lost, it gives back")
        if isinstance(last, Picture):
            if header := (message.headers or {}).get("File"):
                last = wire.with_file(last, await self._connection.fetch(header))
            size = codec.size_of(last.png) if last.png.startswith(b"\x89PNG") else None
            if size is None:
                raise ValueError("the picture is no PNG file")
            if size != (last.width, last.height) or max(size) > LONGEST_UPSCALED:
                raise ValueError("the picture has another size than it says")
        return [*before, last]

    async def _heard_worker(self, message: Msg) -> None:
        assert self._roster is not None
        if present := self._roster.hear(message.subject, message.data):
            self._note(present)
        self._resize()

    def _note(self, present: Present) -> None:
        """Say once of each worker that it joined, and in what it differs from what is expected."""
        if present.name in self._noted or not present.presence.rooms:
            return
        self._noted.add(present.name)
        if present.lane != self._lane:
            log.info(
                "worker %s is not for this bot: it draws for %s, not %s",
                present.name,
                present.lane,
                self._lane,
            )
            return
        presence = present.presence
        log.info(
            "worker %s is there: %s, rooms %s",
            present.name,
            presence.device or presence.model,
            presence.rooms,
        )
        for what in ("model", "version", "classifier", "loras") if self._expected else ():
            theirs, ours = getattr(present.presence, what), getattr(self._expected, what)
            if theirs != ours:
                log.warning("worker %s has another %s: %r, here %r", present.name, what, theirs, ours)

    def workers(self) -> list[Present]:
        """Return the workers that draw for this bot."""
        return [each for each in self.present() if each.lane == self._lane]

    def _resize(self) -> None:
        workers = () if self._untaken else self.workers()
        rooms = tuple(room for each in workers for room in each.presence.rooms)
        if rooms != self._rooms:
            self._rooms = rooms
            for changed in self._watchers:
                changed()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside everything else; it ends with the engine."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _tries(message: Msg) -> tuple[int, int]:
    """Return which try an event is of."""
    published, _, delivered = (message.headers or {}).get("Try", "").partition(".")
    return int(published), int(delivered)
