"""The worker's loop: admission, batches, previews, cancels and errors at the step boundary."""

import threading
from collections import deque
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from engine.fake import striped
from engine.pictures import masks
from engine.runtime.messages import CancelTask, Failed, Loaded, RunTask, TaskEvent
from engine.types import Generate, Optimize, Picture, Progress, PromptReady, Upscale
from tests.engine.scripted import CAPACITY
from tests.engine.workbench import Bench


def test_the_capacity_is_told_first_and_again_when_it_changes(bench: Bench) -> None:
    bench.draw("a", 1)
    bench.work()
    bench.pipeline.capacity = 64
    bench.draw("b", 2)
    bench.work()
    assert bench.reports[0] == Loaded(CAPACITY)
    assert Loaded(64) in bench.reports


def test_a_picture_reports_its_prompt_every_step_and_the_result(bench: Bench) -> None:
    bench.draw("a", 1, steps=3)
    bench.work()
    ready, *progress, picture = bench.events(1)
    assert ready == PromptReady("a", "a!")
    assert [event.step for event in progress if isinstance(event, Progress)] == [1, 2, 3]
    assert isinstance(picture, Picture)
    assert [report.last for report in bench.reports if isinstance(report, TaskEvent)] == [False] * 4 + [True]


def test_pictures_of_equal_shape_share_every_step(bench: Bench) -> None:
    bench.draw("a", 1)
    bench.draw("b", 2)
    bench.work()
    assert bench.steps() == ["a|b", "a|b"]


def test_a_picture_that_comes_later_joins_at_the_step_boundary(bench: Bench) -> None:
    bench.draw("a", 1, steps=3)
    bench.worker.turn()
    bench.draw("b", 2, steps=3)
    bench.work()
    assert [set(step.split("|")) for step in bench.steps()] == [{"a"}, {"a", "b"}, {"a", "b"}, {"b"}]


def test_pictures_of_different_shape_take_turns(bench: Bench) -> None:
    bench.pipeline.capacity = 1000
    bench.draw("a", 1)
    bench.draw("b", 2, side=256)
    bench.work()
    assert bench.steps() == ["a", "b", "a", "b"]


def test_no_more_pictures_begin_than_fit_and_none_overtakes(bench: Bench) -> None:
    bench.draw("a", 1)
    bench.draw("large", 2, side=256)
    bench.draw("b", 3)
    bench.work()
    assert bench.steps() == ["a", "a", "large", "large", "b", "b"]


def test_a_capacity_that_shrinks_splits_the_batch(bench: Bench) -> None:
    bench.draw("a", 1)
    bench.draw("b", 2)
    bench.worker.turn()
    bench.pipeline.capacity = 64
    bench.work()
    assert bench.steps() == ["a|b", "a", "b"]


@pytest.mark.parametrize(
    ("steps", "shown"), [(1, []), (2, []), (8, [2, 4, 6]), (10, [2, 4, 6, 8]), (50, [10, 20, 30, 40])]
)
def test_previews_come_at_most_four_times_and_never_at_the_end(steps: int, shown: list[int]) -> None:
    bench = Bench()
    bench.draw("a", 1, steps=steps)
    bench.work()
    assert [e.step for e in bench.events(1) if isinstance(e, Progress) and e.preview is not None] == shown


def test_a_dropped_picture_makes_no_further_step_and_frees_its_place(bench: Bench) -> None:
    for number, name in enumerate("abc"):
        bench.draw(name, number)
    bench.worker.turn()
    bench.inbox.put(CancelTask(0))
    bench.work()
    assert [set(step.split("|")) for step in bench.steps()] == [{"a", "b"}, {"b", "c"}, {"c"}]
    assert bench.pictures() == [1, 2]


def test_a_dropped_task_that_waits_never_begins(bench: Bench) -> None:
    for number, name in enumerate("abc"):
        bench.draw(name, number)
    bench.inbox.put(CancelTask(2))
    bench.work()
    assert "prompt c" not in bench.questions


