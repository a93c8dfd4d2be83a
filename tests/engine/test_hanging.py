"""ProcessEngine sees that its child hangs, ends it, says why and goes on; what is only slow is left alone."""

import asyncio
import logging
import multiprocessing.context
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

import psutil
import pytest
from PIL import Image

from engine.pictures import codec
from engine.runtime.events import EventStream
from engine.runtime.process import EngineState, ProcessEngine
from engine.runtime.watchdog import Patience
from engine.types import EngineLost, Generate, Picture, Upscale
from tests.contracts.engine_contract import each, played
from tests.engine.scripted import Script

PATIENCE = Patience(every=5, silence=60, first=100, least=100)
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process")


class Time:
    """The engine's time: it stands until `goes`, and then passes as fast as the child answers, if it does."""

    def __init__(self) -> None:
        self.goes = asyncio.Event()
        self.answering = True
        self.engine: ProcessEngine | None = None
        self._left = float("inf")
        self._over = asyncio.Event()

    async def __call__(self, seconds: float) -> float:
        await self.goes.wait()
        child = self.engine._child if self.engine else None
        while child is not None and self.answering and child._watchdog._silent:  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._left -= seconds
        if self._left <= 0:
            self.goes.clear()
            self._over.set()
        return seconds

    async def passes(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._left = seconds
        self.goes.set()
        await self._over.wait()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def engine(script: Script, time: Time) -> AsyncIterator[ProcessEngine]:
    made = ProcessEngine(script.settings, delay=lambda deaths: 0.0, patience=PATIENCE, tick=time)
    time.engine = made
    async for engine in each(made):
        yield engine


def small(prompt: str = "a cat", steps: int = 2) -> Generate:
    return Generate(prompt, width=128, height=128, steps=steps)


def stopped(engine: ProcessEngine) -> psutil.Process:
    """Stop the child, as a debugger or a frozen container does."""
    process = psutil.Process(engine.pid)
    process.send_signal(signal.SIGSTOP)
    return process


async def lost(engine: ProcessEngine, time: Time, *tasks: "asyncio.Task[object]") -> list[str]:
    """Let time go until the tasks are lost; return why."""
    time.goes.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    time.goes.clear()
    assert [type(outcome) for outcome in outcomes] == [EngineLost] * len(tasks)
    return [str(outcome) for outcome in outcomes]


@posix
async def test_a_stopped_child_is_lost_and_the_next_task_gets_another(
    engine: ProcessEngine, script: Script, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    held = script.hold("step stuck")
    runs = [asyncio.create_task(played(engine, small("stuck"))) for _ in range(2)]
    await held.reached.wait()
    process, time.answering = stopped(engine), False
    why = await lost(engine, time, *runs)
    assert why == ["the engine process has given no sign of life for 60 s"] * 2
    assert engine.state == EngineState("failed", why[0])
    assert [record.levelno for record in caplog.records if f"{why[0]} and is ended" in record.message] == [
        logging.ERROR
    ]
    assert not process.is_running()
    loading = script.hold("load")
    again = asyncio.create_task(played(engine, small()))
    await loading.reached.wait()
    assert engine.state == EngineState("loading", why[0])
    loading.release()
    assert isinstance((await again)[-1], Picture)
    assert engine.state == EngineState("ready")


@posix
async def test_a_child_that_was_stopped_while_it_had_nothing_to_do_is_lost_to_the_next_task(
    engine: ProcessEngine, time: Time
) -> None:
    await played(engine, small())
    stopped(engine)
    time.answering = False
    assert "no sign of life" in (await lost(engine, time, asyncio.create_task(played(engine, small()))))[0]
    assert isinstance((await played(engine, small()))[-1], Picture)


@posix
async def test_an_order_that_is_larger_than_a_pipe_holds_does_not_keep_a_stopped_child(
    engine: ProcessEngine, time: Time
) -> None:
    await engine.ready()
    stopped(engine)
    time.answering = False
    run = asyncio.create_task(played(engine, Upscale(bytes(2**20))))
    assert "no sign of life" in (await lost(engine, time, run))[0]


@pytest.mark.parametrize(
    ("stuck", "doing"),
    [
        ("prompt", "writing a prompt"),
        ("step", "making a step of 64 image tokens"),
        ("finish", "decoding a picture of 64 image tokens"),
    ],
)
async def test_a_worker_that_does_not_get_on_is_lost_though_its_process_answers(
    engine: ProcessEngine, script: Script, time: Time, stuck: str, doing: str
) -> None:
    held = script.hold(stuck)
    run = asyncio.create_task(played(engine, small()))
    await held.reached.wait()
    assert await lost(engine, time, run) == [
        f"the engine process has been {doing} for 100 s without getting on"
    ]
    held.release()
    assert isinstance((await played(engine, small()))[-1], Picture)


async def test_a_tile_that_never_ends_loses_the_child(
    engine: ProcessEngine, script: Script, time: Time
) -> None:
    await engine.ready()
    held = script.hold("tile 2")
    run = asyncio.create_task(played(engine, Upscale(codec.png(Image.new("RGB", (64, 64))))))
    await held.reached.wait()
    assert "working on a picture's file" in (await lost(engine, time, run))[0]


async def test_a_load_that_never_ends_loses_the_child(
    engine: ProcessEngine, script: Script, time: Time
) -> None:
    held = script.hold("load")
    run = asyncio.create_task(played(engine, small()))
    await held.reached.wait()
    assert "loading the model for 100 s" in (await lost(engine, time, run))[0]
    held.release()
    assert isinstance((await played(engine, small()))[-1], Picture)


async def test_a_child_that_forgets_a_task_is_lost(engine: ProcessEngine, script: Script, time: Time) -> None:
    await engine.ready()
    assert engine._child is not None
    stream = engine._child._streams[99] = EventStream()
    time.goes.set()
    with pytest.raises(EngineLost, match="done nothing for 100 s while pictures were waiting"):
        await anext(stream)


async def test_a_slow_step_is_left_alone_for_as_long_as_it_may_take(
    engine: ProcessEngine, script: Script, time: Time
) -> None:
    held = script.hold("step")
    run = asyncio.create_task(played(engine, small()))
    await held.reached.wait()
    await time.passes(95)
    held.release()
    assert isinstance((await run)[-1], Picture)
    assert script.questions.count("load") == 1


async def test_nobody_asks_a_child_that_has_nothing_to_do(engine: ProcessEngine, time: Time) -> None:
    await played(engine, small())
    await time.passes(1000)
    assert engine.state == EngineState("ready")
    assert engine._child is not None
    assert engine._child._orders.empty()


async def test_a_result_that_is_long_in_being_kept_is_nothing_the_child_is_to_blame_for(
    engine: ProcessEngine, time: Time
) -> None:
    async with aclosing(engine.run(small())) as events:
        async for event in events:
            if isinstance(event, Picture):
                await time.passes(1000)
    assert engine.state == EngineState("ready")


@posix
async def test_closing_ends_a_stopped_child(
    engine: ProcessEngine, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runtime.process.CLOSING_GRACE", 0.0)
    await engine.ready()
    process = stopped(engine)
    await engine.close()
    assert not process.is_running()


@posix
async def test_a_child_that_not_even_the_system_can_end_holds_nobody(
    engine: ProcessEngine, script: Script, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = script.hold("step stuck")
    run = asyncio.create_task(played(engine, small("stuck")))
    await held.reached.wait()
    process, time.answering = stopped(engine), False
    with monkeypatch.context() as patch:
        patch.setattr("engine.runtime.supervisor.DYING", 0.0)
        patch.setattr(multiprocessing.context.SpawnProcess, "kill", lambda process: None)
        assert "no sign of life" in (await lost(engine, time, run))[0]
    time.answering = True
    assert isinstance((await played(engine, small()))[-1], Picture)
    process.kill()
