"""`python -m tests.crash.endings` asks programs to end while something fails around them.

A bot alone, a bot of a cluster or a worker gets a signal, or two, while it starts or draws, and while its
engine or its broker stands still or is gone. Nothing of it may be left. It prints how long each took.
"""

import asyncio
import itertools
import os
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGSTOP, SIGTERM, Signals

import aiohttp
import psutil

from engine.types import Generate
from tests.crash.house import MACHINE, ROOT, Program, of_group, stop
from tests.crash.trial import LOUD, SLEEPING
from tests.engine.cluster.fleet import Server, begun, cluster, serving
from tests.running import Bot, first_line

DOCUMENTED = 120.0
"""Seconds that docs/scaling.md and the service's files give a program to end."""
APART = 1.5
"""Seconds between two signals."""
LANE = "v2-embedded"


@dataclass(frozen=True, slots=True)
class Ending:
    """What gets which signals, at which moment, and what fails just before the first."""

    program: str
    moment: str
    fault: str
    signals: tuple[Signals, ...]

    def __str__(self) -> str:
        return f"{self.program}, {self.moment}, {self.fault}, {' '.join(each.name for each in self.signals)}"


FAULTS = (
    "nothing fails",
    "engine stands still",
    "broker gone",
    "broker stands still",
    "log unread",
)
ENDINGS = tuple(
    Ending(program, moment, fault, signals)
    for program, fault, moment, signals in itertools.product(
        ("bot", "bot of a cluster", "worker"),
        FAULTS,
        ("starting", "drawing"),
        ((SIGTERM,), (SIGINT,), (SIGTERM, SIGTERM), (SIGINT, SIGINT)),
    )
    if program != "bot" or "broker" not in fault
    if (program, moment, fault) != ("bot of a cluster", "starting", "engine stands still")
)


async def ended(ending: Ending) -> tuple[int | None, float, list[str]]:
    """Play one; return the exit status, the seconds from the last signal to the end, and what was wrong."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ending-")))
        server = None if ending.program == "bot" else await stack.enter_async_context(serving(folder))
        one = _program("worker" if ending.program == "worker" else "run", folder, server, stack)
        drawing = one
        if ending.moment == "starting" and "broker" in ending.fault:
            await _fail(ending.fault, one, server)
        life = await one.begin()
        if ending.moment == "drawing":
            line = await first_line(life)
            if ending.program == "bot of a cluster":
                drawing = _program("worker", folder, server, stack)
                await first_line(await drawing.begin())
            await _draw(life, line, server if drawing is one else None, stack)
        else:
            opened = folder / "run" / "bot.db"
            while not (one.engine() or server and opened.exists() or life.returncode):  # noqa: ASYNC110, RUF021
                await asyncio.sleep(0.05)
        await _fail(ending.fault, drawing if "engine" in ending.fault else one, server)
        seconds = await _ask(life, ending.signals)
        wrong = [] if life.returncode in (0, 130, -SIGINT, -SIGTERM) else [f"exit status {life.returncode}"]
        await asyncio.to_thread(psutil.wait_procs, of_group(life.pid), 2)
        wrong += [f"{process} is left" for process in of_group(life.pid)]
        wrong += [f"{path.name} is left" for path in (folder / "tmp").iterdir()]
        wrong += [f"the log: {line}" for line in one.log if any(loud in line for loud in LOUD)]
    return life.returncode, seconds, wrong


async def _ask(life: Process, signals: tuple[Signals, ...]) -> float:
    """Send each signal, wait for the end, and return how long it took after the last one."""
    loop = asyncio.get_running_loop()
    for at, number in enumerate(signals, 1):
        since = loop.time()
        with suppress(ProcessLookupError):
            life.send_signal(number)
        with suppress(TimeoutError):
            async with asyncio.timeout(DOCUMENTED if at == len(signals) else APART):
                await life.wait()
    return loop.time() - since


def _program(name: str, folder: Path, server: Server | None, stack: AsyncExitStack) -> Program:
    (folder / "tmp").mkdir(exist_ok=True)
    settings = {"DATA_DIR": str(folder / name), "WEB__PORT": "0", "LIMITS__PER_MINUTE": "0"}
    if server is not None:
        settings["CLUSTER__URL"] = server.url
    around = os.environ | {
        "PYTHONPATH": f"{MACHINE}{os.pathsep}{ROOT}", "CRASH_CLOCK": str(folder / "days"),
        "CRASH_MODEL": SLEEPING, "TMPDIR": str(folder / "tmp"),
    }  # fmt: skip
    said = {f"ZIMAGE_BOT_{key}": value for key, value in settings.items()}
    program = Program(name, around | said, [], set())
    stack.push_async_callback(program.close)
    return program


async def _draw(life: Process, line: str, broker: Server | None, stack: AsyncExitStack) -> None:
    """Have a long picture begun, by a worker of this broker or by the bot, which said `line`."""
    if broker is None:
        url = line.removeprefix("ready: ")
        bot = Bot(life, url, await stack.enter_async_context(aiohttp.ClientSession(url)))
        await bot.until(await bot.say("a boat --size 128x128 --steps 50"), "running")
        return
    engine = await stack.enter_async_context(cluster(broker.url, lane=LANE))
    started = asyncio.Event()
    task = Generate("a boat", width=128, height=128, steps=50)
    run = asyncio.create_task(begun(engine, task, started))
    stack.callback(run.cancel)
    await started.wait()


async def _fail(fault: str, program: Program, server: Server | None) -> None:
    match fault:
        case "engine stands still":
            if engine := program.engine():
                stop(engine)
        case "broker gone":
            if server is not None:
                await server.kill()
        case "broker stands still":
            if server is not None and server.process is not None:
                server.process.send_signal(SIGSTOP)
        case "log unread":
            for pipe in (1, 2):
                program.life._transport.get_pipe_transport(pipe).close()  # type: ignore[attr-defined]


async def main(wanted: str) -> None:
    """Play what has `wanted` in its name; raises `SystemExit` where anything is left or takes too long."""
    room, bad = asyncio.Semaphore(os.cpu_count() or 1), False
    sys.stdout.write("| program, moment, fault, signals | seconds | wrong |\n|---|--:|---|\n")

    async def one(ending: Ending) -> None:
        nonlocal bad
        async with room:
            _, seconds, wrong = await ended(ending)
        bad |= bool(wrong) or seconds >= DOCUMENTED
        sys.stdout.write(f"| {ending} | {seconds:.1f} | {'; '.join(wrong)} |\n")
        sys.stdout.flush()

    await asyncio.gather(*(one(ending) for ending in ENDINGS if wanted in str(ending)))
    sys.exit(bad)


if __name__ == "__main__":
    signal.signal(SIGINT, signal.default_int_handler)  # what is begun in the background ignores it
    asyncio.run(main(" ".join(sys.argv[1:])))
