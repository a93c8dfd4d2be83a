"""One trial: a script made from a seed, played to a house, and what it came to in the end."""

import asyncio
import random
import sqlite3
import tempfile
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from signal import SIGTERM

from nats.errors import Error as NatsError

from engine.cluster.broker import STREAM, Access, BrokerError, Connection
from tests.adapters.discord.rest import running
from tests.adapters.telegram.chats import Json
from tests.adapters.telegram.server import telegram
from tests.crash.faults import AROUND, OF_A_CLUSTER, OF_PROGRAMS, Fault, Scene, small_disk
from tests.crash.house import House, house
from tests.crash.people import ENDED, PEOPLE, Ask, Town
from tests.engine.cluster.fleet import BINARY, serving

JOBS = """SELECT *, (SELECT count(*) FROM pictures WHERE job = jobs.id AND deleted) AS removed,
    (SELECT count(*) FROM pictures WHERE job = jobs.parent AND deleted) AS lacking FROM jobs"""
DISK = "12m"
SLEEPING = "tests.crash.model:load"
REAL = "engine.models.registry:load"
LOUD = ("Traceback", "never retrieved", "Exception in callback", "was destroyed but it is pending")


@dataclass
class Trial:
    """What came of one seed: the asks with their fates, what was left over, and what else was seen."""

    seed: int
    kinds: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)
    tolerated: set[str] = field(default_factory=set)
    has_cluster: bool = False
    log: str = ""

    def wrong(self) -> list[str]:
        """Return a line for everything that must not be."""
        lines = [
            f"{ask.fate} {ask.why}: {ask.who} {ask.words} ({ask.event})"
            for ask in self.asks
            if not self._fine(ask)
        ]
        where = "cluster" if self.has_cluster else "one machine"
        head = f"seed {self.seed}, {where}, {', '.join(self.kinds)}"
        return [f"{head}: {line}" for line in (*lines, *self.leftovers, *sorted(self.notes))]

    def _fine(self, ask: Ask) -> bool:
        match ask.fate:
            case "delivered" | "gone":
                return True
            case "cancelled":
                return ask.cancelled
            case "failed":
                return ask.why == "storage" and "storage" in self.tolerated
            case "refused":
                return "refused" in self.tolerated or ask.words in ("reroll", "vary", "upscale")
            case "unheard":
                return "unheard" in self.tolerated
        return False


async def trial(seed: int, long: bool, real: bool = False) -> Trial:
    """Play the script of a seed to a house in a folder of its own; nothing of it stays.

    Long: more faults for longer. `real`: with the embedded model in place of one that sleeps.
    """
    found = Trial(seed, has_cluster=seed % 2 == 1 and BINARY is not None)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        (folder / "data").mkdir()
        script = _script(found, long)
        if "full" in found.kinds:
            try:
                stack.enter_context(small_disk(folder / "data", DISK))
            except PermissionError:
                found.kinds.remove("full")
                found.skipped.append("full")
        server = await stack.enter_async_context(telegram())
        small = await stack.enter_async_context(running())
        broker = None
        if found.has_cluster:
            (folder / "broker").mkdir()
            broker = await stack.enter_async_context(serving(folder / "broker"))
        there = await stack.enter_async_context(
            house(folder, server, small, broker, REAL if real else SLEEPING)
        )
        town = Town(there, seed)
        stack.push_async_callback(town.close)
        try:
            await _play(found, script, there, town, long)
        except* TimeoutError:
            found.notes.add("could not be met for two minutes")
        except* Exception as errors:  # noqa: BLE001 - the other seeds go on
            found.notes.add(f"the trial itself failed: {errors.exceptions}")
        found.notes |= there.notes
        found.asks, found.tolerated = town.asks, there.tolerated
        found.log = "\n".join(there.log)
        found.notes |= {
            f"Discord: {each}" for each in small.world.broken if "called again before" not in each
        }
        found.notes |= {f"the log: {line}" for line in _loud(there.log, there.tolerated)}
    return found


def _loud(log: list[str], tolerated: set[str]) -> list[str]:
    """Return the lines of a log that only a mistake writes."""
    lines = [line for line in log if "in the above exception" not in line]
    found = [(before, line) for before, line in pairwise(["", *lines]) if any(loud in line for loud in LOUD)]
    passing = ("an interaction went wrong", "is started again in") if "refused" in tolerated else ()
    return [f"{b[:200]} / {line[:200]}" for b, line in found if b and not any(each in b for each in passing)]


def _script(found: Trial, long: bool) -> tuple[list[Fault], list[Fault]]:
    """Return what happens to the programs, and around them meanwhile, each one after the other.

    The first kinds of each go round with the seeds, so that a few seeds have all of them.
    """
    dice = random.Random(f"{found.seed} script")
    around = OF_A_CLUSTER | dict(reversed(AROUND.items())) if found.has_cluster else AROUND
    nth = found.seed // 2
    chosen: list[list[str]] = []
    for kinds, most in ((OF_PROGRAMS, 3), (around, 4)):
        names = [*kinds]
        more = dice.choices(names, k=dice.randint(1, most - 1) if long else 0)
        chosen.append([names[nth % len(names)], *more])
    found.kinds = [*chosen[0], *chosen[1]]
    both = OF_PROGRAMS | around
    first, second = ([both[name] for name in names] for names in chosen)
    return first, second


