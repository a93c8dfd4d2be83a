"""How long a forward takes at best: its operations counted from file headers, its streaming, the ceiling."""

from dataclasses import replace

import pytest
import torch

from engine.embedded import WEIGHTS
from engine.files.parts import ModelFiles
from engine.memory import estimate
from engine.memory.plan import GIB, PlanRequest
from engine.memory.planner import choose
from engine.memory.sizes import Z_IMAGE, read
from engine.models.describe import describe
from engine.types import EngineSettings
from tests.engine.memory.test_plan import card


def test_z_images_forward_at_1024_is_close_to_what_is_published() -> None:
    assert estimate.operations(Z_IMAGE, 1024, 1024) == pytest.approx(56.6e12, rel=0.1)


def test_streaming_counts_where_it_takes_longer_than_computing() -> None:
    plan = choose(card(8), Z_IMAGE, PlanRequest())
    slow, fast = (estimate.at_best(plan, 1024, 1024, ceiling) for ceiling in (1e13, 1e15))
    assert slow == pytest.approx(estimate.operations(Z_IMAGE, 1024, 1024) / 1e13)
    assert fast == pytest.approx(plan.streamed_bytes / GIB * 0.05)
    resident = replace(plan, resident_blocks=plan.blocks)
    assert estimate.at_best(resident, 1024, 1024, 1e15) < fast


def test_the_ceiling_is_the_best_of_a_few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 4.0, 10.0, 12.0] + [20.0, 29.0] * (estimate.TURNS - 1))
    monkeypatch.setattr("engine.memory.estimate.time.perf_counter", lambda: next(clock))
    assert estimate.ceiling(torch.device("cpu"), torch.float32) == 2 * 512**3 / 2.0


def test_a_model_is_told_with_its_plan_and_its_least_time() -> None:
    threads = torch.get_num_threads()
    try:
        found = describe(EngineSettings(device="cpu"))
    finally:
        torch.set_num_threads(threads)
    assert (found["model"], found["side"], found["dtype"]) == ("embedded", 256, "float32")
    assert found["forward"] == pytest.approx(
        estimate.operations(read(ModelFiles(WEIGHTS)), 256, 256) / found["ceiling"]
    )
