"""What a picture begins with, and how one grows that is larger than its model composes."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from engine.models.zimage.latents import first_size
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec
from engine.types import Generate, ModelProfile
from tests.engine.zimage.conftest import Task, begin, drawn
from tests.engine.zimage.test_safety import NAN, spoiled

LIMITED = ModelProfile("small", 256, 512, composes=256)


@pytest.fixture(scope="module")
def limited(pipeline: ZImagePipeline) -> ZImagePipeline:
    """The embedded model as if it composed 64 pixels."""
    profile = replace(pipeline.components.profile, composes=64)
    return ZImagePipeline(replace(pipeline.components, profile=profile))


@pytest.mark.parametrize(
    ("size", "first"),
    [
        ((256, 256), (256, 256)),
        ((336, 192), (336, 192)),
        ((384, 384), (256, 256)),
        ((512, 512), (256, 256)),
        ((512, 288), (336, 192)),
        ((288, 512), (192, 336)),
    ],
)
def test_a_picture_begins_at_the_area_its_model_composes_and_keeps_its_ratio(
    size: tuple[int, int], first: tuple[int, int]
) -> None:
    task = Generate("a cat", width=size[0], height=size[1])
    assert first_size(task, LIMITED) == first
    assert first_size(task, replace(LIMITED, composes=0)) == size


def test_a_large_picture_has_its_full_size_from_the_last_steps_on(
    limited: ZImagePipeline, task: Task
) -> None:
    drawing = begin(limited, task(steps=8))
    sides = []
    while drawing.step < drawing.steps:
        sides.append((round(drawing.sigmas[drawing.step], 2), drawing.latents.shape[-1]))
        limited.step([drawing])
    assert sides == [(1.0, 8), (0.95, 8), (0.9, 8), (0.83, 8), (0.75, 8), (0.64, 8), (0.5, 16), (0.3, 16)]
    assert Image.open(BytesIO(limited.finish(drawing)().png)).size == (128, 128)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_large_picture_of_few_steps_has_its_full_size_in_the_end(
    limited: ZImagePipeline, task: Task, steps: int
) -> None:
    picture, again = (drawn(limited, task(steps=steps)) for _ in range(2))
    assert Image.open(BytesIO(picture.png)).size == (128, 128)
    assert picture.png == again.png


def test_drawn_over_a_picture_it_is_large_from_the_start(limited: ZImagePipeline, task: Task) -> None:
    source = codec.png(Image.new("RGB", (128, 128), "navy"))
    assert begin(limited, task(init_image=source)).latents.shape == (16, 16, 16)


def test_a_large_picture_that_is_drawn_again_in_the_safe_form_grows_as_well(
    limited: ZImagePipeline, task: Task
) -> None:
    drawing = begin(limited, task(guidance_scale=1.0))
    with spoiled(limited.components.transformer.layers[0], lambda call, _: call < 2, NAN):
        limited.step([drawing])
    assert drawing.broken is not None
    while drawing.step < drawing.steps:
        limited.step([drawing])
    picture = limited.finish(drawing)()
    assert np.asarray(Image.open(BytesIO(picture.png))).shape == (128, 128, 3)
    assert torch.isfinite(drawing.estimate).all()
