"""Detail drawn in by the model itself, by the worker's ordinary steps."""

import queue
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec, metadata
from engine.pictures.metadata import Parameters
from engine.pipeline import Redraw
from engine.runtime.messages import Order, Report, RunTask, TaskEvent
from engine.runtime.worker import Worker
from engine.sampling.flow import Schedule
from engine.sampling.steps import SamplingOptions
from engine.sampling.task_limits import check
from engine.types import REDRAW_STEPS, EngineSettings, Picture, Progress, PromptReady, Upscale
from engine.upscale import UpscalePlan, upscale
from engine.upscale.redraw import SIGMA, Redrawing, begun_at
from lab.evaluate.super_resolution import psnr
from lab.render.scene import Scene
from lab.render.scenes import render

SCENE = Scene("sailboat", "red", "sea", "sunset", 7)
TURBO = Schedule(shift=3.0)


@pytest.fixture(scope="module")
def pipeline() -> ZImagePipeline:
    return load(EngineSettings(device="cpu", dtype="float32"))


def file_of(image: Image.Image, prompt: str = SCENE.prompt) -> bytes:
    parameters = Parameters(prompt, width=image.width, height=image.height, seed=3, model="embedded")
    return metadata.write(codec.png(image), parameters)


def redraw_of(image: Image.Image, side: int) -> tuple[list[Progress], Redraw]:
    *events, last = upscale(Upscale(file_of(image), 2, "redraw"), UpscalePlan(redraw=Redrawing(side, TURBO)))
    assert isinstance(last, Redraw)
    return [event for event in events if isinstance(event, Progress)], last


def pictures(images: Sequence[Image.Image]) -> list[Picture]:
    return [Picture(codec.png(image), *image.size, 3, 0.5, {"guards": ["mended"]}) for image in images]


def test_the_schedule_is_chosen_to_begin_where_it_is_wanted() -> None:
    total = begun_at(TURBO, 0.3, 2, 256)
    assert TURBO.sigmas(total, 256)[-3] == pytest.approx(0.3)
    assert begun_at(TURBO, 0.3, 1, 256) == 8


def test_a_redraw_begins_where_it_is_wanted_also_where_the_prompt_bends_the_schedule(
    pipeline: ZImagePipeline,
) -> None:
    own = ZImagePipeline(pipeline.components, options=SamplingOptions(is_dynamic=True))
    *_, last = own.upscale(Upscale(file_of(render(SCENE, 64)), 2, "redraw"))
    assert isinstance(last, Redraw)
    (task,) = last.pieces
    drawing = own.start(task, PromptReady(task.prompt, task.prompt))
    assert drawing.sigmas[0] == pytest.approx(SIGMA, abs=0.02)
    assert drawing.steps == REDRAW_STEPS


def test_the_worker_redraws_step_by_step_and_keeps_the_picture(pipeline: ZImagePipeline) -> None:
    inbox: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
    reports: list[Report] = []
    worker = Worker(pipeline, inbox, reports.append)
    source = render(SCENE, 64)
    inbox.put(RunTask(1, Upscale(file_of(source), 2, "redraw")))
    while worker.turn() and worker.busy:
        pass
    *events, last = [report.event for report in reports if isinstance(report, TaskEvent)]
    assert events == [Progress(1, 3), Progress(2, 3), Progress(3, 3)]
    assert isinstance(last, Picture)
    assert (last.width, last.height, last.report["method"]) == (128, 128, "redraw")
    written = metadata.read(last.png)
    assert written is not None
    assert (written.prompt, written.seed, written.upscaler) == (SCENE.prompt, 3, "redraw")
    plain = np.asarray(source.resize((128, 128), Image.Resampling.LANCZOS))
    assert 15 < psnr(np.asarray(codec.read(last.png)), plain) < 40


def test_a_picture_within_the_models_longest_side_is_one_task_with_its_own_prompt() -> None:
    events, redraw = redraw_of(render(SCENE, 64), 256)
    (task,) = redraw.pieces
    assert (task.prompt, task.width, task.height, task.seed) == (SCENE.prompt, 128, 128, 3)
    assert not task.optimize
    assert not task.enhance
    assert task.guidance_scale == 1
    assert (events, redraw.done, redraw.steps) == ([Progress(1, 3)], 1, 3)


