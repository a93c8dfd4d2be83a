"""The engine's pace is learned from what it finishes; newer counts more, waiting for work nothing."""

import pytest

from bot.jobs.throughput import Throughput


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def worked(pace: Throughput, clock: Clock, seconds: float, cost: int) -> None:
    pace.task_started()
    clock.now += seconds
    pace.task_finished(cost)


def test_nothing_is_foretold_before_something_was_measured() -> None:
    clock = Clock()
    pace = Throughput(clock)
    assert pace.seconds(10) is None
    worked(pace, clock, 5, 0)
    assert pace.seconds(10) is None


def test_idle_time_and_failures_count_nothing() -> None:
    clock = Clock()
    pace = Throughput(clock)
    worked(pace, clock, 2, 100)
    clock.now += 1000
    worked(pace, clock, 50, 0)
    worked(pace, clock, 2, 100)
    assert pace.seconds(100) == pytest.approx(2)


def test_pictures_drawn_side_by_side_share_their_time() -> None:
    clock = Clock()
    pace = Throughput(clock)
    pace.task_started()
    pace.task_started()
    clock.now += 6
    pace.task_finished(100)
    pace.task_finished(100)
    assert pace.seconds(100) == pytest.approx(6 / 1.9 * 0.9)


def test_a_new_pace_is_learned() -> None:
    clock = Clock()
    pace = Throughput(clock)
    for seconds in [1.0] * 5 + [4.0] * 40:
        worked(pace, clock, seconds, 100)
    assert pace.seconds(100) == pytest.approx(4, rel=0.1)


def test_the_time_the_engine_needs_to_load_is_no_part_of_its_pace() -> None:
    clock = Clock()
    pace = Throughput(clock)
    pace.task_started()
    clock.now += 30
    pace.first_step()
    clock.now += 2
    pace.task_finished(100)
    assert pace.seconds(100) == pytest.approx(2)
    pace.task_started()
    clock.now += 2
    pace.first_step()
    clock.now += 2
    pace.task_finished(100)
    assert pace.seconds(100) == pytest.approx((0.9 * 2 + 4) / 1.9)
