"""One trial: a script made from a seed, played to a bot, and what it came to in the end."""

import asyncio
import random
import sqlite3
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGSTOP, SIGTERM

import psutil

from tests.adapters.telegram.server import telegram
from tests.crash.house import House
from tests.crash.people import PEOPLE, Ask, Town

KINDS = ("kill", "stop", "lock", "full", "hang", "clock")
MAY_FAIL = {"full": ("storage",)}
"""The reasons for which a job of a kind may fail, free of charge; nothing else may."""
MAY_REFUSE = ("lock", "full")
"""The kinds in which somebody may be told no before anything was accepted."""
WORDS = ("a red sailboat on the sea at sunset", "a blue house in the snow", "夕阳下海上的一艘红色帆船")
ENDED = ("finished", "delivered", "failed")
MOMENTS = (("queued", "running", *ENDED), ("running", *ENDED), ENDED)
"""A fault comes when the page's newest job is in one of these; by the last the model has been loaded."""
DISK = "24m"
PER_MINUTE = 4
"""Nobody asks more often between two settings of the clock."""

Fault = Callable[[House], Awaitable[object]]


@dataclass
class Trial:
    """What came of one seed: the asks with their fates, what was left over, and what else was seen."""

    seed: int
    asks: list[Ask] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)
    skipped: str = ""
    log: str = ""

    @property
    def kind(self) -> str:
        """What kind of fault it is that happens."""
        return KINDS[self.seed % len(KINDS)]

    def wrong(self) -> list[str]:
        """Return a line for everything that must not be."""
        lines = [f"{ask.fate} {ask.why}: {ask.words}" for ask in self.asks if not self._fine(ask)]
        return [f"seed {self.seed}, {self.kind}: {line}" for line in (*lines, *self.leftovers, *self.notes)]

    def _fine(self, ask: Ask) -> bool:
        if ask.fate == "failed":
            return ask.why in MAY_FAIL.get(self.kind, ())
        return ask.fate == "delivered" or (ask.fate == "refused" and self.kind in MAY_REFUSE)


async def trial(seed: int, long: bool) -> Trial:
    """Play the script of a seed to a bot in a folder of its own; nothing of it stays."""
    found = Trial(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        (folder / "data").mkdir()
        if found.kind == "full":
            try:
                stack.enter_context(_small_disk(folder / "data"))
            except PermissionError as error:
                found.skipped = str(error)
                return found
        async with telegram() as server:
            house = House(folder, server, PER_MINUTE if found.kind == "clock" else 0)
            try:
                await _play(found, house, Town(house, server), long)
            except TimeoutError:
                found.notes.add("could not be met for two minutes")
            finally:
                await house.close()
        found.notes |= house.notes
        found.log = (folder / "log.txt").read_text("utf-8", "replace")
    return found


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """Mount one; raises PermissionError where that is not allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "crash", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(done.stderr)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def _play(found: Trial, house: House, town: Town, long: bool) -> None:
    dice = random.Random(found.seed)
    found.asks = town.asks
    for fault in _faults(found.kind, dice, long):
        async with asyncio.timeout(120):
            await house.up.wait()
        await _ask(town, dice, 2 if long or found.kind == "clock" else 1)
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                # A model may load for long: that this hangs is noticed after minutes, not in a test.
                await town.begun(*dice.choice(MOMENTS[-1:] if found.kind == "hang" else MOMENTS))
        await asyncio.sleep(dice.uniform(0.0, 0.5))
        happening = asyncio.ensure_future(fault(house))
        await _ask(town, dice, 1)
        await happening
    async with asyncio.timeout(360):
        await town.settle(240 if long else 120)
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            while _open_rows(house.data):  # noqa: ASYNC110  (another process)
                await asyncio.sleep(0.1)
    await house.end(SIGTERM)
    found.leftovers = await asyncio.to_thread(_leftovers, house, town.asks)


async def _ask(town: Town, dice: random.Random, times: int) -> None:
    for who in PEOPLE * times:
        size, steps, count = dice.choice((128, 160)), dice.randint(1, 3), dice.randint(1, 2)
        town.ask(who, f"{dice.choice(WORDS)} --size {size}x{size} --steps {steps}", count)
        await asyncio.sleep(dice.uniform(0.0, 0.3))


def _faults(kind: str, dice: random.Random, long: bool) -> list[Fault]:
    """Return what happens to the bot, in this order. Long: for longer, or for good, and restarts besides."""
    seconds, pause = dice.uniform(2.0, 45.0 if long else 5.0), dice.uniform(2.0, 6.0)
    days, how = dice.sample((-3.0, 3.0), 2), dice.choice((SIGKILL, SIGTERM))
    faults: dict[str, list[Fault]] = {
        "kill": [lambda house: house.again(SIGKILL), lambda house: house.signal(house.bot.engine(), SIGKILL)],
        "stop": [lambda house: house.again(SIGTERM)],
        "lock": [lambda house: house.lock(seconds)],
        "full": [lambda house: house.fill(pause)],
        "hang": [
            lambda house: house.signal(house.bot.process, SIGSTOP, pause),
            lambda house: house.signal(house.bot.engine(), SIGSTOP, 0 if long else pause),
        ],
        "clock": [lambda house: house.set_clock(days[0]), lambda house: house.again(SIGTERM, days[1])],
    }
    chosen = dice.sample(faults[kind], len(faults[kind]))
    if not long or kind == "clock":
        return chosen
    if kind in ("lock", "full") and dice.random() < 0.4:
        [fault] = chosen
        return [lambda house: asyncio.gather(fault(house), house.again(how))]
    chosen.insert(dice.randint(0, len(chosen)), lambda house: house.again(how))
    return chosen


def _open_rows(data: Path) -> int:
    with closing(sqlite3.connect(data / "bot.db")) as db:
        [[found]] = db.execute("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running', 'finished')")
    return int(found)


def _leftovers(house: House, asks: list[Ask]) -> list[str]:
    """Return what an ended bot should not leave behind, and give failed asks the reason that is on record."""
    with closing(sqlite3.connect(house.data / "bot.db")) as db:
        kept = {file for (file,) in db.execute("SELECT file FROM pictures WHERE NOT deleted")}
        failures = db.execute("SELECT id, error, charge FROM jobs WHERE state = 'failed'")
        failed = {job: (error, charge) for job, error, charge in failures}
        [[sound]] = db.execute("PRAGMA integrity_check(1)")
    found = [] if sound == "ok" else [f"the database is damaged: {sound}"]
    for ask in asks:
        if ask.fate == "failed" and ask.job in failed:
            ask.why, charge = failed[ask.job]
            found += ["a failed job was charged for"] if charge else []
    if rows := _open_rows(house.data):
        found.append(f"{rows} rows are still open")
    there = {path.name for path in (house.data / "pictures").glob("*.*")}
    found += [f"{name} belongs to no job" for name in sorted(there - kept)]
    found += [f"{name} is missing" for name in sorted(kept - there)]
    _, alive = psutil.wait_procs(house.alive(), timeout=10)
    return found + [f"a process still runs: {process}" for process in alive]
