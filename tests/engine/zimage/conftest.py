"""The embedded model, loaded once, and the short way to draw with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.models.zimage.drawing import Drawing
from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineSettings, Generate, Picture, PromptReady
from tests.engine.zimage.lora_folder import Folder

Task = Callable[..., Generate]


@pytest.fixture(scope="session")
def pipeline() -> ZImagePipeline:
    return load(EngineSettings(device="cpu", dtype="float32", guides_always=True))


@pytest.fixture(scope="session")
def every_step(pipeline: ZImagePipeline) -> ZImagePipeline:
    """The same model with guidance on every step."""
    return ZImagePipeline(pipeline.components, guided_share=1.0)


@pytest.fixture
def task() -> Task:
    """A task of the embedded model's size, drawn as it is written."""

    def make(prompt: str = "a red sailboat on the sea at sunset", **changes: object) -> Generate:
        plain = {"width": 128, "height": 128, "steps": 4, "seed": 7, "optimize": False, "enhance": False}
        return Generate(prompt, **(plain | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def folder(tmp_path: Path, pipeline: ZImagePipeline) -> Folder:
    """An empty folder of LoRA files for the embedded model."""
    return Folder(tmp_path, pipeline)


def begin(pipeline: ZImagePipeline, task: Generate) -> Drawing:
    return pipeline.start(task, PromptReady(task.original or task.prompt, task.prompt, task.negative_prompt))


def sampled(pipeline: ZImagePipeline, task: Generate) -> Drawing:
    drawing = begin(pipeline, task)
    while drawing.step < drawing.steps:
        pipeline.step([drawing])
    return drawing


def drawn(pipeline: ZImagePipeline, task: Generate) -> Picture:
    return pipeline.finish(sampled(pipeline, task))()
