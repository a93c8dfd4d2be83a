"""FakeEngine keeps the contract, and fails and waits as a test tells it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.fake import FakeEngine
from engine.types import (
    EngineError,
    EngineLost,
    Generate,
    Optimize,
    Picture,
    Progress,
    PromptReady,
    image_tokens,
)
from tests.contracts.engine_contract import EngineContract, Kill, each, played

SMALL = image_tokens(128, 128)


class TestFakeEngine(EngineContract):
    @pytest.fixture
    async def engine(self) -> AsyncIterator[FakeEngine]:
        async for engine in each(FakeEngine(room=2 * SMALL)):
            yield engine

    @pytest.fixture
    def kill(self, engine: FakeEngine) -> Kill:
        async def kill() -> None:
            engine.lose()

        return kill


def small(prompt: str = "a cat") -> Generate:
    return Generate(prompt, width=128, height=128)


async def test_no_more_run_at_once_than_fit() -> None:
    engine = FakeEngine(room=2 * SMALL)
    await asyncio.gather(*(played(engine, small()) for _ in range(5)))
    assert (engine.most_running, engine.most_tokens, len(engine.tasks)) == (2, 2 * SMALL, 5)
    assert (engine.running, engine.tokens) == (0, 0)


async def test_a_task_larger_than_its_device_runs_alone() -> None:
    engine = FakeEngine(room=SMALL)
    large = Generate("a cat", width=256, height=256)
    await asyncio.gather(played(engine, small()), played(engine, large), played(engine, small()))
    assert (engine.most_running, engine.most_tokens) == (1, 4 * SMALL)


async def test_each_device_draws_what_fits_it_and_none_draws_where_there_is_none() -> None:
    engine = FakeEngine(SMALL)
    heard: list[tuple[int, ...]] = []
    engine.watch(lambda: heard.append(engine.rooms))
    engine.resize()
    runs = [asyncio.create_task(played(engine, small())) for _ in range(5)]
    await asyncio.sleep(0)
    assert engine.most_running == 0
    engine.resize(SMALL, 2 * SMALL)
    await asyncio.gather(*runs)
    assert (engine.most_running, heard) == (3, [(), (SMALL, 2 * SMALL)])


async def test_a_cancelled_task_in_line_lets_the_next_one_in() -> None:
    gate = asyncio.Event()
    engine = FakeEngine(room=SMALL, pace=lambda task, step: gate.wait())
    first, waiting, last = [asyncio.create_task(played(engine, small())) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.cancel()
    gate.set()
    assert isinstance((await first)[-1], Picture)
    assert isinstance((await last)[-1], Picture)
    assert waiting.cancelled()


async def test_a_closed_engine_loses_what_runs_what_waits_and_what_comes() -> None:
    never = asyncio.Event()
    engine = FakeEngine(room=SMALL, pace=lambda task, step: never.wait())
    runs = [asyncio.create_task(played(engine, small())) for _ in range(2)]
    await asyncio.sleep(0)
    await engine.close()
    outcomes = await asyncio.gather(*runs, played(engine, small()), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EngineLost] * 3


@pytest.mark.parametrize(
    ("prompt", "code"),
    [("fail: a cat", "bad_input"), ("fail out_of_memory: a cat", "out_of_memory"), ("lost: a cat", "lost")],
)
async def test_a_prompt_can_ask_for_an_error(prompt: str, code: str) -> None:
    with pytest.raises(EngineError) as failure:
        await played(FakeEngine(), small(prompt))
    assert failure.value.code == code
    assert isinstance(failure.value, EngineLost) == (code == "lost")


async def test_a_prompt_can_ask_to_be_lost_only_once() -> None:
    engine = FakeEngine()
    with pytest.raises(EngineLost):
        await played(engine, small("lost once: a cat"))
    assert isinstance((await played(engine, small("lost once: a cat")))[-1], Picture)


async def test_optimizing_gives_back_what_is_refused_and_adds_only_what_is_asked_for() -> None:
    [ready] = await played(FakeEngine(), Optimize("a cat", enhance=False, negative_prompt="text"))
    assert isinstance(ready, PromptReady)
    assert (ready.used, ready.negative_used) == ("a picture of a cat", "text")


async def test_optimizing_needs_no_place() -> None:
    never = asyncio.Event()
    engine = FakeEngine(room=SMALL, pace=lambda task, step: never.wait())
    drawing = asyncio.create_task(played(engine, small()))
    await asyncio.sleep(0)
    assert len(await played(engine, Optimize("a cat"))) == 1
    drawing.cancel()


async def test_the_pace_is_asked_before_every_step() -> None:
    steps_paced: list[int] = []

    async def pace(task: Generate, step: int) -> None:
        steps_paced.append(step)

    events = await played(FakeEngine(pace=pace), small())
    assert steps_paced == [event.step for event in events if isinstance(event, Progress)] == list(range(1, 9))
