"""Pictures that drawing begins from, and of which a model makes no numbers."""

import pytest
import torch
from PIL import Image

from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec
from engine.types import EngineError, EngineSettings
from tests.engine.zimage.conftest import Task, begin
from tests.engine.zimage.test_safety import spoiled


@pytest.fixture(scope="module")
def half() -> ZImagePipeline:
    return load(EngineSettings(device="cpu", dtype="bfloat16"))


def photograph() -> bytes:
    return codec.png(Image.linear_gradient("L").resize((128, 128)).convert("RGB"))


def test_a_picture_given_of_which_half_precision_makes_no_numbers_is_encoded_in_float32(
    half: ZImagePipeline, task: Task
) -> None:
    wish = task(init_image=photograph(), strength=0.5)
    with spoiled(half.vae.model.encoder, lambda call, output: output.dtype == torch.bfloat16):
        drawing = begin(half, wish)
    assert drawing.broken is None
    assert bool(torch.isfinite(drawing.latents).all())
    assert drawing.actions == ["latents of a picture are not finite; encoded again in float32"]


def test_a_picture_given_of_which_the_model_makes_no_numbers_costs_no_step(
    pipeline: ZImagePipeline, task: Task
) -> None:
    with (
        spoiled(pipeline.vae.model.encoder, lambda call, output: True),
        pytest.raises(EngineError, match="no numbers of the picture given; send another one") as caught,
    ):
        begin(pipeline, task(init_image=photograph(), strength=0.5))
    assert caught.value.code == "numerics"
