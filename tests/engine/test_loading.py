"""When ProcessEngine loads and unloads the model, and what it does when that goes wrong."""

import asyncio

import psutil
import pytest

from engine.runtime.process import EngineState, ProcessEngine, backoff
from engine.types import EngineError, EngineLost, Generate, Picture
from tests.contracts.engine_contract import played
from tests.engine.scripted import Script


def small(prompt: str = "a cat") -> Generate:
    return Generate(prompt, width=128, height=128, steps=2)


async def test_a_model_that_cannot_be_loaded_fails_every_waiting_task(
    engine: ProcessEngine, script: Script
) -> None:
    script.answers["load"] = "model_missing"
    outcomes = await asyncio.gather(*(played(engine, small()) for _ in range(3)), return_exceptions=True)
    assert [outcome.code for outcome in outcomes if isinstance(outcome, EngineError)] == ["model_missing"] * 3
    assert script.questions == ["load"]
    assert engine.state == EngineState("failed", "no model on request")


async def test_after_a_failed_load_the_next_task_tries_again(engine: ProcessEngine, script: Script) -> None:
    script.answers["load"] = "model_missing"
    with pytest.raises(EngineError):
        await engine.ready()
    script.answers["load"] = "go"
    assert isinstance((await played(engine, small()))[-1], Picture)


async def test_a_bug_in_the_loader_is_an_internal_error(engine: ProcessEngine, script: Script) -> None:
    script.answers["load"] = "raise"
    with pytest.raises(EngineError, match="RuntimeError: a bug on request") as failure:
        await engine.ready()
    assert failure.value.code == "internal"


async def test_a_child_that_ends_while_loading_is_lost_with_its_exit_code(
    engine: ProcessEngine, script: Script
) -> None:
    script.answers["load"] = "die"
    with pytest.raises(EngineLost, match="exit code 7"):
        await engine.ready()


async def test_deaths_while_loading_are_counted_until_a_load_succeeds(script: Script) -> None:
    counted: list[int] = []

    def delay(deaths: int) -> float:
        counted.append(deaths)
        return 0.0

    engine = ProcessEngine(script.settings, delay=delay)
    for answer in ("die", "die", "go"):
        script.answers["load"] = answer
        await asyncio.gather(engine.ready(), return_exceptions=True)
    held = script.hold("step lost")
    run = asyncio.create_task(played(engine, small("lost")))
    await held.reached.wait()
    assert engine.pid is not None
    psutil.Process(engine.pid).kill()
    await asyncio.gather(run, return_exceptions=True)
    await engine.ready()
    await engine.close()
    assert counted == [0, 1, 2, 0]


def test_the_delay_after_deaths_while_loading_doubles_up_to_half_a_minute() -> None:
    assert [backoff(deaths) for deaths in (0, 1, 2, 3, 6, 100)] == [0.0, 1.0, 2.0, 4.0, 30.0, 30.0]


async def test_after_a_while_without_a_task_the_child_is_gone_and_the_next_task_loads_again(
    script: Script,
) -> None:
    engine = ProcessEngine(script.settings, delay=lambda deaths: 0.0, idle=3600)
    await played(engine, small())
    process = psutil.Process(engine.pid)
    assert engine._rest is not None
    engine._unload()
    assert engine.state == EngineState("stopped")
    await engine._unloaded()
    assert not process.is_running()
    assert isinstance((await played(engine, small()))[-1], Picture)
    await engine.close()
    assert script.questions.count("load") == 2


async def test_a_child_that_is_never_given_a_task_is_gone_after_a_while_too_but_not_while_it_loads(
    script: Script,
) -> None:
    engine = ProcessEngine(script.settings, delay=lambda deaths: 0.0, idle=0.01)
    loading = script.hold("load")
    engine.start()
    await loading.reached.wait()
    engine._unload()
    assert engine.state == EngineState("loading")
    loading.release()
    await script.gone.wait()
    assert engine.state == EngineState("stopped")
    assert script.questions == ["load"]
    await engine.close()


async def test_a_task_calls_the_end_of_an_idle_child_off(script: Script) -> None:
    engine = ProcessEngine(script.settings, delay=lambda deaths: 0.0, idle=3600)
    await played(engine, small())
    assert engine._rest is not None
    first, resting = engine.pid, engine._rest
    await played(engine, small())
    assert resting.cancelled()
    assert engine.pid == first
    await engine.close()
    assert engine._rest is None