async def _play(
    found: Trial, script: tuple[list[Fault], list[Fault]], there: House, town: Town, long: bool
) -> None:
    dice = random.Random(f"{found.seed} play")
    async with asyncio.timeout(120):
        await there.bot.up.wait()
        if there.worker is not None and dice.random() < 0.7:  # else people come before the first worker
            await there.worker.up.wait()
        await there.discord.world.until(
            lambda: there.discord.world.commands and there.discord.gateway.ready()
        )
    seconds = 12.0 if long else 3.0
    scene = Scene(there, town, dice, long)

    async def happen(faults: list[Fault], moments: list[float]) -> None:
        for fault, moment in zip(faults, moments, strict=True):
            await asyncio.sleep(moment)
            await fault(scene)

    moments = [[dice.uniform(0.2, seconds / len(faults)) for _ in faults] for faults in script]
    async with asyncio.TaskGroup() as group:
        for who in PEOPLE:
            group.create_task(town.live(who, seconds, 5 if long else 3))
        for faults, when in zip(script, moments, strict=True):
            group.create_task(happen(faults, when))
    await _settle(there, town, 180 if long else 90)
    async with asyncio.timeout(60):
        await town.judge(_rows(there.data))
    if there.broker is not None:
        there.notes |= await _left_at_broker(there)
        if dice.random() < 0.3:
            await there.broker.kill()
        elif dice.random() < 0.3:
            there.links["bot"].flows.clear()
            there.links["worker"].flows.clear()
    programs = [each for each in (there.bot, there.worker) if each is not None]
    await asyncio.gather(*(program.end(SIGTERM) for program in programs))
    found.leftovers = await asyncio.to_thread(_leftovers, there, town)


async def _settle(there: House, town: Town, seconds: float) -> None:
    """Wait until nothing that was asked for is open, nor comes in late, or for so long."""
    quiet = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while quiet < 10:
                quiet = 0 if _unsettled(there, town) else quiet + 1
                await asyncio.sleep(0.2)


def _unsettled(there: House, town: Town) -> bool:
    try:
        rows = _rows(there.data)
        with closing(_database(there.data)) as db:
            [[kept]] = db.execute("SELECT count(*) FROM kept_updates")
    except sqlite3.OperationalError:
        return True
    waiting = there.telegram.chats.updates
    is_open = any(row["state"] not in ENDED or not row["shown"] for row in rows.values())
    unknown = any(ask.platform == "web" and ask.answered is None for ask in town.asks)
    return bool(waiting or kept or is_open or unknown)


def _database(data: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{data / 'bot.db'}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    return db


def _rows(data: Path) -> dict[tuple[str, str], Json]:
    with closing(_database(data)) as db:
        return {(row["platform"], row["event_id"]): dict(row) for row in db.execute(JOBS)}


async def _left_at_broker(there: House) -> set[str]:
    """Return what the broker still keeps though every job has ended."""
    assert there.broker is not None
    connection = Connection(Access(there.broker.url), "inspector")
    try:
        async with asyncio.timeout(20):
            await connection.open()
            while (await connection.api(f"STREAM.INFO.{STREAM}"))["state"]["messages"]:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    except TimeoutError:
        return {"the broker still keeps tasks"}
    except (BrokerError, NatsError) as error:
        return {f"the broker cannot be asked: {error!r}"}
    finally:
        await connection.close()
    return set()


def _leftovers(there: House, town: Town) -> list[str]:
    """Return what ended programs should not leave behind, and what is charged wrongly."""
    rows = _rows(there.data)
    with closing(_database(there.data)) as db:
        kept = shown = {row["file"] for row in db.execute("SELECT file FROM pictures WHERE NOT deleted")}
        [[sound]] = db.execute("PRAGMA integrity_check(1)")
        spent = {
            row["person"]: row["sum"]
            for row in db.execute("SELECT person, sum(charge) AS sum FROM spent GROUP BY person")
        }
        trash = {row["file"] for row in db.execute("SELECT file FROM trash")}
        [[updates]] = db.execute("SELECT count(*) FROM kept_updates")
    found = [] if sound == "ok" else [f"the database is damaged: {sound}"]
    found += [f"{updates} updates are still kept"] if updates else []
    if "storage" in there.tolerated:  # what could not be removed is removed by a later sweep
        kept, trash = kept | trash, set()
    found += [f"{file} is still in the trash" for file in trash]
    charged: dict[str, int] = {}
    for row in rows.values():
        charged[row["person"]] = charged.get(row["person"], 0) + row["charge"]
        allowed = {"delivered": (row["cost"],) * 2, "cancelled": (0, row["cost"])}.get(row["state"], (0, 0))
        if not allowed[0] <= row["charge"] <= allowed[1]:
            found.append(f"job {row['id']}, {row['state']}, of {row['cost']} costs {row['charge']}")
        if row["state"] not in ENDED or not row["shown"]:
            found.append(f"job {row['id']} is still {row['state']}, shown {row['shown']}")
    counted = {person: charge for person, charge in spent.items() if charge}
    if "uncounted" not in there.tolerated and counted != {who: sum_ for who, sum_ in charged.items() if sum_}:
        found.append(f"charged {charged}, counted {spent}")
    asked = {(ask.platform, ask.event) for ask in town.asks}
    found += [
        f"nobody asked for job {row['id']}: {event}" for event, row in rows.items() if event not in asked
    ]
    pictures = there.data / "pictures"
    files = {path.name for path in pictures.iterdir() if path.is_file()}
    found += [f"{name} belongs to no job" for name in sorted(files - kept)]
    found += [f"{name} is missing" for name in sorted(shown - files)]
    found += [f"{path.name} is half a file" for path in there.data.rglob("*.part")]
    if "stale" not in there.tolerated:
        found += town.promises({row["id"] for row in rows.values()})
    return found
