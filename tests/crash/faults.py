"""What happens to a house: each kind of fault, at a moment and for a time that a seed says."""

import asyncio
import random
import resource
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM

from tests.adapters.discord.rest import CUT
from tests.crash.house import House, killed
from tests.crash.house import stop as stop_for_good
from tests.crash.people import Town

PAGE = 4096


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a fault happens, the dice that say how, and whether it may last."""

    house: House
    town: Town
    dice: random.Random
    is_long: bool

    @property
    def longest(self) -> float:
        """Seconds."""
        return 6.0 if self.is_long else 1.5

    def seconds(self, least: float = 0.3) -> float:
        """Return for how long."""
        return self.dice.uniform(least, self.longest)


Fault = Callable[[Scene], Awaitable[object]]


async def kill(scene: Scene) -> None:
    """`kill -9` of the bot, which is begun again."""
    scene.house.tolerated |= {"stale", "unheard"}
    await scene.house.bot.again(SIGKILL)


async def stop(scene: Scene) -> None:
    """The bot is asked to end, and begun again."""
    scene.house.tolerated |= {"unheard"}
    await scene.house.bot.again(SIGTERM)


async def kill_engine(scene: Scene) -> None:
    """`kill -9` of the engine's process."""
    drawing = scene.house.drawing
    await killed(drawing, drawing.engine())


async def hang(scene: Scene) -> None:
    """The bot stands still."""
    scene.house.tolerated |= {"unheard"}
    await scene.house.bot.freeze(scene.house.bot.life, scene.seconds())


async def hang_engine(scene: Scene) -> None:
    """The engine stands still, in the long form perhaps for good."""
    drawing = scene.house.drawing
    engine = drawing.engine()
    if engine is not None and scene.is_long and scene.dice.random() < 0.3:
        stop_for_good(engine)
    else:
        await drawing.freeze(engine, scene.seconds())


async def clock(scene: Scene) -> None:
    """The clock is set by three days, while the bot runs or while it does not."""
    days = scene.dice.choice((-3.0, 3.0))
    scene.house.tolerated |= {"unheard", "uncounted"}
    if scene.dice.random() < 0.5:
        scene.house.set_clock(days)
        return
    await scene.house.bot.end(SIGTERM)
    scene.house.set_clock(days)
    scene.house.bot.start()


async def damage(scene: Scene) -> None:
    """The bot is ended and its database damaged: it is refused, left as it is, and a copy is put back."""
    house = scene.house
    house.tolerated |= {"stale", "unheard"}
    await house.bot.end(scene.dice.choice((SIGKILL, SIGTERM)))
    database = house.data / "bot.db"
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            roots = [root for (root,) in db.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 0")]
    except sqlite3.OperationalError:  # it is not there yet, or its disk is full
        house.bot.start()
        return
    whole = database.read_bytes()
    damaged, first = bytearray(whole), PAGE * (scene.dice.choice([1, *roots]) - 1)
    damaged[first : first + PAGE] = scene.dice.randbytes(PAGE)
    database.write_bytes(damaged)
    life = await house.bot.begin()
    assert life.stdout is not None
    said = await life.stdout.read()
    if await life.wait() != 2 or said:
        house.notes.add(f"a damaged database ended the bot with {life.returncode} and {said!r}")
    if database.read_bytes() != damaged:
        house.notes.add("a damaged database was written to")
    for name in ("bot.db-wal", "bot.db-shm"):
        database.with_name(name).unlink(missing_ok=True)
    database.write_bytes(whole)
    house.bot.start()


async def second(scene: Scene) -> None:
    """A second bot is begun on the same data: it says that they are in use, and ends."""
    house = scene.house
    house.tolerated |= {"stale", "unheard"}
    await house.bot.up.wait()
    first = house.bot.life
    code = await house.second()
    if code != 2 and house.bot.life is first and house.bot.up.is_set():
        house.notes.add(f"a second bot ended with {code}")


async def lock(scene: Scene) -> None:
    """Another program holds the database's write lock, in the long form for up to 40 seconds."""
    scene.house.tolerated |= {"refused", "unheard"}
    is_longer = scene.is_long and scene.dice.random() < 0.3
    await scene.house.lock(scene.dice.uniform(10.0, 40.0) if is_longer else scene.seconds(1.0))


async def full(scene: Scene) -> None:
    """The disk is full: a small one, mounted for it."""
    scene.house.tolerated |= {"refused", "storage", "unheard"}
    filler = scene.house.data / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(PAGE))
    await asyncio.sleep(scene.seconds())
    filler.unlink(missing_ok=True)


async def short_files(scene: Scene) -> None:
    """No file of the bot's may grow: writes fail with an error that is not a full disk's."""
    scene.house.tolerated |= {"refused", "storage", "unheard"}
    process = scene.house.bot.life
    with suppress(ProcessLookupError):
        before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(
            process.pid, resource.RLIMIT_FSIZE, (scene.dice.choice((0, PAGE, 16 * PAGE)), before[1])
        )
        await asyncio.sleep(scene.seconds())
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


