"""The programs of one trial, each in a process of its own that is begun again whenever it ends."""

import asyncio
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGKILL, Signals

import psutil

from tests.adapters.discord.rest import TOKEN as DISCORD_TOKEN
from tests.adapters.discord.rest import Discord
from tests.adapters.telegram.server import TOKEN, Telegram
from tests.engine.cluster.fleet import Link, Server
from tests.running import ROOT, first_line

MACHINE = Path(__file__).parent / "machine"
POLITE = 40.0
"""Seconds a program may take to end when it is asked to."""
ORPHANED = 15.0
"""Seconds in which what a killed program has begun ends by itself."""


class Program:
    """A program kept up as a service manager does; `up` while it is ready, which its first line says.

    `notes` say what it did that it should not, such as ending by itself, or not ending when asked to.
    """

    def __init__(self, name: str, environment: Mapping[str, str], log: list[str], notes: set[str]) -> None:
        self.up = asyncio.Event()
        self.ready = ""
        self.lives: list[Process] = []
        self._name = name
        self.environment = environment
        self.log = log
        self._logging: list[asyncio.Task[None]] = []
        self._notes = notes
        self._keeper: asyncio.Task[None] | None = None

    @property
    def life(self) -> Process:
        """The process that runs, or ran last."""
        return self.lives[-1]

    def start(self) -> None:
        """Begin it, and again whenever it ends."""
        self._keeper = asyncio.create_task(self._keep())

    async def begin(self) -> Process:
        """Begin it once, in a group of its own with all that it begins."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", self._name), cwd=ROOT, env=self.environment, stdout=PIPE,
            stderr=PIPE, start_new_session=True,
        )  # fmt: skip
        self.lives.append(process)
        self._logging.append(asyncio.create_task(self._keep_log(process)))
        return process

    async def _keep_log(self, process: Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self.log.append(line.decode(errors="replace").rstrip())

    async def end(self, how: Signals) -> None:
        """End it and begin it no more; what it had begun must end with it."""
        self.up.clear()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if not self.lives:
            return
        life = self.life
        with suppress(ProcessLookupError):
            life.send_signal(how)
        try:
            async with asyncio.timeout(POLITE):
                await life.wait()
        except TimeoutError:
            self._notes.add(f"{self._name} did not end on {how.name}")
            life.kill()
            await life.wait()
        _, left = await asyncio.to_thread(psutil.wait_procs, of_group(life.pid), ORPHANED)
        for process in left:
            self._notes.add(f"{self._name} left a process behind at {how.name}: {process}")
            process.kill()

    async def again(self, how: Signals) -> None:
        """End it and begin it again."""
        await self.end(how)
        self.start()

    def engine(self) -> psutil.Process | None:
        """Return the engine's process, where there is one: the child that was spawned."""
        children = psutil.Process(self.life.pid).children() if self.life.returncode is None else []
        for child in children:
            with suppress(psutil.NoSuchProcess):
                if any("spawn_main" in word for word in child.cmdline()):
                    return child
        return None

    async def freeze(self, process: psutil.Process | Process | None, seconds: float) -> None:
        """Let a process stand still for so many seconds."""
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if process is not None:
                stop(process)
                await asyncio.sleep(seconds)
                process.send_signal(SIGCONT)

    async def close(self) -> None:
        """End everything, however it stands."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for life in self.lives:
            for process in of_group(life.pid):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            await life.wait()
        await asyncio.gather(*self._logging)

    async def _keep(self) -> None:
        while True:
            life = await self.begin()
            line = await first_line(life)
            if line.startswith("ready: "):
                self.ready = line.removeprefix("ready: ")
                self.up.set()
                code = await life.wait()
                self.up.clear()
                self._notes.add(f"{self._name} ended by itself with exit code {code}")
            await life.wait()
            await asyncio.sleep(0.3)  # a service manager does not hurry either


def stop(process: psutil.Process | Process) -> None:
    """Have a process stand still."""
    process.send_signal(Signals.SIGSTOP)


def of_group(leader: int) -> list[psutil.Process]:
    """Return what still runs of a life, engines included."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@dataclass
