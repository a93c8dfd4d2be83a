"""A bot in a process of its own that is begun again whenever it ends, and what can happen to it."""

import asyncio
import os
import sqlite3
from asyncio.subprocess import Process
from contextlib import closing, suppress
from pathlib import Path
from signal import SIGCONT, Signals

import aiohttp
import psutil

from tests.adapters.telegram.server import TOKEN, Telegram
from tests.running import Bot, first_line, launch

CLOCK = Path(__file__).parent / "clock"
POLITE = 30.0
"""Seconds a bot may take to end when it is asked to."""


class House:
    """A bot that serves the page and `server`, kept up as a service manager does; `up` while it can be met.

    `notes` say what it did that it should not, such as ending by itself, or not ending when asked to.
    """

    def __init__(self, folder: Path, server: Telegram, per_minute: int) -> None:
        self.data = folder / "data"
        self.bot: Bot
        self.up = asyncio.Event()
        self.notes: set[str] = set()
        self._log = (folder / "log.txt").open("ab")
        self._clock = folder / "days"
        self._clock.write_text("0")
        around = {"PYTHONPATH": str(CLOCK), "CRASH_CLOCK": str(self._clock), "NO_PROXY": "127.0.0.1"}
        self._around = os.environ | around
        self._settings = {
            "TELEGRAM__TOKEN": TOKEN,
            "TELEGRAM__BASE_URL": f"{server.url}/bot",
            "TELEGRAM__BASE_FILE_URL": f"{server.url}/file/bot",
            "LIMITS__PER_MINUTE": str(per_minute),
        }
        self._lives: list[Process] = []
        self._sessions: list[aiohttp.ClientSession] = []
        self._keeper = asyncio.create_task(self._keep())

    async def end(self, how: Signals) -> None:
        """End the bot and begin it no more."""
        self.up.clear()
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        life = self._lives[-1]
        with suppress(ProcessLookupError):
            life.send_signal(how)
        try:
            async with asyncio.timeout(POLITE):
                await life.wait()
        except TimeoutError:
            self.notes.add(f"did not end on {how.name}")
            life.kill()
            await life.wait()

    async def again(self, how: Signals, days: float | None = None) -> None:
        """End the bot and begin it again, its clock set in between."""
        await self.end(how)
        if days is not None:
            await self.set_clock(days)
        self._keeper = asyncio.create_task(self._keep())

    async def set_clock(self, days: float) -> None:
        """Let the bot's clock be wrong by so many days."""
        new = self._clock.with_suffix(".new")
        new.write_text(str(days))
        new.replace(self._clock)

    async def lock(self, seconds: float) -> None:
        """Be another program that writes to the database, and takes long over it."""
        with closing(sqlite3.connect(self.data / "bot.db", 10, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            other.execute("ROLLBACK")

    async def fill(self, seconds: float) -> None:
        """Be another program that fills the disk."""
        filler = self.data / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        await asyncio.sleep(seconds)
        filler.unlink()

    async def signal(self, process: psutil.Process | Process, how: Signals, pause: float = 0) -> None:
        """Send a signal to the bot or its engine, and let it go on after so many seconds (0: never)."""
        process.send_signal(how)
        if pause:
            await asyncio.sleep(pause)
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                process.send_signal(SIGCONT)

    def alive(self) -> list[psutil.Process]:
        """Return what still runs of any life, engines included."""
        lives = {life.pid for life in self._lives}
        found = []
        for process in psutil.process_iter():
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                if os.getpgid(process.pid) in lives and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    async def close(self) -> None:
        """End everything, however it stands."""
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        for process in self.alive():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for life in self._lives:
            await life.communicate()
        for session in self._sessions:
            await session.close()
        self._log.close()

    async def _keep(self) -> None:
        while True:
            life = await launch(self.data, self._settings, self._log, self._around)
            self._lives.append(life)
            line = await first_line(life)
            if line.startswith("ready: "):
                url = line.removeprefix("ready: ")
                self._sessions.append(aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(60)))
                self.bot = Bot(life, url, self._sessions[-1])
                self.up.set()
                code = await life.wait()
                self.up.clear()
                self.notes.add(f"ended by itself with exit code {code}")
            await life.wait()
            await asyncio.sleep(0.5)  # a service manager does not hurry either
