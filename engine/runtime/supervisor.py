"""One life of the engine's child process, seen from the event loop of the bot.

Nothing here blocks the loop: one thread starts the process and reads reports until it is dead, another writes
the orders. Threads, because only they work with pipes on every system. `process.py` decides why a child is
started and what comes after it.
"""

import asyncio
import atexit
import logging
import multiprocessing
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from engine.runtime import child_main
from engine.runtime.events import EventStream
from engine.runtime.messages import (
    Alive,
    Ask,
    CancelTask,
    Failed,
    Loaded,
    Logged,
    Order,
    Report,
    RunTask,
    TaskEvent,
)
from engine.runtime.watchdog import Patience, Tick, Watchdog
from engine.types import EngineSettings, Task

DYING = 10.0
"""Seconds a killed process may take to be gone; one that a driver holds in the kernel never is."""

log = logging.getLogger(__name__)


class Supervisor:
    """A worker process, started `delay` seconds after construction inside a running loop, until its end.

    `room` is None until the model is loaded, and `resized` is called with each value it takes; `ending` says
    why the process is over, or is about to be.
    One that hangs while it loads, or while somebody waits for it, is ended: `patience` says after how long.
    """

    def __init__(
        self,
        settings: EngineSettings,
        delay: float,
        patience: Patience,
        tick: Tick,
        resized: Callable[[int], None],
    ) -> None:
        self.room: int | None = None
        self._resized = resized
        self.ending: Failed | None = None
        self.process: SpawnProcess | None = None
        self._settings = settings
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._streams: dict[int, EventStream] = {}
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._settled = asyncio.Event()
        self._gone = asyncio.Event()
        self._refusal: Failed | None = None
        self._unwanted = threading.Event()
        self._patience = patience
        self._tick = tick
        self._watchdog = Watchdog(patience)
        self._watching: asyncio.Task[None] | None = None
        self._threads = [threading.Thread(target=self._live, name="engine-reports", daemon=True)]
        self._threads[0].start()

    @property
    def died_loading(self) -> bool:
        """Whether the process was lost before its model was loaded."""
        return self.ending is not None and self.ending.code == "lost" and self.room is None

    async def loaded(self) -> None:
        """Wait for the model; raise `EngineError` if it cannot load, `EngineLost` if the process dies."""
        await self._settled.wait()
        if self.ending is not None:
            raise self.ending.error()

    def submit(self, number: int, task: Task) -> EventStream:
        """Order `task` and return its events."""
        stream = self._streams[number] = EventStream()
        self._orders.put(RunTask(number, task))
        return stream

    def forget(self, number: int) -> None:
        """Forget task `number`; the worker drops it if it is not done."""
        if not self._streams.pop(number).ended:
            self._orders.put(CancelTask(number))

    async def end(self, grace: float) -> None:
        """Lose every task and end the process: within `grace` seconds if it is loaded, else at once."""
        self._unwanted.set()
        self._conclude(Failed("lost", "the engine was closed"))
        if self.room is None:
            self._kill()
        try:
            async with asyncio.timeout(grace):
                await self._gone.wait()
        except TimeoutError:
            log.warning("the engine process did not end within %.0f s and is killed", grace)
        finally:
            self._kill()
        if await self._dead():
            for thread in self._threads:
                thread.join()

    def _kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    async def _dead(self) -> bool:
        """Wait until a killed process is gone; False where the system cannot end it."""
        try:
            async with asyncio.timeout(DYING):
                await self._gone.wait()
        except TimeoutError:
            log.error("the engine process cannot be ended, a driver holds it: restart the computer")
            return False
        return True

    async def _watch(self) -> None:
        """End the process when it hangs; while nobody waits for it, it is not checked."""
        hangs = None
        while hangs is None:
            seconds = await self._tick(self._patience.every)
            waited_for = any(not stream.ended for stream in self._streams.values())
            if self.room is not None and not waited_for and not self._watchdog.busy:
                self._watchdog.rest()
                continue
            self._orders.put(Ask())
            hangs = self._watchdog.passed(seconds, self.room is None)
        log.error("the engine process %s and is ended", hangs)
        self._refusal = self._refusal or Failed("lost", f"the engine process {hangs}")
        self._kill()
        if not await self._dead():
            self._conclude(self._refusal)

    def _began(self, process: SpawnProcess, writer: threading.Thread) -> None:
        self.process = process
        self._threads.append(writer)
        writer.start()
        if self.ending is not None:
            self._kill()
        else:
            self._watching = asyncio.create_task(self._watch(), name="engine-watchdog")

    def _receive(self, report: Report) -> None:
        if isinstance(report, Logged):
            record = logging.makeLogRecord(report.record)
            logging.getLogger(record.name).handle(record)
            return
        self._watchdog.sign_of_life()
        if isinstance(report, Alive):
            self._watchdog.report(report.doing)
        elif isinstance(report, Loaded):
            self.room = report.capacity
            self._resized(self.room)
            self._settled.set()
        elif report.number is None:
            self._refusal = report
            self._orders.put(None)
        elif report.number in self._streams:
            stream = self._streams[report.number]
            if isinstance(report, TaskEvent):
                stream.put(report.event, report.last)
            else:
                stream.fail(report)

    def _ended(self, reason: str) -> None:
        self._conclude(self._refusal or Failed("lost", reason))
        if self.process is not None:
            self.process.close()
            self.process = None
        self._gone.set()

    def _conclude(self, ending: Failed) -> None:
        if self.ending is not None:
            return
        self.ending = ending
        if self._watching is not None:
            self._watching.cancel()
        log.log(logging.INFO if self._unwanted.is_set() else logging.WARNING, "engine: %s", ending.message)
        self._orders.put(None)
        self._settled.set()
        for stream in self._streams.values():
            if not stream.ended:
                stream.fail(ending)

    def _live(self) -> None:
        """Run in a thread: start the process and pass its reports to the loop until it is dead."""
        reason = "the engine was closed"
        if not self._unwanted.wait(self._delay):
            reason = self._attend()
        self._hand(self._ended, reason)

    def _attend(self) -> str:
        if sys.platform != "win32":
            # Ctrl+C is the parent's to answer. The child inherits this, so it isn't interrupted as it starts.
            # Where the tracker has to be started first, it lets the signal through again.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        context = multiprocessing.get_context("spawn")
        orders, outgoing = context.Pipe(duplex=False)
        incoming, reports = context.Pipe(duplex=False)
        level = logging.getLogger().getEffectiveLevel()
        process = context.Process(
            target=child_main.main, args=(self._settings, orders, reports, level), name="engine", daemon=True
        )
        try:
            process.start()
        except OSError as error:
            return f"the engine process cannot be started: {error}"
        finally:
            orders.close()
            reports.close()
        # Python's exit waits for it, however long, and the signal that it gets there is one it ignores.
        atexit.register(process.kill)
        writer = threading.Thread(target=self._write, args=(outgoing,), name="engine-orders", daemon=True)
        self._hand(self._began, process, writer)
        with incoming, suppress(EOFError, OSError):
            while True:
                self._hand(self._receive, incoming.recv())
        process.join()
        atexit.unregister(process.kill)
        return _reason(process.exitcode)

    def _write(self, pipe: "Connection[Order, None]") -> None:
        """Run in a thread: write orders; closing the pipe is the order to end."""
        with pipe, suppress(OSError):
            while (order := self._orders.get()) is not None:
                pipe.send(order)

    def _hand(self, call: Callable[..., None], *values: object) -> None:
        """Have the loop make a call; nothing happens once the loop is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *values)


def _reason(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"the engine process ended with exit code {exitcode}"
    name = signal.Signals(-exitcode).name
    hint = "; if nobody sent it, the system ran out of memory" if name == "SIGKILL" else ""
    return f"the engine process was ended by {name}{hint}"
