"""The size at which pictures are drawn that are larger than their model composes."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from engine.models.zimage.latents import drawn_size
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import Generate, ModelProfile
from engine.upscale import tiling
from tests.engine.zimage.conftest import Task, begin, drawn
from tests.engine.zimage.test_safety import NAN, spoiled

LIMITED = ModelProfile("small", 512, 1024, composes=256)


@pytest.fixture(scope="module")
def limited(pipeline: ZImagePipeline) -> ZImagePipeline:
    """The embedded model as if it composed 64 pixels."""
    profile = replace(pipeline.components.profile, composes=64)
    return ZImagePipeline(replace(pipeline.components, profile=profile))


@pytest.mark.parametrize(
    ("size", "drawn_at"),
    [
        ((256, 256), (256, 256)),
        ((336, 192), (336, 192)),
        ((384, 384), (256, 256)),
        ((480, 480), (240, 240)),
        ((512, 512), (256, 256)),
        ((672, 384), (336, 192)),
        ((288, 512), (192, 336)),
    ],
)
def test_a_picture_is_drawn_at_the_area_its_model_composes_and_keeps_its_ratio(
    size: tuple[int, int], drawn_at: tuple[int, int]
) -> None:
    task = Generate("a cat", width=size[0], height=size[1])
    assert drawn_size(task, LIMITED) == drawn_at
    assert drawn_size(task, replace(LIMITED, composes=0)) == size


@pytest.mark.parametrize("ratio", [1, 3 / 2, 2 / 3, 16 / 9, 9 / 16, 21 / 9, 3])
def test_the_usual_size_of_a_ratio_is_twice_what_is_drawn(ratio: float) -> None:
    width, height = LIMITED.sized(ratio)
    assert drawn_size(Generate("a cat", width=width, height=height), LIMITED) == (width // 2, height // 2)


def test_a_picture_of_little_noise_keeps_its_own_size() -> None:
    assert drawn_size(Generate("a cat", width=512, height=512), LIMITED, 0.3) == (512, 512)


def test_a_large_picture_is_drawn_small_and_comes_out_at_its_size(
    limited: ZImagePipeline, task: Task
) -> None:
    drawing = begin(limited, task(width=128, height=96))
    assert drawing.latents.shape == (16, 6, 10)
    while drawing.step < drawing.steps:
        limited.step([drawing])
    assert Image.open(BytesIO(limited.finish(drawing)().png)).size == (128, 96)


def test_where_memory_is_short_of_the_network_it_is_resampled(
    limited: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharp = drawn(limited, task())
    monkeypatch.setattr(tiling, "SMALLEST_TILE", 10**6)
    monkeypatch.setattr(tiling.Network, "__call__", out_of_memory)
    plain = drawn(limited, task())
    assert Image.open(BytesIO(plain.png)).size == Image.open(BytesIO(sharp.png)).size
    assert plain.png != sharp.png
    assert any("enlarged with Lanczos" in action for action in plain.report["guards"])
    assert sharp.report["guards"] == []


def test_a_part_of_a_large_picture_is_drawn_small_and_the_rest_keeps_its_pixels(
    limited: ZImagePipeline, task: Task
) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (128, 128, 4), np.uint8)
    levels[..., 3] = 255
    levels[:, :64, 3] = 0
    source = BytesIO()
    Image.fromarray(levels).save(source, "PNG")
    drawing = begin(limited, task(init_image=source.getvalue(), mask=True, strength=1.0))
    assert drawing.latents.shape == (16, 8, 8)
    while drawing.step < drawing.steps:
        limited.step([drawing])
    result = np.asarray(Image.open(BytesIO(limited.finish(drawing)().png)))
    assert (result[:, 96:] == levels[:, 96:, :3]).all()
    assert (result[:, :32] != levels[:, :32, :3]).any()


def test_a_large_picture_that_is_drawn_again_in_the_safe_form_is_enlarged_as_well(
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


def out_of_memory(*_: object) -> None:
    """A network for which there is no room."""
    raise MemoryError
