"""When idle memory is given back, and when it is left alone."""

import pytest

from engine.memory.plan import GIB, MIB
from engine.memory.room import Reading, enough, helps


def reading(free: float, idle: float) -> Reading:
    return Reading(int(free * MIB), int((idle + 1000) * MIB), 1000 * MIB)


@pytest.mark.parametrize(
    ("free", "idle", "wanted", "given"),
    [
        (4000, 0, 2000, False),  # nothing is idle
        (4000, 3000, 2000, False),  # either is enough
        (300, 2000, 2000, False),  # the picture before was of this size
        (1500, 1500, 2000, True),  # only together
        (100, 3000, 2000, True),  # others would have too little
    ],
)
def test_idle_memory_is_given_back_only_when_that_helps(
    free: float, idle: float, wanted: float, given: bool
) -> None:
    assert helps(reading(free, idle), int(wanted * MIB)) is given


def test_some_memory_is_always_left_over() -> None:
    assert enough(reading(1500, 800), 2000 * MIB)
    assert not enough(reading(1500, 600), 2000 * MIB)
    assert not enough(reading(0, 0), GIB)
