"""The engine in a process of its own, so that the bot answers while the model loads, computes or crashes.

It decides when a child process is started and what its end means to the tasks; `supervisor.py` is one such
process, `child_main.py` and `worker.py` what runs inside it. Imports no torch.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Literal

from engine.runtime.growth import Growth, held
from engine.runtime.supervisor import Supervisor
from engine.runtime.watchdog import USUAL, Patience, Tick, awake
from engine.types import EngineLost, EngineSettings, Event, Task, image_tokens

CLOSING_GRACE = 3.0
"""Seconds the child may go on with its step when the engine is closed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the engine is doing. The next task starts a failed engine again.

    `message` says why it failed, and while it loads again, why it has to.
    """

    phase: Literal["stopped", "loading", "ready", "failed", "closed"]
    message: str = ""


def backoff(deaths: int) -> float:
    """Return the seconds to wait after the process died `deaths` times in a row while loading the model."""
    return min(30.0, 2.0 ** (deaths - 1)) if deaths else 0.0


class ProcessEngine:
    """An `Engine` whose worker is a spawned child; made anywhere, used inside one event loop.

    The child starts with `start()` or the first task. When it dies, or hangs for longer than `patience` says
    and is ended, running tasks raise `EngineLost` and the next task starts another one; when the model cannot
    be loaded, the tasks waiting for it raise its `EngineError` and the next one tries again. After `idle`
    seconds without a task, also before the first, the child ends and with it all the memory it has (0:
    never); the next task loads the model again. One whose memory has grown by more than `growth` bytes since
    it was warm (0: by any) is replaced once what runs has ended; `replaced` says how often that was,
    and `restarted` how often one followed one that had died, hung or not loaded.
    """

    def __init__(
        self,
        settings: EngineSettings,
        room: int = image_tokens(1024, 1024),
        delay: Callable[[int], float] = backoff,
        idle: float = 0.0,
        patience: Patience = USUAL,
        tick: Tick = awake,
        growth: int = 0,
    ) -> None:
        self.replaced = self.restarted = 0
        self._settings = settings
        self._patience = patience
        self._tick = tick
        self._delay = delay
        self._idle = idle
        self._running = 0
        self._rest: asyncio.TimerHandle | None = None
        self._unloading: asyncio.Task[None] | None = None
        self._child: Supervisor | None = None
        self._drawing = 0
        self._most_growth = growth
        self._growth = Growth(growth)
        self._grown: asyncio.Event | None = None
        self._room = room
        self._watchers: list[Callable[[], None]] = []
        self._deaths = 0
        self._failure = ""
        self._numbers = itertools.count(1)
        self._closed = False

    @property
    def rooms(self) -> tuple[int, ...]:
        """The one device's room, that of one 1024×1024 picture until it is loaded."""
        return (self._room,)

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called in the event loop after every change of `rooms`."""
        self._watchers.append(changed)

    @property
    def state(self) -> EngineState:
        """What the engine is doing now."""
        if self._closed:
            return EngineState("closed")
        if self._child is None:
            return EngineState("stopped")
        if self._child.ending is not None:
            return EngineState("failed", self._child.ending.message)
        if self._child.room is None:
            return EngineState("loading", self._failure)
        return EngineState("ready")

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        process = self._child.process if self._child is not None else None
        return process.pid if process is not None else None

    def start(self) -> None:
        """Have the model loaded, unless it is loaded or loading; returns at once."""
        self._living()
        self._rests()

    async def ready(self) -> None:
        """Wait until the model is loaded, starting it if need be; raises like `run`."""
        self._began()
        try:
            await self._unloaded()
            await self._living().loaded()
        finally:
            self._ended()

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        """Yield the events of `task`; see `Engine.run`. Waits for the model, and its error is the task's."""
        self._began()
        try:
            await self._unloaded()
            child = self._living()
            await child.loaded()
            number = next(self._numbers)
            self._drawing += 1
            try:
                async for event in child.submit(number, task):
                    yield event
            finally:
                child.forget(number)
                self._drawing -= 1
                self._weigh()
        finally:
            self._ended()

    async def close(self) -> None:
        """End the child; running and later tasks raise `EngineLost`."""
        self._closed = True
        self._stay()
        await self._unloaded()
        if self._child is not None:
            await self._child.end(CLOSING_GRACE)

    def _began(self) -> None:
        self._running += 1
        self._stay()

    def _ended(self) -> None:
        self._running -= 1
        self._rests()

    def _rests(self) -> None:
        """Count from now how long nothing runs."""
        self._stay()
        if self._idle and not self._running and not self._closed:
            self._rest = asyncio.get_running_loop().call_later(self._idle, self._unload)

    def _stay(self) -> None:
        """Call off the end of an idle child."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _unload(self) -> None:
        if self.state.phase == "loading":
            self._rests()
            return
        child, self._child = self._child, None
        if child is not None:
            self._unloading = asyncio.create_task(child.end(CLOSING_GRACE))

    def _weigh(self) -> None:
        """Look at the child's memory after a task; where it has grown too much, end it after its last one."""
        if self._grown is None and self.pid is not None and (more := self._growth.beyond(held(self.pid))):
            self.replaced += 1
            log.warning(
                "the engine's process holds %.1f GB more than when it was warm and is replaced (time %d)",
                more / 2**30,
                self.replaced,
            )
            self._grown = asyncio.Event()
        if self._grown is not None and not self._drawing:
            child, self._child = self._child, None
            if child is not None and not self._closed:
                self._unloading = asyncio.create_task(self._replace(child))
            self._grown.set()
            self._grown = None

    async def _replace(self, child: Supervisor) -> None:
        await child.end(CLOSING_GRACE)
        if not self._closed:
            self._living()

    async def _unloaded(self) -> None:
        """Wait until a child that was idle or grew is gone, so that two models never share the memory."""
        if self._grown is not None:
            await self._grown.wait()
        if self._unloading is not None:
            await asyncio.shield(self._unloading)
            self._unloading = None

    def _living(self) -> Supervisor:
        """Return the child, or a new one when it is over."""
        if self._closed:
            raise EngineLost("the engine is closed")
        if self._child is None or self._child.ending is not None:
            self.restarted += self._child is not None
            died = self._child is not None and self._child.died_loading
            self._deaths = self._deaths + 1 if died else 0
            self._failure = self.state.message
            delay = self._delay(self._deaths)
            self._growth = Growth(self._most_growth)
            self._child = Supervisor(self._settings, delay, self._patience, self._tick, self._resize)
        return self._child

    def _resize(self, room: int) -> None:
        changed, self._room = room != self._room, room
        for call in self._watchers if changed else ():
            call()
