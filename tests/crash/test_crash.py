"""Whatever fails around it, the bot delivers every picture it accepted, and each of them once."""

import pytest

from tests.crash.__main__ import run, table
from tests.crash.trial import KINDS


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_nothing_is_lost_doubled_or_stuck_whatever_fails() -> None:
    trials = await run(range(len(KINDS)), long=False)
    assert [line for trial in trials for line in trial.wrong()] == [], table(trials)