async def read_only(scene: Scene) -> None:
    """The folder of pictures can only be read."""
    scene.house.tolerated |= {"refused", "storage", "unheard"}
    pictures = scene.house.data / "pictures"
    if not pictures.is_dir():
        return
    with closed(pictures):
        await asyncio.sleep(scene.seconds())


async def cut(scene: Scene) -> None:
    """A link is cut, in both directions and for every new connection."""
    scene.house.tolerated |= {"unheard", "stale"}
    link = scene.dice.choice([*scene.house.links.values()])
    link.cut()
    await asyncio.sleep(scene.seconds())
    link.heal()


async def slow(scene: Scene) -> None:
    """A link takes up to a second longer, each way."""
    scene.house.tolerated |= {"unheard", "stale"}
    link = scene.dice.choice([*scene.house.links.values()])
    link.seconds = scene.dice.uniform(0.05, 1.0)
    await asyncio.sleep(scene.seconds())
    link.seconds = 0.0


async def silent(scene: Scene) -> None:
    """A link passes nothing for a while, and then all of it, late."""
    scene.house.tolerated |= {"unheard", "stale"}
    link = scene.dice.choice([*scene.house.links.values()])
    link.flows.clear()
    await asyncio.sleep(scene.seconds())
    link.flows.set()


async def errors(scene: Scene) -> None:
    """The platforms answer 429 and 5xx and cut connections, before they did what was asked and after."""
    scene.house.tolerated |= {"unheard", "stale"}
    dice, house = scene.dice, scene.house
    for _ in range(dice.randint(3, 8)):
        method = dice.choice(
            ("sendMessage", "editMessageText", "editMessageMedia", "getUpdates", "sendPhoto")
        )
        house.telegram.fail(method, dice.choice(("flood", "error", "gateway", "down", "cut", "torn", "lost")))
        where = dice.choice(("/callback$", "/webhooks/", "/channels/.*/messages"))
        status = dice.choice((429, 500, 502, 503, CUT))
        house.discord.fail(
            dice.choice(("POST", "PATCH")), where, status, late=status in (502, CUT) and dice.random() < 0.5
        )
    await asyncio.sleep(scene.seconds())
    house.discord.faults.clear()
    house.telegram.forgive()


async def gateway(scene: Scene) -> None:
    """Discord drops the connection, forgets the session, or asks to come again."""
    scene.house.tolerated |= {"unheard"}
    gateway = scene.house.discord.gateway
    if scene.dice.random() < 0.3:
        await gateway.ask_to_reconnect()
    else:
        await gateway.drop(forget=scene.dice.random() < 0.5)


async def twice(scene: Scene) -> None:
    """What people said comes once more, late."""
    await scene.town.say_again(scene.dice)


async def kill_worker(scene: Scene) -> None:
    """`kill -9` of the worker, which is begun again."""
    assert scene.house.worker is not None
    await scene.house.worker.again(SIGKILL)


async def stop_worker(scene: Scene) -> None:
    """The worker is asked to leave, and comes again."""
    assert scene.house.worker is not None
    await scene.house.worker.again(SIGTERM)


async def hang_worker(scene: Scene) -> None:
    """The worker stands still, perhaps for longer than its leases."""
    worker = scene.house.worker
    assert worker is not None
    if worker.lives:
        await worker.freeze(worker.life, scene.seconds())


async def kill_broker(scene: Scene) -> None:
    """`kill -9` of the broker, which is begun again, perhaps with an empty disk."""
    assert scene.house.broker is not None
    await scene.house.broker.kill()
    await asyncio.sleep(scene.seconds(0.1))
    await scene.house.broker.restart(wiped=scene.dice.random() < 0.4)


OF_PROGRAMS: dict[str, Fault] = {
    "kill": kill,
    "stop": stop,
    "engine killed": kill_engine,
    "hang": hang,
    "engine hangs": hang_engine,
    "clock": clock,
    "damaged": damage,
    "second bot": second,
}
"""One of these at a time: each needs the bot as the one before left it."""
AROUND: dict[str, Fault] = {
    "lock": lock,
    "full": full,
    "no growth": short_files,
    "read-only": read_only,
    "cut": cut,
    "slow": slow,
    "silent": silent,
    "errors": errors,
    "gateway": gateway,
    "twice": twice,
}
OF_A_CLUSTER: dict[str, Fault] = {
    "worker killed": kill_worker,
    "worker leaves": stop_worker,
    "worker hangs": hang_worker,
    "broker killed": kill_broker,
}
KINDS = (*OF_PROGRAMS, *AROUND, *OF_A_CLUSTER)


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Let nobody write to a folder; for root, whom no permission stops, it is mounted again, read-only."""
    mode = folder.stat().st_mode
    folder.chmod(0o500)
    mounted = _runs("mount", "--bind", str(folder), str(folder))
    try:
        if mounted:
            _runs("mount", "-o", "remount,bind,ro", str(folder))
        yield
    finally:
        if mounted:
            _runs("umount", "--lazy", str(folder))
        folder.chmod(mode)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount one; raises PermissionError where that is not allowed."""
    if not _runs("mount", "-t", "tmpfs", "-o", f"size={size}", "crash", str(folder)):
        raise PermissionError
    try:
        yield
    finally:
        _runs("umount", "--lazy", str(folder))


def _runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
