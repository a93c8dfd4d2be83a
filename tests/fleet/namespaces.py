"""`python -m tests.fleet.namespaces` cuts, slows and heals the links of a fleet, and prints what that took.

Broker, bot and three workers each have a network namespace, so a kernel's own TCP, and every packet between
them passes through this process: a link that is cut ends no connection, it is silent. Needs root and Linux.
"""

import asyncio
import ctypes
import fcntl
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from engine.cluster.broker import LEASE
from engine.cluster.engine import ClusterEngine
from engine.types import Optimize, Picture
from tests.bench_fleet import milliseconds, small, timed
from tests.contracts.engine_contract import played
from tests.engine.cluster.fleet import SMALL, Server, WorkerProcess, cluster, until

CLONE_NEWNET, TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x40000000, 0x400454CA, 0x1, 0x1000
NAME = "zimage-fleet"
WORKERS = 3
HALF_A_SECOND = 0.5 / 8


class Wire:
    """A link between two namespaces: passes packets after `seconds`, but some `loss`, none while `is_cut`."""

    def __init__(self, one: int, other: int) -> None:
        self.seconds = 0.0
        self.loss = 0.0
        self.is_cut = False
        self._due = 0.0
        self._dice = random.Random(7)
        loop = asyncio.get_running_loop()
        loop.add_reader(one, self._pass, one, other)
        loop.add_reader(other, self._pass, other, one)

    def _pass(self, source: int, target: int) -> None:
        packet, loop = os.read(source, 1 << 16), asyncio.get_running_loop()
        if not self.is_cut and self._dice.random() >= self.loss:
            # Of two timers of one moment the later one may come first.
            self._due = max(self._due + 1e-6, loop.time() + self.seconds)
            loop.call_at(self._due, _write, target, packet)


def _write(end: int, packet: bytes) -> None:
    with suppress(OSError):  # full, or down
        os.write(end, packet)


class Site:
    """A bot's engine and the wires from it and each worker to the broker; it counts what goes wrong."""

    def __init__(self, engine: ClusterEngine, wires: dict[str, Wire]) -> None:
        self.engine = engine
        self.wires = wires
        self.lost = self.doubled = 0

    async def draw(self, count: int) -> float:
        """Have so many pictures drawn, each in half a second; return the seconds until the last."""
        since = time.perf_counter()
        outcomes = await asyncio.gather(*(played(self.engine, small(seed)) for seed in range(count)))
        made = [sum(isinstance(event, Picture) for event in outcome) for outcome in outcomes]
        self.lost += made.count(0)
        self.doubled += sum(number > 1 for number in made)
        return time.perf_counter() - since


async def as_it_is(site: Site) -> str:
    return f"{24 / await site.draw(24):.2f} of 6 a second"


async def slowed_to_40_ms(site: Site) -> str:
    for wire in site.wires.values():
        wire.seconds = 0.01  # from worker to bot and back are four ways
    await site.draw(WORKERS)
    empty = milliseconds([await timed(played(site.engine, Optimize("a cat"))) for _ in range(20)])
    return f"{empty}; {24 / await site.draw(24):.2f} of 6 a second"


async def every_fiftieth_packet_lost(site: Site) -> str:
    for wire in site.wires.values():
        wire.seconds, wire.loss = 0.01, 0.02
    return f"{24 / await site.draw(24):.2f} of 6 a second"


def cut(seconds: float, *names: str) -> Callable[["Site"], Coroutine[Any, Any, str]]:
    async def measure(site: Site) -> str:
        since = time.perf_counter()
        drawing = asyncio.create_task(site.draw(12))
        await asyncio.sleep(0.7)
        for name in names:
            site.wires[name].is_cut = True
        await asyncio.sleep(seconds)
        for name in names:
            site.wires[name].is_cut = False
        healed = time.perf_counter()
        await drawing
        late = drawing.result() - (healed - since)
        await until(site.engine, lambda: len(site.engine.rooms) == WORKERS)
        there = time.perf_counter() - healed
        await site.draw(2 * WORKERS)
        return (
            f"the last of 12 {abs(late):.1f} s {'after' if late > 0 else 'before'} it is healed, "
            f"all workers there {there:.1f} s after"
        )

    return measure


