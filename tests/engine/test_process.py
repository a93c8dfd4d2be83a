"""ProcessEngine keeps the contract with a real child, and outlives whatever happens to it."""

import asyncio
import signal
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
from PIL import Image

from engine.pictures import codec
from engine.runtime.events import EventStream
from engine.runtime.messages import Failed
from engine.runtime.process import EngineState, ProcessEngine
from engine.types import EngineError, EngineLost, Generate, Optimize, Picture, Progress, PromptReady, Upscale
from tests.contracts.engine_contract import EngineContract, Kill, Record, played
from tests.engine.scripted import CAPACITY, Script

ROOT = Path(__file__).parents[2]

PARENT = """
import asyncio, sys
from engine.runtime.process import ProcessEngine
from engine.types import EngineSettings

async def main():
    engine = ProcessEngine(EngineSettings(model=sys.argv[1], loader=sys.argv[2]))
    engine.start()
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


def killed(engine: ProcessEngine) -> None:
    assert engine.pid is not None
    psutil.Process(engine.pid).kill()


def small(prompt: str = "a cat", steps: int = 2) -> Generate:
    return Generate(prompt, width=128, height=128, steps=steps)


class TestProcessEngine(EngineContract):
    long = 1000
    """The scripted steps take next to no time, and the parent must be able to cut in."""

    @pytest.fixture
    def engine(self, engine: ProcessEngine) -> ProcessEngine:
        return engine

    @pytest.fixture
    def kill(self, engine: ProcessEngine) -> Kill:
        async def kill() -> None:
            killed(engine)

        return kill


async def test_the_state_tells_what_the_engine_is_doing(engine: ProcessEngine, script: Script) -> None:
    assert engine.state == EngineState("stopped")
    loading = script.hold("load")
    engine.start()
    await loading.reached.wait()
    assert engine.state == EngineState("loading")
    loading.release()
    await engine.ready()
    assert (engine.state, engine.rooms) == (EngineState("ready"), (CAPACITY,))
    await engine.close()
    assert engine.state == EngineState("closed")


async def test_who_watches_hears_the_size_of_the_loaded_model_once(engine: ProcessEngine) -> None:
    heard: list[tuple[int, ...]] = []
    engine.watch(lambda: heard.append(engine.rooms))
    await engine.ready()
    await played(engine, small())
    assert heard == [(CAPACITY,)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process on any signal")
async def test_a_polite_signal_meant_for_the_bot_leaves_the_engine_working(
    engine: ProcessEngine, script: Script
) -> None:
    await engine.ready()
    assert engine.pid is not None
    psutil.Process(engine.pid).terminate()
    assert isinstance((await played(engine, small()))[-1], Picture)


async def test_what_the_child_logs_is_logged_by_the_parent(
    engine: ProcessEngine, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.answers["step wrong"] = "raise"
    with pytest.raises(EngineError):
        await played(engine, small("wrong"))
    [record] = [record for record in caplog.records if record.name == "engine.runtime.worker"]
    assert (record.levelname, record.getMessage()) == ("ERROR", "unexpected error in the engine")
    assert str(record.exc_text).startswith("Traceback")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to name")
async def test_a_killed_child_is_lost_with_the_signal_that_ended_it(
    engine: ProcessEngine, script: Script
) -> None:
    held = script.hold("step")
    run = asyncio.create_task(played(engine, small()))
    await held.reached.wait()
    killed(engine)
    with pytest.raises(EngineLost, match=signal.SIGKILL.name):
        await run


async def test_a_process_that_follows_a_killed_one_is_counted(engine: ProcessEngine) -> None:
    await engine.ready()
    assert engine.restarted == 0
    for times in (1, 2):
        task = asyncio.create_task(played(engine, small(steps=1000)))
        await asyncio.sleep(0)
        killed(engine)
        with pytest.raises(EngineLost):
            await task
        await engine.ready()
        assert engine.restarted == times


async def test_a_killed_child_loses_every_running_and_waiting_task(
    engine: ProcessEngine, script: Script
) -> None:
    held = script.hold("step")
    runs = [asyncio.create_task(played(engine, small())) for _ in range(4)]
    await held.reached.wait()
    killed(engine)
    outcomes = await asyncio.gather(*runs, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EngineLost] * 4


async def test_a_task_cancelled_while_the_model_loads_is_never_given_to_it(
    engine: ProcessEngine, script: Script
) -> None:
    loading = script.hold("load")
    run = asyncio.create_task(played(engine, small("unwanted")))
    await loading.reached.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    loading.release()
    await played(engine, small("wanted"))
    assert "prompt unwanted" not in script.questions


async def test_a_task_cancelled_while_it_waits_for_a_place_never_begins(
    engine: ProcessEngine, script: Script
) -> None:
    held = script.hold("step")
    endless = [asyncio.create_task(played(engine, small(name, steps=50_000))) for name in ("a", "b")]
    await held.reached.wait()
    unwanted = asyncio.create_task(played(engine, small("unwanted")))
    wanted = asyncio.create_task(played(engine, small("wanted")))
    await asyncio.sleep(0)
    unwanted.cancel()
    await asyncio.gather(unwanted, return_exceptions=True)
    held.release()
    # Orders are obeyed as they came: once this one is answered, the cancel has been heard.
    await played(engine, Optimize("a marker"))
    for task in endless:
        task.cancel()
    await wanted
    begun = {
        name
        for questions in script.questions
        if questions.startswith("step ")
        for name in questions[5:].split("|")
    }
    assert begun == {"a", "b", "wanted"}


async def test_closing_loses_running_tasks_and_refuses_later_ones(
    engine: ProcessEngine, script: Script
) -> None:
    held = script.hold("step")
    run = asyncio.create_task(played(engine, small()))
    await held.reached.wait()
    closing = asyncio.create_task(engine.close())
    with pytest.raises(EngineLost, match="closed"):
        await run
    held.release()
    await closing
    with pytest.raises(EngineLost, match="closed"):
        await played(engine, small())


async def test_closing_kills_a_child_that_is_stuck(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.runtime.process.CLOSING_GRACE", 0.0)
    engine = ProcessEngine(script.settings)
    held = script.hold("step")
    run = asyncio.create_task(played(engine, small()))
    await held.reached.wait()
    await engine.close()
    await script.gone.wait()
    assert isinstance((await asyncio.gather(run, return_exceptions=True))[0], EngineLost)


async def test_closing_does_not_wait_for_a_picture_being_upscaled_beside_the_loop(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    engine = ProcessEngine(script.settings)
    await engine.ready()
    held = script.hold("tile 2")
    run = asyncio.create_task(played(engine, Upscale(codec.png(Image.new("RGB", (64, 64))))))
    await held.reached.wait()
    await engine.close()
    await script.gone.wait()
    assert "did not end" not in caplog.text
    assert isinstance((await asyncio.gather(run, return_exceptions=True))[0], EngineLost)


async def test_closing_does_not_wait_for_a_model_to_load(engine: ProcessEngine, script: Script) -> None:
    loading = script.hold("load")
    engine.start()
    await loading.reached.wait()
    await engine.close()
    await script.gone.wait()


async def test_a_closed_engine_leaves_no_process_and_no_thread(script: Script) -> None:
    threads, before = set(threading.enumerate()), set(psutil.Process().children())
    engine = ProcessEngine(script.settings)
    await played(engine, small())
    first = engine.pid
    killed(engine)
    await asyncio.gather(played(engine, small()), return_exceptions=True)
    await engine.ready()
    assert engine.pid not in (None, first)
    await engine.close()
    left = set(psutil.Process().children()) - before
    assert [child for child in left if "resource_tracker" not in " ".join(child.cmdline())] == []
    assert set(threading.enumerate()) <= threads


async def test_a_child_whose_parent_is_killed_ends(script: Script) -> None:
    held = script.hold("load")
    settings = script.settings
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, settings.model, settings.loader, cwd=ROOT
    )
    await held.reached.wait()
    held.release()
    parent.kill()
    await parent.wait()
    await script.gone.wait()


async def test_a_program_that_goes_without_closing_its_engine_ends_with_it(script: Script) -> None:
    going = PARENT.replace("await asyncio.Event().wait()", "await engine.ready()")
    settings = script.settings
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", going, settings.model, settings.loader, cwd=ROOT
    )
    assert await parent.wait() == 0
    await script.gone.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems end no process that stands still")
async def test_a_child_that_stands_still_ends_with_its_parent(script: Script) -> None:
    held = script.hold("load")
    settings = script.settings
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, settings.model, settings.loader, cwd=ROOT
    )
    await held.reached.wait()
    for child in psutil.Process(parent.pid).children():
        if "resource_tracker" not in " ".join(child.cmdline()):
            child.suspend()
    parent.kill()
    await parent.wait()
    await script.gone.wait()


async def test_an_interrupt_from_the_keyboard_is_left_to_the_parent(engine: ProcessEngine) -> None:
    await engine.ready()
    psutil.Process(engine.pid).send_signal(signal.SIGINT)
    assert isinstance((await played(engine, small()))[-1], Picture)


@pytest.mark.skipif(sys.platform != "linux", reason="the signals a process blocks are read from /proc")
async def test_the_first_child_of_a_process_is_not_interrupted_as_it_starts(script: Script) -> None:
    shown = "await engine.ready(); print(open(f'/proc/{engine.pid}/status').read()); await engine.close()"
    words = (
        PARENT.replace("await asyncio.Event().wait()", shown),
        script.settings.model,
        script.settings.loader,
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", *words, cwd=ROOT, stdout=subprocess.PIPE
    )
    printed = (await parent.communicate())[0].decode()
    [blocked] = [line.split()[1] for line in printed.splitlines() if line.startswith("SigBlk")]
    assert int(blocked, 16) & 1 << signal.SIGINT - 1


def test_the_bot_process_imports_no_torch() -> None:
    code = (
        "import sys, engine.runtime.process, engine.fake; "
        "print([name for name in sys.modules if name.startswith('torch')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_unread_progress_gives_way_to_newer_progress_and_nothing_else_does() -> None:
    stream = EventStream()
    ready, picture = PromptReady("a", "a"), Picture(b"", 1, 1, 1, 0.0)
    stream.put(ready, False)
    for progress in (Progress(1, 3), Progress(2, 3, b"preview"), Progress(3, 3)):
        stream.put(progress, False)
    stream.put(picture, True)
    assert [event async for event in stream] == [ready, Progress(3, 3, b"preview"), picture]


async def test_an_error_comes_after_the_events_before_it() -> None:
    stream = EventStream()
    stream.put(Progress(1, 3), False)
    stream.fail(Failed("numerics", "not finite"))
    assert await anext(stream) == Progress(1, 3)
    with pytest.raises(EngineError, match="not finite"):
        await anext(stream)


async def test_a_task_given_while_another_runs_joins_its_batch(engine: ProcessEngine, script: Script) -> None:
    held = script.hold("step a")
    record = Record()
    first = asyncio.create_task(record.play(engine, small("a", steps=50)))
    await held.reached.wait()
    async with aclosing(engine.run(small("b", steps=50))) as events:
        second = asyncio.create_task(anext(events))
        await asyncio.sleep(0)
        held.release()
        await second
        assert [type(event) async for event in events][-1] is Picture
    await first
    assert "step a|b" in script.questions or "step b|a" in script.questions


async def test_a_device_that_fails_loses_the_running_tasks_and_the_next_one_gets_a_new_process(
    engine: ProcessEngine, script: Script
) -> None:
    script.answers["step poison"] = "break"
    with pytest.raises(EngineLost, match="the device failed: CUDA error: device-side assert triggered"):
        await played(engine, small("poison"))
    assert isinstance((await played(engine, small()))[-1], Picture)
    assert script.questions.count("load") == 2
