"""A model that sleeps where another computes, for the engine's real child process. It loads in no time."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from engine.fake import striped
from engine.types import (
    EngineSettings,
    Generate,
    Optimize,
    Picture,
    Progress,
    PromptReady,
    Upscale,
    image_tokens,
)

STEP = 0.1
"""Seconds."""


@dataclass
class Drawing:
    """A picture that only counts its steps."""

    task: Generate
    tokens: int
    step: int = 0

    @property
    def steps(self) -> int:
        return self.task.steps

    @property
    def batch_key(self) -> tuple[int, int]:
        return self.task.width, self.task.height


class SleepingPipeline:
    """Draws stripes that follow from the task, two small pictures at a time."""

    capacity = 2 * image_tokens(128, 128)

    def prompt(self, task: Generate | Optimize) -> Generator[None, None, PromptReady]:
        yield
        return PromptReady(task.prompt, task.prompt)

    def start(self, task: Generate, ready: PromptReady) -> Drawing:
        return Drawing(task, image_tokens(task.width, task.height))

    def step(self, drawings: Sequence[Drawing]) -> None:
        time.sleep(STEP)
        for drawing in drawings:
            drawing.step += 1

    def preview(self, drawing: Drawing) -> bytes | None:
        return None

    def finish(self, drawing: Drawing) -> Callable[[], Picture]:
        task = drawing.task
        png = striped(repr(task), task.width, task.height)
        return lambda: Picture(png, task.width, task.height, task.seed, 0.0)

    def lost(self, error: Exception) -> bool:
        return False

    def upscale(self, task: Upscale) -> Generator[Progress | Picture, None, None]:
        yield Progress(1, 2)
        time.sleep(STEP)
        width, height = (int.from_bytes(task.image[at : at + 4], "big") * task.factor for at in (16, 20))
        yield Picture(striped(repr(task), width, height), width, height, 0, 0.0)


def load(settings: EngineSettings) -> SleepingPipeline:
    """Return the pipeline."""
    return SleepingPipeline()