ALL = ("bot", *(f"worker{number}" for number in range(WORKERS)))
MEASURED: dict[str, Callable[[Site], Coroutine[Any, Any, str]]] = {
    "three workers, pictures of 0.5 s": as_it_is,
    "with 40 ms there and back": slowed_to_40_ms,
    "the same, and every fiftieth packet lost": every_fiftieth_packet_lost,
    "a worker cut off for 5 s": cut(5, "worker0"),
    "a worker cut off for 40 s": cut(40, "worker0"),
    "the bot cut off for 5 s": cut(5, "bot"),
    "the bot cut off for 40 s": cut(40, "bot"),
    "every link cut for 5 s": cut(5, *ALL),
    "every link cut for 40 s": cut(40, *ALL),
}


@asynccontextmanager
async def building(folder: Path) -> AsyncIterator[Site]:
    """Begin a broker and three workers, each in a namespace with a wire to the broker's."""
    async with AsyncExitStack() as stack:
        hub = stack.enter_context(namespace("broker"))
        text = f"jetstream {{ store_dir: '{(folder / 'js').as_posix()}' }}"
        server = Server(folder, text=text, inside=_inside(hub))
        wires, spaces = {}, {}
        for number, name in enumerate(ALL):
            spaces[name] = stack.enter_context(namespace(name)) if name != "bot" else ""
            there, here = f"10.213.{number}.1", f"10.213.{number}.2"
            ends = [
                stack.enter_context(device(hub, f"wire{number}", there, here)),
                stack.enter_context(device(spaces[name], f"wire{number}", here, there)),
            ]
            wires[name] = stack.enter_context(wire(*ends))
        await server.start()
        stack.push_async_callback(server.kill)
        for number, name in enumerate(ALL[1:], 1):
            url, inside = f"nats://10.213.{number}.1:{server.port}", _inside(spaces[name])
            worker = await WorkerProcess.start(url, HALF_A_SECOND, room=SMALL, lease=LEASE, inside=inside)
            stack.push_async_callback(worker.kill)
        engine = await stack.enter_async_context(cluster(f"nats://10.213.0.1:{server.port}", lease=LEASE))
        await until(engine, lambda: len(engine.rooms) == WORKERS)
        yield Site(engine, wires)


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """Make a network namespace; raises `PermissionError` where that is not allowed."""
    full = f"zimage-{os.getpid()}-{name}"
    if _runs("ip", "netns", "add", full):
        raise PermissionError("network namespaces need root, and Linux with ip")
    try:
        _runs("ip", "-n", full, "link", "set", "dev", "lo", "up")
        yield full
    finally:
        _runs("ip", "netns", "del", full)


@contextmanager
def device(space: str, name: str, here: str, there: str) -> Iterator[int]:
    """Make a device of the kernel in a namespace, this process's own for ""; return its packets."""
    made: list[int] = []

    def make() -> None:
        if space:
            libc = ctypes.CDLL(None, use_errno=True)
            with Path(f"/run/netns/{space}").open() as file:
                if libc.setns(file.fileno(), CLONE_NEWNET):
                    return
        made.append(end := os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK))
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))

    thread = threading.Thread(target=make)  # only it goes there
    thread.start()
    thread.join()
    in_it = ("-n", space) if space else ()
    _runs("ip", *in_it, "addr", "add", here, "peer", there, "dev", name)
    _runs("ip", *in_it, "link", "set", "dev", name, "up")
    try:
        yield made[0]
    finally:
        os.close(made[0])


@contextmanager
def wire(one: int, other: int) -> Iterator[Wire]:
    """Pass packets between two devices."""
    loop = asyncio.get_running_loop()
    try:
        yield Wire(one, other)
    finally:
        loop.remove_reader(one)
        loop.remove_reader(other)


def _inside(space: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", space)


def _runs(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


async def main(wanted: str) -> None:
    """Measure what has `wanted` in its name; raises `SystemExit` where a picture is lost or doubled."""
    sys.stdout.write("| what | measured | lost | doubled |\n|---|---|--:|--:|\n")
    wrong = 0
    for name, measure in MEASURED.items():
        if wanted in name:
            with tempfile.TemporaryDirectory() as folder:
                async with building(Path(folder)) as site:
                    said = await measure(site)
            sys.stdout.write(f"| {name} | {said} | {site.lost} | {site.doubled} |\n")
            sys.stdout.flush()
            wrong += site.lost + site.doubled
    sys.exit(bool(wrong))


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:])))
