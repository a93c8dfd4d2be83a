"""An update that takes longer is kept, and kept no longer than until it is handled."""

import asyncio
import sqlite3
from typing import cast

import pytest
from telegram import Update

from adapters.telegram.intake import Intake, PendingEvents
from bot.storage.kept_updates import KeptUpdates


class SlowKept:
    """A table that writes once it may, and refuses the first removals."""

    def __init__(self, refusals: int = 0) -> None:
        self.numbers: set[int] = set()
        self.begun, self.may_write, self.emptied = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._refusals = refusals

    async def keep(self, platform: str, number: int, payload: str) -> None:
        self.begun.set()
        await self.may_write.wait()
        self.numbers.add(number)

    async def remove(self, platform: str, number: int) -> None:
        self._refusals -= 1
        if self._refusals >= 0:
            raise sqlite3.OperationalError("database is locked")
        self.numbers.discard(number)
        self.emptied.set()


async def handled(kept: SlowKept, gives_up: bool) -> None:
    """Take an update that waits to be handled until it is kept; whoever waits for it may give up before."""
    may_handle = asyncio.Event()

    async def handle(update: Update) -> None:
        await may_handle.wait()

    async def nothing(found: object) -> None:
        await asyncio.sleep(0)

    table = cast(KeptUpdates, kept)
    intake = Intake(handle, nothing, str, PendingEvents(), table, lambda update: None, nothing)
    taking = asyncio.create_task(intake.take(Update(7)))
    await kept.begun.wait()
    if gives_up:
        taking.cancel()
    kept.may_write.set()
    await asyncio.gather(taking, return_exceptions=True)
    may_handle.set()
    await kept.emptied.wait()
    await intake.close()


async def test_an_update_that_nobody_waits_for_while_it_is_kept_is_removed_when_it_is_handled() -> None:
    kept = SlowKept()
    async with asyncio.timeout(10):
        await handled(kept, gives_up=True)
    assert kept.numbers == set()


async def test_an_update_during_a_lock_that_does_not_end_is_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def locked(update: Update) -> None:
        raise sqlite3.OperationalError("database is locked")

    apologized = asyncio.Event()

    async def apologize(update: Update) -> None:
        apologized.set()

    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    table = cast(KeptUpdates, SlowKept())
    intake = Intake(locked, apologize, str, PendingEvents(), table, lambda update: None, at_once)
    taking = asyncio.create_task(intake.take(Update(7)))
    await apologized.wait()
    await taking
    await intake.close()
    assert "update 7 was not handled: OperationalError" in caplog.text
    assert "Traceback" not in caplog.text


async def test_an_update_is_removed_once_the_database_takes_it_again() -> None:
    kept = SlowKept(refusals=3)
    async with asyncio.timeout(10):
        await handled(kept, gives_up=False)
    assert kept.numbers == set()