def test_a_larger_picture_is_cut_into_pieces_that_the_model_draws_and_fade_into_each_other() -> None:
    source = render(SCENE, 100)
    _, redraw = redraw_of(source, 128)
    assert len(redraw.pieces) == 9
    assert {(piece.width, piece.height) for piece in redraw.pieces} == {(112, 112)}
    assert redraw.steps - redraw.done == 18
    drawn = pictures([codec.read(piece.init_image or b"") for piece in redraw.pieces])
    whole = redraw.join(drawn)
    *_, plain = upscale(Upscale(file_of(source), 2, "sr"), UpscalePlan())
    assert isinstance(plain, Picture)
    assert np.array_equal(np.asarray(codec.read(whole.png)), np.asarray(codec.read(plain.png)))
    assert whole.report["guards"] == ["mended"] * 9
    assert whole.report["seconds"]["redraw"] == 4.5


def test_plain_pieces_stay_as_they_are() -> None:
    half = Image.new("RGB", (200, 50), "navy")
    half.paste(render(SCENE, 50), (0, 0))
    _, redraw = redraw_of(half, 128)
    assert 2 * len(redraw.pieces) < Redrawing(128, TURBO).work(400, 100)
    assert redraw.done + 2 * len(redraw.pieces) == redraw.steps
    whole = redraw.join(pictures([Image.new("RGB", (p.width, p.height), "red") for p in redraw.pieces]))
    assert codec.read(whole.png).getpixel((399, 99)) == (0, 0, 128)
    assert codec.read(whole.png).getpixel((0, 0)) == (255, 0, 0)


def test_a_picture_of_one_colour_is_only_upscaled() -> None:
    black = file_of(Image.new("RGB", (40, 40)))
    *_, last = upscale(Upscale(black, 2, "redraw"), UpscalePlan(redraw=Redrawing(256, TURBO)))
    assert isinstance(last, Picture)
    assert last.report["model"] == "sr"


def test_a_small_or_odd_picture_is_padded_to_what_the_model_draws_and_cropped_again() -> None:
    _, redraw = redraw_of(render(SCENE, 64).resize((25, 11)), 256)
    (task,) = redraw.pieces
    assert (task.width, task.height) == (64, 32)
    whole = redraw.join(pictures([codec.read(task.init_image or b"")]))
    assert (whole.width, whole.height) == (50, 22)


def test_a_foreign_files_wild_seed_and_prompt_become_what_the_model_takes(pipeline: ZImagePipeline) -> None:
    parameters = Parameters("a\u200b fox", seed=-7)
    *_, redraw = pipeline.upscale(
        Upscale(metadata.write(codec.png(render(SCENE, 64)), parameters), 2, "redraw")
    )
    assert isinstance(redraw, Redraw)
    (task,) = redraw.pieces
    assert task.prompt == "a fox"
    check(task, pipeline.components.profile)


@pytest.mark.parametrize(("model", "loras"), [("embedded", (("ink", 0.8),)), ("another", ())])
def test_the_lora_files_it_was_drawn_with_are_used_again_for_this_models_own(
    pipeline: ZImagePipeline, model: str, loras: tuple[tuple[str, float], ...]
) -> None:
    parameters = Parameters(SCENE.prompt, model=model, loras=(("ink", 0.8),))
    *_, redraw = pipeline.upscale(
        Upscale(metadata.write(codec.png(render(SCENE, 64)), parameters), 2, "redraw")
    )
    assert isinstance(redraw, Redraw)
    assert redraw.pieces[0].loras == loras


def test_auto_never_redraws(pipeline: ZImagePipeline) -> None:
    for prompt in (SCENE.prompt, "a photo of a fox", "a fox, watercolour", ""):
        *_, last = pipeline.upscale(Upscale(file_of(render(SCENE, 32), prompt), 2, "auto"))
        assert isinstance(last, Picture)
