"""A picture drawn in parts: they share the loop with everything else, and one answer comes of them."""

from collections import deque

import pytest

from engine.runtime.messages import CancelTask, Failed, RunTask
from engine.types import Picture, Progress, Upscale
from tests.engine.test_worker import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def redraw(number: int) -> RunTask:
    return RunTask(number, Upscale(b"\x00" * 16 + (4).to_bytes(4, "big") * 2, method="redraw"))


def test_the_pieces_of_a_redraw_share_steps_like_any_drawings_and_end_in_one_picture(bench: Bench) -> None:
    bench.inbox.put(redraw(1))
    bench.work()
    assert bench.steps() == ["left piece|right piece"] * 2
    *progress, picture = bench.events(1)
    assert progress == [Progress(step, 5) for step in range(1, 6)]
    assert isinstance(picture, Picture)
    assert (picture.width, picture.seconds) == (8, 2.0)
    assert "prompt left piece" not in bench.questions


def test_a_piece_that_fails_fails_its_redraw_once_and_ends_the_other_pieces(bench: Bench) -> None:
    bench.answers["step left piece|right piece"] = deque(["out_of_memory"])
    bench.answers["step left piece"] = deque(["out_of_memory"])
    bench.inbox.put(redraw(1))
    bench.work()
    assert [r.code for r in bench.reports if isinstance(r, Failed)] == ["out_of_memory"]
    assert bench.steps() == ["left piece|right piece", "left piece"]
    bench.draw("b", 2)
    bench.work()
    assert bench.pictures() == [2]


def test_pieces_that_do_not_fit_wait_for_the_ones_before(bench: Bench) -> None:
    bench.pipeline.capacity = 64
    bench.inbox.put(redraw(1))
    bench.work()
    assert bench.steps() == ["left piece"] * 2 + ["right piece"] * 2
    assert bench.pictures() == [1]


def test_a_dropped_redraw_makes_no_further_step_of_any_piece(bench: Bench) -> None:
    bench.inbox.put(redraw(1))
    while not bench.steps():
        bench.worker.turn()
    bench.inbox.put(CancelTask(1))
    bench.draw("b", 2)
    bench.work()
    assert bench.steps() == ["left piece|right piece", "b", "b"]
    assert bench.pictures() == [2]
