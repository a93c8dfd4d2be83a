"""Whatever fails around it, the bot ends everything it accepted, once for its person and charged once."""

import pytest

from tests.crash.__main__ import run, table
from tests.crash.faults import KINDS
from tests.engine.cluster.fleet import needs_broker

SEEDS = range(20)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nothing_is_lost_doubled_or_stuck_whatever_fails() -> None:
    trials = await run(SEEDS, long=False, at_once=6)
    assert [line for trial in trials for line in trial.wrong()] == [], table(trials)
    happened = {kind for trial in trials for kind in (*trial.kinds, *trial.skipped)}
    assert happened == set(KINDS), "a kind of fault never happens"


@needs_broker
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_task_that_is_dropped_takes_no_other_out_of_the_broker() -> None:
    [played] = await run([71], long=True, at_once=1)
    assert played.wrong() == []
