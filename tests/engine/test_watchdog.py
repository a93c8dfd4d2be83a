"""When a process counts as hung: from what it says, and from how much time passed, alone."""

import asyncio
from typing import Any

import pytest

from engine.pulse import Pulse
from engine.runtime.messages import Doing
from engine.runtime.watchdog import Patience, Watchdog, awake

PATIENCE = Patience(every=5, silence=60, first=1800, least=300, factor=10)
STEP = Doing(7, "making a step", longest=2.0)


@pytest.fixture
def watching() -> Watchdog:
    """A watchdog over a process that said something just now."""
    watching = Watchdog(PATIENCE)
    watching.sign_of_life()
    return watching


def until_hung(watching: Watchdog, loading: bool = False, **saying: Any) -> tuple[float, str]:
    """Let time pass, `saying` what the process tells at each tick; return when it was given up, and why."""
    for ticks in range(1, 10_000):
        if saying:
            watching.sign_of_life()
            watching.report(**saying)
        if why := watching.passed(PATIENCE.every, loading):
            return PATIENCE.every * ticks, why
    raise AssertionError("never")


def test_a_process_that_says_nothing_is_given_up_after_a_minute(watching: Watchdog) -> None:
    assert until_hung(watching) == (65, "has given no sign of life for 60 s")


def test_a_process_that_says_nothing_while_it_loads_has_five_minutes(watching: Watchdog) -> None:
    assert until_hung(watching, loading=True) == (305, "has given no sign of life for 300 s")


def test_a_process_that_was_never_heard_has_half_an_hour_to_come_up() -> None:
    assert until_hung(Watchdog(PATIENCE), loading=True) == (1805, "has given no sign of life for 1800 s")


def test_a_step_may_take_ten_times_the_longest_one(watching: Watchdog) -> None:
    slow = Doing(7, "making a step", longest=600.0)
    assert until_hung(watching, doing=(slow,))[0] == 6005


def test_a_quick_step_may_take_five_minutes(watching: Watchdog) -> None:
    assert until_hung(watching, doing=(STEP,)) == (
        305,
        "has been making a step for 300 s without getting on; at its longest it took 2.0 s before",
    )


def test_what_was_never_done_before_may_take_half_an_hour(watching: Watchdog) -> None:
    first = Doing(1, "loading the model")
    assert until_hung(watching, loading=True, doing=(first,)) == (
        1805,
        "has been loading the model for 1800 s without getting on",
    )


def lived(watching: Watchdog, seconds: float, *doing: Doing) -> bool:
    """Say whether the process was left alone for so many seconds in which it told that it did this."""
    for _ in range(int(seconds / PATIENCE.every)):
        watching.sign_of_life()
        watching.report(doing)
        if watching.passed(PATIENCE.every, loading=False):
            return False
    return True


def test_what_gets_on_may_take_for_ever(watching: Watchdog) -> None:
    downloading = (Doing(1, "loading the model", beats=beats) for beats in range(20))
    assert all(lived(watching, 1700, one) for one in downloading)


def test_the_next_step_is_counted_from_its_own_beginning(watching: Watchdog) -> None:
    steps = (Doing(number, "making a step", longest=2.0) for number in range(20))
    assert all(lived(watching, 290, one) for one in steps)


def test_a_thread_that_is_stuck_beside_one_that_works_is_seen(watching: Watchdog) -> None:
    file, steps = Doing(3, "working on a file", longest=1.0), map(Doing, range(100, 160), ["a step"] * 60)
    assert all(lived(watching, 5, file, step) for step in steps)
    assert not lived(watching, 5, file, STEP)


def test_a_process_that_does_nothing_though_pictures_wait_is_given_up(watching: Watchdog) -> None:
    assert until_hung(watching, doing=()) == (305, "has done nothing for 300 s while pictures were waiting")


def test_a_rest_is_not_counted(watching: Watchdog) -> None:
    watching.passed(59, loading=False)
    watching.rest()
    assert watching.passed(59, loading=False) is None


async def test_the_sleep_of_the_computer_is_not_counted() -> None:
    times = iter((100.0, 40_000.0))
    assert await awake(0.01, lambda: next(times)) == 0.02


def test_a_pulse_tells_the_longest_time_once_the_first_is_not_the_only_one() -> None:
    now = 0.0
    pulse, longest = Pulse(lambda: now), []
    for seconds in (200.0, 2.0, 3.0, 1.0):
        with pulse.during("making a step"):
            longest.append(pulse.doing()[0].longest)
            now += seconds
    with pulse.during("making a step"):
        longest.append(pulse.doing()[0].longest)
    assert longest == [None, 200.0, 2.0, 3.0, 3.0]


def test_of_nested_things_the_inner_one_is_told_and_the_outer_one_gets_on_after_it() -> None:
    pulse = Pulse()
    with pulse.during("loading the model"):
        [outer] = pulse.doing()
        with pulse.during("downloading"):
            assert [one.what for one in pulse.doing()] == ["downloading"]
        [after] = pulse.doing()
    assert (after.number, after.beats) == (outer.number, outer.beats + 1)
    assert pulse.doing() == ()


async def test_a_download_in_threads_of_its_own_gets_on_for_who_waits_for_it() -> None:
    pulse = Pulse()
    with pulse.during("loading the model"):
        bar = pulse.bar()(total=10, disable=True)
        await asyncio.to_thread(bar.update, 5)
        assert pulse.doing()[0].beats == 1
