"""How the bot's connections to Telegram end."""

import asyncio
import gc
import warnings

import pytest
from telegram.error import NetworkError

from adapters.telegram.http import CancellableHttp
from tests.adapters.telegram.server import TOKEN, Telegram

MOMENTS = range(0, 24)
"""Turns of the loop before the shutdown: from a connection not yet opened to an answer already there."""


@pytest.mark.parametrize("cancelled", [False, True])
async def test_no_connection_outlives_the_wire_whenever_it_is_shut_down(
    server: Telegram, cancelled: bool
) -> None:
    for moment in MOMENTS:
        wire = CancellableHttp(1)
        await wire.initialize()
        call = asyncio.create_task(wire.do_request(f"{server.url}/bot{TOKEN}/getMe", "POST"))
        for _ in range(moment):
            await asyncio.sleep(0)
        if cancelled:
            call.cancel()
        await wire.shutdown()
        await asyncio.gather(call, return_exceptions=True)
        del wire, call
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(each.message) for each in warned if each.category is ResourceWarning] == []


async def test_a_call_that_is_ended_by_the_shutdown_says_so(server: Telegram) -> None:
    wire = CancellableHttp(1)
    await wire.initialize()
    call = asyncio.create_task(wire.do_request(f"{server.url}/bot{TOKEN}/getUpdates", "POST"))
    await asyncio.sleep(0)
    await wire.shutdown()
    with pytest.raises(NetworkError, match="stopping"):
        await call
