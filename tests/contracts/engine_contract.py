"""Facts that hold for every engine; a subclass names the engine, and nothing here looks inside one."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import pytest
from PIL import Image, ImageChops, ImageStat

from engine.types import (
    Engine,
    EngineError,
    EngineLost,
    Event,
    Generate,
    Optimize,
    Picture,
    Progress,
    PromptReady,
    Task,
    Upscale,
    Variation,
    image_tokens,
)

Kill = Callable[[], Awaitable[None]]
E = TypeVar("E", bound=Engine)


class EngineContract:
    """Subclass it, give the fixture `engine`, and `kill` where the engine can die."""

    tolerance = 0.0
    """Mean difference per 8-bit channel that sharing a batch may make to a picture."""

    long = 50
    """Steps of a task that must not be over before the test has seen it begin."""

    prompt = "a red sailboat on the sea at sunset"
    neighbour = "a black cat in the city at night"
    bad_task: Task = Generate(prompt, width=128, height=128, init_image=b"not a picture")

    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError

    @pytest.fixture
    def kill(self) -> Kill | None:
        """Kill the engine's process without a warning."""
        return None

    def task(self, **changes: Any) -> Generate:
        usual: dict[str, Any] = {"prompt": self.prompt, "width": 128, "height": 128, "steps": 8, "seed": 7}
        return Generate(**usual | changes)

    async def test_starting_returns_at_once_and_may_be_repeated(self, engine: Engine) -> None:
        for _ in range(2):
            engine.start()
        assert isinstance((await played(engine, self.task()))[-1], Picture)

    async def test_a_picture_begins_with_its_prompt_and_ends_after_its_last_step(
        self, engine: Engine
    ) -> None:
        events = await played(engine, self.task())
        assert isinstance(events[0], PromptReady)
        assert isinstance(events[-1], Picture)
        steps = [event.step for event in events[1:-1] if isinstance(event, Progress)]
        assert len(steps) == len(events) - 2
        assert steps == sorted(set(steps))
        assert steps[-1] == 8

    async def test_a_picture_has_the_size_and_seed_that_were_asked_for(self, engine: Engine) -> None:
        made = await picture(engine, self.task(width=160, height=96, seed=123))
        assert (made.width, made.height, made.seed) == (160, 96, 123)
        assert pixels(made).size == (160, 96)

    async def test_every_seed_of_64_bits_is_drawn(self, engine: Engine) -> None:
        made = await picture(engine, self.task(seed=2**64 - 1, variation=Variation(2**64 - 1, 0.1, 0.1)))
        assert made.seed == 2**64 - 1

    async def test_optimizing_ends_in_the_prompt(self, engine: Engine) -> None:
        events = await played(engine, Optimize(self.prompt))
        assert [type(event) for event in events] == [PromptReady]

    async def test_upscaling_multiplies_the_sides(self, engine: Engine) -> None:
        small = await picture(engine, self.task())
        large = await picture(engine, Upscale(small.png, 2))
        assert pixels(large).size == (large.width, large.height) == (256, 256)

    async def test_a_bad_task_raises_engine_error_and_the_next_one_works(self, engine: Engine) -> None:
        with pytest.raises(EngineError) as failure:
            await played(engine, self.bad_task)
        assert failure.value.code == "bad_input"
        assert isinstance((await played(engine, self.task()))[-1], Picture)

    async def test_equal_seed_and_parameters_give_the_same_picture(self, engine: Engine) -> None:
        first, again = [await picture(engine, self.task()) for _ in range(2)]
        assert pixels(first).tobytes() == pixels(again).tobytes()

    async def test_another_seed_gives_another_picture(self, engine: Engine) -> None:
        first, other = [await picture(engine, self.task(seed=seed)) for seed in (1, 2)]
        assert pixels(first).tobytes() != pixels(other).tobytes()

    async def test_a_picture_made_in_a_batch_is_the_one_made_alone(self, engine: Engine) -> None:
        alone = await picture(engine, self.task())
        shared, _ = await asyncio.gather(
            picture(engine, self.task()), picture(engine, self.task(prompt=self.neighbour, seed=8))
        )
        assert difference(alone, shared) <= self.tolerance

    async def test_tasks_up_to_the_room_of_a_device_run_together(self, engine: Engine) -> None:
        await played(engine, self.task(steps=1))
        count = min(4, engine.rooms[0] // image_tokens(128, 128))
        assert count > 1
        record = Record()
        await asyncio.gather(*(record.play(engine, self.task(seed=n, steps=self.long)) for n in range(count)))
        first_end = next(at for at, (_, kind) in enumerate(record.seen) if kind is Picture)
        assert {seed for seed, kind in record.seen[:first_end] if kind is Progress} == set(range(count))

    async def test_cancelling_frees_the_place(self, engine: Engine) -> None:
        await played(engine, self.task(steps=1))
        count = engine.rooms[0] // image_tokens(128, 128)
        record = Record()
        runs = [
            asyncio.create_task(record.play(engine, self.task(seed=n, steps=self.long))) for n in range(count)
        ]
        await record.until(0, Progress, runs[0])
        runs[0].cancel()
        await record.play(engine, self.task(seed=count, steps=2))
        await asyncio.gather(*runs, return_exceptions=True)
        assert (0, Picture) not in record.seen
        ends = [seed for seed, kind in record.seen if kind is Picture]
        assert ends[0] == count
        assert sorted(ends) == list(range(1, count + 1))

    async def test_an_abandoned_iteration_leaves_the_engine_working(self, engine: Engine) -> None:
        async with aclosing(engine.run(self.task(steps=self.long))) as events:
            async for event in events:
                if isinstance(event, Progress):
                    break
        assert isinstance((await played(engine, self.task()))[-1], Picture)

    async def test_a_killed_engine_ends_a_run_in_one_picture_or_engine_lost_and_the_next_run_works(
        self, engine: Engine, kill: Kill | None
    ) -> None:
        if kill is None:
            pytest.skip("this engine has no process to kill")
        record = Record()
        run = asyncio.create_task(record.play(engine, self.task(seed=1, steps=self.long)))
        await record.until(1, Progress, run)
        await kill()
        [lost] = await asyncio.gather(run, return_exceptions=True)
        assert isinstance(lost, EngineLost | None)
        assert record.seen.count((1, Picture)) == (lost is None)
        assert isinstance((await played(engine, self.task()))[-1], Picture)


class Record:
    """What several runs yielded, by seed, in the order it was read."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, type[Event]]] = []
        self._changed = asyncio.Event()

    async def play(self, engine: Engine, task: Generate) -> None:
        """Run `task` to its end and note its events."""
        async with aclosing(engine.run(task)) as events:
            async for event in events:
                self.seen.append((task.seed, type(event)))
                self._changed.set()

    async def until(self, seed: int, kind: type[Event], run: "asyncio.Task[None]") -> None:
        """Wait until the task with `seed` has yielded a `kind`; fail when its `run` ends before."""
        run.add_done_callback(lambda _: self._changed.set())
        while (seed, kind) not in self.seen:
            assert not run.done()
            self._changed.clear()
            await self._changed.wait()


async def played(engine: Engine, task: Task) -> list[Event]:
    """Run `task` to its end and return its events."""
    async with aclosing(engine.run(task)) as events:
        return [event async for event in events]


async def picture(engine: Engine, task: Task) -> Picture:
    """Run `task` to its end and return its picture."""
    last = (await played(engine, task))[-1]
    assert isinstance(last, Picture)
    return last


def pixels(made: Picture) -> Image.Image:
    """Decode a picture."""
    return Image.open(io.BytesIO(made.png)).convert("RGB")


def difference(one: Picture, other: Picture) -> float:
    """Return the mean difference per 8-bit channel."""
    return max(ImageStat.Stat(ImageChops.difference(pixels(one), pixels(other))).mean)


async def each(engine: E) -> AsyncIterator[E]:
    """Hand out an engine and close it: the body of an `engine` fixture."""
    yield engine
    await engine.close()
