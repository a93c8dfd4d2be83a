"""When idle memory is given back, and when it is left alone."""

import pytest
import torch

from engine.memory import allocator
from engine.memory.allocator import Reading, ensure_free, has_free, read, should_trim
from engine.memory.plan import GIB, MIB


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
    assert should_trim(reading(free, idle), int(wanted * MIB)) is given


def test_some_memory_is_always_left_over() -> None:
    assert has_free(reading(1500, 800), 2000 * MIB)
    assert not has_free(reading(1500, 600), 2000 * MIB)
    assert not has_free(reading(0, 0), GIB)


def test_a_cpus_memory_is_what_the_system_has_left() -> None:
    found = read(torch.device("cpu"))
    assert found.free > 0
    assert (found.reserved, found.allocated) == (0, 0)


def test_room_is_made_by_giving_back_what_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = [reading(1500, 1500), reading(3000, 0)]
    given: list[torch.device] = []
    monkeypatch.setattr(allocator, "read", lambda device: readings.pop(0))
    monkeypatch.setattr(allocator, "give_back", given.append)
    device = torch.device("cuda")
    assert ensure_free(device, 2000 * MIB)
    assert given == [device]
