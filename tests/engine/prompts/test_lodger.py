"""A chat model that comes when it is asked for and goes when a picture or nobody needs its room."""

import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn

from engine.memory.residency import Lodging
from engine.prompts.lodger import IDLE, Lodger
from engine.types import EngineError

CPU = torch.device("cpu")


class House:
    """A lodger with a clock and a timer that a test turns by hand; `reads` counts readings of the model."""

    def __init__(self, stays: bool, kept: bool = True) -> None:
        self.now = 0.0
        self.reads = 0
        self.alarms: list[tuple[float, Callable[[], None]]] = []
        lodging = Lodging("plain", stays=stays, kept=kept, together=1)
        self.lodger = Lodger(self._read, CPU, lodging, clock=lambda: self.now, later=self._later)

    def enter(self) -> None:
        enter(self.lodger)

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


def enter(lodger: Lodger) -> None:
    """Ask until the model is in."""
    while not lodger.ready():
        pass


def test_it_is_read_at_the_first_use_only() -> None:
    house = House(stays=True)
    assert house.reads == 0
    house.enter()
    house.enter()
    assert house.reads == 1
    assert isinstance(house.lodger.model, nn.Linear)


def test_others_go_on_while_it_is_read() -> None:
    done = threading.Event()

    def read() -> nn.Module:
        done.wait()
        return nn.Linear(2, 2)

    lodger = Lodger(read, CPU, Lodging("plain", stays=True, kept=True, together=1))
    assert not lodger.ready()
    done.set()
    enter(lodger)
    assert isinstance(lodger.model, nn.Linear)


def test_what_goes_wrong_in_reading_reaches_who_asks_and_the_next_one_reads_again() -> None:
    outcomes = iter([OSError("gone"), None])

    def read() -> nn.Module:
        if (error := next(outcomes)) is not None:
            raise error
        return nn.Linear(2, 2)

    lodger = Lodger(read, CPU, Lodging("plain", stays=True, kept=True, together=1))
    with pytest.raises(OSError, match="gone"):
        enter(lodger)
    enter(lodger)
    assert isinstance(lodger.model, nn.Linear)


def test_one_that_stays_makes_no_room_until_memory_runs_out() -> None:
    house = House(stays=True)
    house.enter()
    assert not house.lodger.give_way()
    assert house.lodger.ready()
    assert house.lodger.give_way(scarce=True)
    house.enter()
    assert house.lodger.give_way()


def test_one_that_does_not_stay_waits_while_pictures_compute() -> None:
    house = House(stays=False)
    house.enter()
    for _ in range(3):
        house.lodger.give_way()
        assert not house.lodger.ready()
    assert house.lodger.ready()


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
    lodger = Lodger(Heavy, CPU, Lodging("plain", stays=False, kept=True, together=1))
    enter(lodger)
    lodger.give_way()
    assert not lodger.ready()
    with pytest.raises(EngineError) as caught:
        lodger.ready()
    assert caught.value.code == "out_of_memory"
    assert lodger.ready()


@pytest.mark.parametrize(("kept", "reads"), [(True, 1), (False, 2)])
def test_what_main_memory_keeps_is_not_read_again(kept: bool, reads: int) -> None:
    house = House(stays=False, kept=kept)
    house.enter()
    assert house.lodger.give_way()
    house.enter()
    assert house.reads == reads


def test_after_idle_time_it_is_given_up_and_read_anew_when_needed() -> None:
    house = House(stays=True)
    house.enter()
    house.wake()
    assert house.alarms == []
    house.enter()
    assert house.reads == 2


def test_as_long_as_it_is_used_it_stays() -> None:
    house = House(stays=True)
    house.enter()
    house.now = IDLE - 1
    house.enter()
    house.now = 0.0
    house.wake()
    assert [seconds for seconds, _ in house.alarms] == [IDLE - 1]
    house.now = IDLE
    house.enter()
    assert house.reads == 1
