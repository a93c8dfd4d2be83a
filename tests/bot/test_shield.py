"""Work that goes on when its caller is cancelled."""

import asyncio
from contextlib import suppress

import pytest

from bot.jobs.shield import Shield


async def test_what_fails_once_its_caller_has_gone_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, failing = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await failing.wait()
        raise OSError("no room")

    shield = Shield()
    caller = asyncio.create_task(shield(work()))
    await begun.wait()
    caller.cancel()
    with suppress(asyncio.CancelledError):
        await caller
    failing.set()
    while shield._tasks:  # noqa: ASYNC110  (it has no event for it)
        await asyncio.sleep(0)
    assert "was not done: OSError('no room')" in caplog.text
    assert [record for record in caplog.records if record.exc_info] == []
