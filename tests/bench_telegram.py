"""How long others wait on Telegram while one chat is flooded, one file hangs, or a dozen ask in one group.

Real sockets, clocks and waits; the engine is the fake one. `python -m tests.bench_telegram` prints a table.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from statistics import median, quantiles

from engine.fake import FakeEngine, striped
from engine.types import Generate
from tests.adapters.telegram.chats import ANN, BOB, GROUP
from tests.adapters.telegram.harness import TelegramHarness, telegram_harness
from tests.adapters.telegram.server import Telegram, telegram

ASKS = 40
PEOPLE = 12
FLOOD = 30
DRAWING = 0.5


async def flooded(here: TelegramHarness, server: Telegram) -> None:
    """Let a group answer every message with a flood error, and ask there."""
    server.floods[GROUP] = FLOOD
    await here.chats.says("/imagine a boat", chat=GROUP)


async def hanging(here: TelegramHarness, server: Telegram) -> None:
    """Let a file never come that somebody wants painted over."""
    server.hanging.add("getFile")
    await here.chats.says("as a painting", photo=striped("x", 64, 64))


async def others(trouble: Callable[[TelegramHarness, Telegram], Awaitable[None]] | None) -> list[float]:
    """Return how many seconds each of another user's commands waits for its answer."""
    async with telegram() as server, started(server) as here:
        if trouble is not None:
            await trouble(here, server)
        waits = []
        for number in range(1, ASKS + 1):
            begun = time.monotonic()
            await here.chats.says("/queue", BOB)
            await server.until(lambda number=number: len(here.chats.of_bot(BOB["id"])) >= number)
            waits.append(time.monotonic() - begun)
            await asyncio.sleep(0.05)
        return waits


async def group() -> list[float]:
    """Return the seconds from each picture's end to its message, for a dozen users in one group at once."""
    ends: list[float] = []

    async def draw(task: Generate, step: int) -> None:
        await asyncio.sleep(DRAWING)
        ends.append(time.monotonic())

    async with telegram() as server, started(server, FakeEngine(64, draw)) as here:
        for number in range(PEOPLE):
            await here.chats.says(
                f"/imagine a boat {number} --steps 1", ANN | {"id": 1000 + number}, chat=GROUP
            )
        waits = []
        while len(waits) < PEOPLE:
            count = len(waits)
            await server.until(lambda count=count: pictures(here) > count)
            waits += [time.monotonic() - ends[count]] * (pictures(here) - count)
        return waits


def pictures(here: TelegramHarness) -> int:
    return len([message for message in here.chats.of_bot(GROUP) if message.get("photo")])


def started(
    server: Telegram, engine: FakeEngine | None = None
) -> AbstractAsyncContextManager[TelegramHarness]:
    """Return a bot in an empty folder that waits as long as it says."""
    folder = tempfile.mkdtemp()
    return telegram_harness(server, Path(folder), asyncio.sleep, engine=engine or FakeEngine(64))


async def main() -> None:
    """Print the table."""
    os.environ["NO_PROXY"] = "127.0.0.1"
    sys.stdout.write("| while | median | 95 % within | longest |\n|---|---|---|---|\n")
    rows = {
        "nothing is wrong": others(None),
        f"one group is flooded for {FLOOD} s": others(flooded),
        "one file never comes": others(hanging),
        f"{PEOPLE} users ask at once in one group (from drawn to shown)": group(),
    }
    for name, row in rows.items():
        waits = await row
        p95 = quantiles(waits, n=20, method="inclusive")[-1]
        sys.stdout.write(f"| {name} | {median(waits):.2f} s | {p95:.2f} s | {max(waits):.2f} s |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
