"""Detail drawn in by the model itself."""

from collections.abc import Generator

import numpy as np
import pytest
from PIL import Image

from engine import metadata, pixels
from engine.embedded.evaluate_sr import psnr
from engine.embedded.scene import Scene
from engine.embedded.scenes import render
from engine.metadata import Parameters
from engine.types import EngineSettings, Picture, Progress, Upscale
from engine.upscale import Plan, upscale
from engine.upscale.redraw import Redrawing, begun_at
from engine.zimage.load import load
from engine.zimage.pipeline import ZImagePipeline
from engine.zimage.sampling import Schedule

SCENE = Scene("sailboat", "red", "sea", "sunset", 7)


@pytest.fixture(scope="module")
def pipeline() -> ZImagePipeline:
    return load(EngineSettings(device="cpu", dtype="float32"))


def test_the_schedule_is_chosen_to_begin_where_it_is_wanted() -> None:
    turbo = Schedule(shift=3.0)
    total = begun_at(turbo, 0.3, 2, 256)
    assert turbo.sigmas(total, 256)[-3] == pytest.approx(0.3)
    assert begun_at(turbo, 0.3, 1, 256) == 8


def test_redrawing_keeps_the_picture_and_changes_its_detail(pipeline: ZImagePipeline) -> None:
    source = render(SCENE, 64)
    png = metadata.write(pixels.png(source), Parameters(SCENE.prompt, width=64, height=64, seed=3))
    *steps, last = upscale(Upscale(png, 2, "redraw"), Plan(redraw=Redrawing(pipeline)))
    assert isinstance(last, Picture)
    assert isinstance(steps[-1], Progress)
    assert (last.width, last.height, last.report["model"]) == (128, 128, "redraw")
    plain = np.asarray(source.resize((128, 128), Image.Resampling.LANCZOS))
    assert 15 < psnr(np.asarray(pixels.read(last.png)), plain) < 40


def test_a_picture_larger_than_the_model_draws_is_redrawn_in_tiles(pipeline: ZImagePipeline) -> None:
    def run() -> Generator[Progress, None, None]:
        larger = yield from Redrawing(pipeline, steps=1)(render(SCENE, 300), SCENE.prompt, 3)
        assert larger.size == (300, 300)

    told = list(run())
    assert told[-1] == Progress(4, 4)