def test_dropping_what_is_done_or_unknown_changes_nothing(bench: Bench) -> None:
    bench.draw("a", 1)
    bench.work()
    bench.inbox.put(CancelTask(1))
    bench.inbox.put(CancelTask(99))
    bench.work()
    assert bench.pictures() == [1]


def test_a_wish_is_optimized_between_steps_and_an_upscale_needs_no_place(bench: Bench) -> None:
    bench.draw("large", 1, steps=3, side=256)
    bench.worker.turn()
    bench.inbox.put(RunTask(2, Optimize("wish")))
    bench.inbox.put(RunTask(3, Upscale(b"\x00" * 16 + (4).to_bytes(4, "big") * 2)))
    bench.work()
    order = [report.number for report in bench.reports if isinstance(report, TaskEvent) and report.last]
    assert sorted(order) == [1, 2, 3]
    assert order.index(2) < order.index(1)
    assert bench.events(2) == [PromptReady("wish", "wish!")]
    assert [type(event) for event in bench.events(3)] == [Progress, Picture]


def test_prompts_are_written_side_by_side_and_a_short_one_is_ready_first(bench: Bench) -> None:
    bench.draw("long~~~", 1)
    bench.draw("short", 2)
    bench.worker.turn()
    bench.worker.turn()
    assert bench.steps() == ["short", "short"]
    bench.work()
    assert bench.pictures() == [1, 2]


def test_a_prompt_under_way_that_nobody_waits_for_is_given_up(bench: Bench) -> None:
    bench.draw("a~~", 1)
    bench.draw("b~~", 2)
    bench.worker.turn()
    bench.inbox.put(CancelTask(1))
    bench.work()
    assert bench.events(1) == []
    assert bench.pictures() == [2]


def test_upscaling_stops_between_two_tiles_when_nobody_waits_for_it(bench: Bench) -> None:
    begun, dropped = threading.Event(), threading.Event()

    def ask(question: str) -> str:
        bench.questions.append(question)
        begun.set()
        dropped.wait()
        return "go"

    bench.pipeline.ask = ask
    bench.inbox.put(RunTask(1, Upscale(b"\x00" * 16 + (4).to_bytes(4, "big") * 2)))
    bench.worker.turn()
    begun.wait()
    bench.inbox.put(CancelTask(1))
    bench.worker.turn()
    dropped.set()
    bench.worker.turn()
    assert bench.questions == ["tile 1"]
    assert bench.events(1) == []


def test_an_engine_error_is_the_answer_to_its_task_alone(bench: Bench) -> None:
    bench.answers["prompt a"] = deque(["out_of_memory"])
    bench.draw("a", 1)
    bench.draw("b", 2)
    bench.work()
    assert bench.failures() == {1: "out_of_memory"}
    assert bench.pictures() == [2]


@pytest.mark.parametrize("where", ["prompt", "step", "finish"])
def test_a_bug_becomes_an_internal_error_and_the_worker_goes_on(bench: Bench, where: str) -> None:
    bench.answers[f"{where} a"] = deque(["raise"])
    bench.draw("a", 1)
    bench.work()
    bench.draw("b", 2)
    bench.work()
    assert Failed("internal", "RuntimeError: a bug on request", 1) in bench.reports
    assert bench.pictures() == [2]