class House:
    """A bot with its data, its platforms, what it reaches them by, and perhaps a broker and a worker."""

    data: Path
    bot: Program
    telegram: Telegram
    discord: Discord
    links: dict[str, Link]
    log: list[str]
    worker: Program | None
    broker: Server | None
    notes: set[str]
    days: Path
    tolerated: set[str] = field(default_factory=set)
    """What the faults so far excuse: `refused`, `storage`, `unheard`, `stale`, `traceback`."""

    @property
    def drawing(self) -> Program:
        """The program whose child is the engine."""
        return self.worker or self.bot

    async def second(self) -> int:
        """Begin another bot on the same data; return how it ended, 0 where it goes on."""
        other = Program("run", self.bot.environment, self.log, self.notes)
        life = await other.begin()
        try:
            async with asyncio.timeout(POLITE):
                return await life.wait()
        except TimeoutError:
            return 0
        finally:
            await other.close()

    def set_clock(self, days: float) -> None:
        """Let the bot's clock be wrong by so many days."""
        new = self.days.with_suffix(".new")
        new.write_text(str(days))
        new.replace(self.days)

    async def lock(self, seconds: float) -> None:
        """Be another program that writes to the database, and takes long over it."""
        other = sqlite3.connect(self.data / "bot.db", 10, isolation_level=None)
        with closing(other), suppress(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            other.execute("ROLLBACK")


@asynccontextmanager
async def house(
    folder: Path, telegram: Telegram, discord: Discord, broker: Server | None, model: str
) -> AsyncIterator[House]:
    """Begin all programs of a trial in `folder`; at the end none is left."""
    data, days, notes, log = folder / "data", folder / "days", set[str](), list[str]()
    data.mkdir(exist_ok=True)
    days.write_text("0")
    links = {"telegram": Link(port_of(telegram.url)), "discord": Link(port_of(discord.base))}
    if broker is not None:
        links |= {"bot": Link(broker.port), "worker": Link(broker.port)}
    ports = {name: await link.listen() for name, link in links.items()}
    discord.base = f"http://127.0.0.1:{ports['discord']}"
    discord.gateway.url = discord.gateway_url
    through = f"http://127.0.0.1:{ports['telegram']}"
    around = os.environ | {
        "PYTHONPATH": f"{MACHINE}{os.pathsep}{ROOT}", "CRASH_CLOCK": str(days), "CRASH_MODEL": model,
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    settings = {
        "DATA_DIR": str(data), "WEB__PORT": "0", "LIMITS__PER_MINUTE": "0", "LIMITS__WAITING": "0",
        "MODEL__THREADS": "1", "TELEGRAM__TOKEN": TOKEN, "TELEGRAM__BASE_URL": f"{through}/bot",
        "TELEGRAM__BASE_FILE_URL": f"{through}/file/bot", "DISCORD__TOKEN": DISCORD_TOKEN,
        "DISCORD__API_BASE": discord.api_base, "DISCORD__GATEWAY_URL": discord.gateway_url,
    }  # fmt: skip

    def program(name: str, link: str, more: Mapping[str, str]) -> Program:
        joined = {"CLUSTER__URL": f"nats://127.0.0.1:{ports[link]}"} if broker is not None else {}
        said = {f"ZIMAGE_BOT_{key}": value for key, value in (dict(more) | joined).items()}
        return Program(name, around | said, log, notes)

    bot = program("run", "bot", settings)
    aside = {"DATA_DIR": str(folder / "worker"), "MODEL__THREADS": "1"}
    worker = program("worker", "worker", aside) if broker is not None else None
    there = House(data, bot, telegram, discord, links, log, worker, broker, notes, days)
    programs = [each for each in (bot, worker) if each is not None]
    try:
        for each in programs:
            each.start()
        yield there
    finally:
        for each in programs:
            await each.close()
        for link in links.values():
            await link.close()


def port_of(url: str) -> int:
    """Return the port of an address."""
    return int(url.rpartition(":")[2])


async def killed(program: Program, process: psutil.Process | None) -> None:
    """Kill a process of a program."""
    with suppress(psutil.NoSuchProcess):
        if process is not None:
            process.send_signal(SIGKILL)
