"""A chat model that comes when it is asked for and goes when a picture or nobody needs its room."""

import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn

from engine.memory.residency import Residency
from engine.prompts.llm.resident_model import IDLE, ResidentModel
from engine.types import EngineError

CPU = torch.device("cpu")


class ReadOnDemand:
    """A resident with a clock and a timer that a test turns by hand; `reads` counts readings of the model."""

    def __init__(self, stays: bool, kept: bool = True) -> None:
        self.now = 0.0
        self.reads = 0
        self.alarms: list[tuple[float, Callable[[], None]]] = []
        residency = Residency("plain", stays=stays, kept=kept, together=1)
        self.resident = ResidentModel(self._read, CPU, residency, clock=lambda: self.now, later=self._later)

    def enter(self) -> None:
        enter(self.resident)

    def wake(self) -> None:
        """Let the waiting alarm ring."""
        seconds, ring = self.alarms.pop()
        self.now += seconds
        ring()

    def _read(self) -> nn.Module:
        self.reads += 1
        return nn.Linear(2, 2)

    def _later(self, seconds: float, ring: Callable[[], None]) -> threading.Timer:
        self.alarms.append((seconds, ring))
        return threading.Timer(0, lambda: None)


def enter(resident: ResidentModel) -> None:
    """Ask until the model is in."""
    while not resident.ready():
        pass


def test_it_is_read_at_the_first_use_only() -> None:
    held = ReadOnDemand(stays=True)
    assert held.reads == 0
    held.enter()
    held.enter()
    assert held.reads == 1
    assert isinstance(held.resident.model, nn.Linear)


def test_others_go_on_while_it_is_read() -> None:
    done = threading.Event()

    def read() -> nn.Module:
        done.wait()
        return nn.Linear(2, 2)

    resident = ResidentModel(read, CPU, Residency("plain", stays=True, kept=True, together=1))
    assert not resident.ready()
    done.set()
    enter(resident)
    assert isinstance(resident.model, nn.Linear)


def test_what_goes_wrong_in_reading_reaches_who_asks_and_the_next_one_reads_again() -> None:
    outcomes = iter([OSError("gone"), None])

    def read() -> nn.Module:
        if (error := next(outcomes)) is not None:
            raise error
        return nn.Linear(2, 2)

    resident = ResidentModel(read, CPU, Residency("plain", stays=True, kept=True, together=1))
    with pytest.raises(OSError, match="gone"):
        enter(resident)
    enter(resident)
    assert isinstance(resident.model, nn.Linear)


def test_one_that_stays_makes_no_room_until_memory_runs_out() -> None:
    held = ReadOnDemand(stays=True)
    held.enter()
    assert not held.resident.release_memory()
    assert held.resident.ready()
    assert held.resident.release_memory(out_of_memory=True)
    held.enter()
    assert held.resident.release_memory()


def test_one_that_does_not_stay_waits_while_pictures_compute() -> None:
    held = ReadOnDemand(stays=False)
    held.enter()
    for _ in range(3):
        held.resident.release_memory()
        assert not held.resident.ready()
    assert held.resident.ready()


class Heavy(nn.Linear):
    """Finds no room on the device the first time."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.refusals = 1

    def to(self, place: object) -> "Heavy":  # type: ignore[override]
        if place == CPU and self.refusals:
            self.refusals = 0
            raise torch.OutOfMemoryError
        return self


def test_one_that_finds_no_room_says_so_and_may_come_in_later() -> None:
    resident = ResidentModel(Heavy, CPU, Residency("plain", stays=False, kept=True, together=1))
    enter(resident)
    resident.release_memory()
    assert not resident.ready()
    with pytest.raises(EngineError) as caught:
        resident.ready()
    assert caught.value.code == "out_of_memory"
    assert resident.ready()


@pytest.mark.parametrize(("kept", "reads"), [(True, 1), (False, 2)])
def test_what_main_memory_keeps_is_not_read_again(kept: bool, reads: int) -> None:
    held = ReadOnDemand(stays=False, kept=kept)
    held.enter()
    assert held.resident.release_memory()
    held.enter()
    assert held.reads == reads


def test_after_idle_time_it_is_given_up_and_read_anew_when_needed() -> None:
    held = ReadOnDemand(stays=True)
    held.enter()
    held.wake()
    assert held.alarms == []
    held.enter()
    assert held.reads == 2


def test_as_long_as_it_is_used_it_stays() -> None:
    held = ReadOnDemand(stays=True)
    held.enter()
    held.now = IDLE - 1
    held.enter()
    held.now = 0.0
    held.wake()
    assert [seconds for seconds, _ in held.alarms] == [IDLE - 1]
    held.now = IDLE
    held.enter()
    assert held.reads == 1
