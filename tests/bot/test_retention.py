"""The hourly sweep goes on, whatever the disk says."""

import asyncio
import sqlite3

import pytest

from bot.storage import retention


@pytest.mark.parametrize("refusal", [PermissionError("read-only"), sqlite3.OperationalError("read-only")])
async def test_a_disk_that_refuses_to_be_swept_is_one_line_is_tried_again_and_stops_nothing(
    caplog: pytest.LogCaptureFixture, refusal: Exception
) -> None:
    tries: list[Exception | None] = [refusal, None]
    waited: list[float] = []

    async def work() -> None:
        if error := tries.pop(0):
            raise error

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        if not tries:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await retention.hourly(work, sleep)
    assert waited == [retention.HOUR] * 2
    assert "read-only" in caplog.text
    assert "Traceback" not in caplog.text
