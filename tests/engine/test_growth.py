"""An engine whose memory grows is replaced between two tasks, and nobody loses a picture over it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from engine.runtime import growth
from engine.runtime.growth import Growth, held
from engine.runtime.process import ProcessEngine
from engine.types import EngineSettings, Generate, Picture
from tests.crash.model import Drawing, SleepingPipeline

MIB = 2**20
LEAK = 24 * MIB
LIMIT = 60 * MIB


class LeakingPipeline(SleepingPipeline):
    """Forgets no picture, and takes 24 MiB for each."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def finish(self, drawing: Drawing) -> Callable[[], Picture]:
        self.kept.append(b"\1" * LEAK)
        return super().finish(drawing)


def leaking(settings: EngineSettings) -> SleepingPipeline:
    """Build the pipeline in the child."""
    return LeakingPipeline()


@asynccontextmanager
async def engine(loader: str, limit: int) -> AsyncIterator[ProcessEngine]:
    engine = ProcessEngine(EngineSettings(loader=loader), growth=limit)
    try:
        yield engine
    finally:
        await engine.close()


async def drawn(engine: ProcessEngine, seed: int) -> int | None:
    """Draw a picture; return the process that was there when it was done."""
    pid = None
    async for event in engine.run(Generate("a boat", width=64, height=64, steps=1, seed=seed)):
        if isinstance(event, Picture):
            pid = engine.pid
    assert pid is not None
    return pid


async def test_an_engine_that_leaks_is_replaced_after_a_task_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(growth, "WARM", 1)
    async with engine("tests.engine.test_growth:leaking", LIMIT) as leaks:
        pids = [await drawn(leaks, seed) for seed in range(6)]
        assert leaks.replaced == len(set(pids)) - 1 == 1
    assert "more than when it was warm and is replaced (time 1)" in caplog.text


async def test_tasks_that_run_end_in_the_old_process_and_the_next_ones_begin_in_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growth, "WARM", 1)
    async with engine("tests.engine.test_growth:leaking", LIMIT) as leaks:
        pids = await asyncio.gather(*(drawn(leaks, seed) for seed in range(8)))
        assert leaks.replaced == 1
        assert len({*pids, await drawn(leaks, 8)}) == 2


async def test_an_engine_that_does_not_grow_or_may_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "WARM", 1)
    for loader, limit in (("tests.crash.model:load", LIMIT), ("tests.engine.test_growth:leaking", 0)):
        async with engine(loader, limit) as steady:
            pids = {await drawn(steady, seed) for seed in range(5)}
            assert (len(pids), steady.replaced) == (1, 0)


def test_what_is_loaded_on_demand_while_it_is_warmed_up_is_no_growth() -> None:
    life = Growth(100)
    assert [life.beyond(held) for held in range(0, 50 * growth.WARM, 50)] == [0] * growth.WARM
    warm = 50 * (growth.WARM - 1)
    assert [life.beyond(warm + more) for more in (0, 100, 101, 0)] == [0, 0, 101, 0]


def test_a_process_that_is_gone_holds_nothing() -> None:
    assert held(2**22 + 1) == 0