def test_what_fails_beside_the_loop_is_answered_by_the_loop_and_touches_nothing_from_another_thread(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[threading.Thread] = []
    monkeypatch.setattr(bench.worker, "_undraw", lambda number: where.append(threading.current_thread()))
    bench.answers["tile 1"] = deque(["raise"])
    bench.inbox.put(RunTask(1, Upscale(striped("a", 8, 8))))
    bench.work()
    assert bench.failures() == {1: "internal"}
    assert where == [threading.current_thread()]


def test_in_a_batch_that_fails_only_the_bad_task_fails(bench: Bench) -> None:
    bench.answers["step a|b"] = deque(["raise"])
    bench.answers["step b"] = deque(["raise"])
    bench.draw("a", 1)
    bench.draw("b", 2)
    bench.work()
    assert bench.failures() == {2: "internal"}
    assert bench.pictures() == [1]


def test_tasks_of_a_batch_that_failed_do_not_share_again(bench: Bench) -> None:
    bench.answers["step a|b"] = deque(["out_of_memory"])
    bench.draw("a", 1)
    bench.draw("b", 2)
    bench.work()
    assert bench.steps() == ["a|b", "a", "b", "a", "b"]
    assert bench.pictures() == [1, 2]


def test_the_end_of_orders_ends_the_loop_with_work_left(bench: Bench) -> None:
    bench.draw("a", 1, steps=50)
    bench.worker.turn()
    bench.inbox.put(None)
    bench.worker.run()
    assert bench.steps() == ["a"]


def picture_file(side: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def test_an_upload_is_opened_beside_the_loop_and_comes_in_at_the_pictures_size(bench: Bench) -> None:
    bench.inbox.put(RunTask(1, Generate("a", width=64, height=32, steps=1, init_image=picture_file(200))))
    bench.work()
    assert bench.pictures() == [1]
    with Image.open(BytesIO(bench.pipeline.started[0].init_image or b"")) as image:
        assert image.size == (64, 32)


def test_where_an_upload_is_transparent_it_stays_so_only_for_a_mask(bench: Bench) -> None:
    task = Generate("a", width=64, height=64, steps=1, init_image=masks.moved(picture_file(96), zoom=2.0))
    bench.inbox.put(RunTask(1, replace(task, mask="around")))
    bench.inbox.put(RunTask(2, task))
    bench.work()
    corners = {}
    for begun in bench.pipeline.started:
        with Image.open(BytesIO(begun.init_image or b"")) as image:
            corners[begun.mask] = (image.size, image.getpixel((0, 0)))
    assert corners == {"around": ((64, 64), (254, 0, 0, 0)), "": ((64, 64), (255, 255, 255))}


def test_an_upload_that_is_none_fails_before_anything_begins(bench: Bench) -> None:
    bench.inbox.put(RunTask(1, Generate("a", init_image=b"no picture")))
    bench.work()
    assert bench.failures() == {1: "bad_input"}
    assert bench.questions == []


def test_others_go_on_while_a_file_is_encoded(bench: Bench) -> None:
    encoder = threading.Event()
    bench.pipeline.encoding = lambda prompt: encoder.wait()
    bench.draw("a", 1, steps=1)
    bench.worker.turn()
    bench.draw("b", 2, steps=2)
    bench.worker.turn()
    assert bench.steps() == ["a", "b"]
    assert bench.pictures() == []
    encoder.set()
    bench.work()
    assert bench.pictures() == [1, 2]


def test_a_picture_that_was_dropped_while_encoding_waits_is_forgotten(bench: Bench) -> None:
    encoder = threading.Event()
    bench.pipeline.encoding = lambda prompt: encoder.wait()
    for number in range(4):
        bench.draw("a", number, steps=1)
        bench.worker.turn()
    bench.inbox.put(CancelTask(3))
    bench.inbox.put(CancelTask(2))
    bench.draw("b", 9, steps=5)
    bench.worker.turn()
    encoder.set()
    bench.work()
    assert bench.pictures() == [0, 1, 9]


def test_a_file_that_cannot_be_encoded_is_the_answer_to_its_task_alone(bench: Bench) -> None:
    bench.pipeline.encoding = {"b": "fine"}.__getitem__
    bench.draw("a", 1)
    bench.draw("b", 2)
    bench.work()
    assert bench.failures() == {1: "internal"}
    assert bench.pictures() == [2]


@pytest.mark.parametrize("where", ["prompt", "step a|b", "finish", "tile"])
def test_a_device_that_fails_ends_the_loop_and_no_task_is_told_that_it_failed(
    bench: Bench, where: str
) -> None:
    bench.answers[where] = deque(["break"])
    bench.draw("a", 1)
    bench.draw("b", 2)
    bench.inbox.put(RunTask(3, Upscale(b"\x00" * 16 + (4).to_bytes(4, "big") * 2)))
    bench.worker.run()
    lost = [report for report in bench.reports if isinstance(report, Failed)]
    assert lost == [Failed("lost", "the device failed: CUDA error: device-side assert triggered")]
