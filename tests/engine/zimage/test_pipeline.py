from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO

import pytest
import torch
from PIL import Image
from torch import nn

from engine.models.profiles import EMBEDDED, profile
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import metadata
from engine.pictures.codec import read
from engine.pictures.tensors import to_pixels
from engine.sampling.flow import add_noise, generator
from engine.types import EngineError, Generate, Optimize, PromptLanguage, PromptReady, Variation
from tests.engine.zimage.conftest import Task, begin, drawn, sampled

BATCH_TOLERANCE = 1e-4
"""Largest difference of latents in float32 between a picture drawn alone and in a batch."""


def pixels(png: bytes) -> torch.Tensor:
    image = Image.open(BytesIO(png))
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).float()


@contextmanager
def counted(module: nn.Module) -> Iterator[list[int]]:
    """Collect the batch size of every call of `module`."""
    sizes: list[int] = []
    hook = module.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    try:
        yield sizes
    finally:
        hook.remove()


def test_eight_steps_at_scale_1_8_cost_nine_forwards(pipeline: ZImagePipeline, task: Task) -> None:
    with counted(pipeline.denoiser.transformer.layers[0]) as calls:
        picture = drawn(pipeline, task(steps=8, guidance_scale=1.8))
    assert len(calls) == 9
    assert picture.report["forwards"] == 9
    assert picture.report["guided_steps"] == 1


@pytest.fixture(scope="module")
def sparing(pipeline: ZImagePipeline) -> ZImagePipeline:
    """The same model as it is where the operator has not chosen a guidance scale."""
    assert profile(EMBEDDED).spares_guidance
    return ZImagePipeline(replace(pipeline.components, profile=profile(EMBEDDED)))


@pytest.mark.parametrize(
    ("prompt", "scale", "guided"),
    [
        ("a red sailboat on the sea", 1.8, 0),
        ("a red sailboat on the sea, no snow", 1.8, 1),
        ("a red sailboat on the sea", 1.9, 1),
        ("a red sailboat on the sea, no snow", 1.0, 0),
    ],
)
def test_guidance_at_the_models_own_scale_is_spared_where_nothing_is_refused_and_the_file_says_so(
    sparing: ZImagePipeline, task: Task, prompt: str, scale: float, guided: int
) -> None:
    wish = task(prompt, guidance_scale=scale, optimize=True)
    drawing = sparing.start(wish, sparing.optimizer.prepare(wish))
    while drawing.step < drawing.steps:
        sparing.step([drawing])
    picture = sparing.finish(drawing)()
    assert picture.report["guided_steps"] == guided
    assert picture.report["forwards"] == wish.steps + guided
    assert picture.report["guidance_scale"] == (scale if guided else 1.0)
    found = metadata.read(picture.png)
    assert found is not None
    assert found.guidance_scale == (scale if guided else 1.0)


def test_a_model_with_negatives_of_its_own_is_guided_always(sparing: ZImagePipeline) -> None:
    components = sparing.components
    own = replace(components, world=None, profile=replace(components.profile, negatives=("banding",)))
    ready = [
        ZImagePipeline(each).optimizer.prepare(Generate("a fox")).negative_used
        for each in (own, replace(components, world=None))
    ]
    assert ready[0].startswith("banding")
    assert ready[1] == ""


def test_guidance_scale_1_never_runs_or_encodes_the_negative(pipeline: ZImagePipeline, task: Task) -> None:
    with counted(pipeline.denoiser.transformer.layers[0]) as calls:
        drawing = sampled(pipeline, task(steps=8, guidance_scale=1.0, negative_prompt="night"))
    assert len(calls) == 8
    assert drawing.negative is None


def test_a_negative_prompt_changes_the_picture(pipeline: ZImagePipeline, task: Task) -> None:
    plain, against = drawn(pipeline, task()), drawn(pipeline, task(negative_prompt="sunset, sea"))
    assert not torch.equal(pixels(plain.png), pixels(against.png))


def test_equal_tasks_alone_give_the_same_bytes(pipeline: ZImagePipeline, task: Task) -> None:
    wish = task(variation=Variation(3, 0.3, 0.2))
    assert drawn(pipeline, wish).png == drawn(pipeline, wish).png


def test_three_in_a_batch_equal_three_alone(pipeline: ZImagePipeline, task: Task) -> None:
    """Different prompts, seeds, schedules and scales share forwards as long as the shape is the same."""
    wishes = [
        task(seed=1, steps=4),
        task("a blue cat", seed=2, steps=6),
        task(seed=3, steps=4, guidance_scale=3.0),
    ]
    drawings = [begin(pipeline, wish) for wish in wishes]
    assert len({drawing.batch_key for drawing in drawings}) == 1
    pipeline.step(drawings)
    for drawing, wish in zip(drawings, wishes, strict=True):
        while drawing.step < drawing.steps:
            pipeline.step([drawing])
        alone = sampled(pipeline, wish)
        torch.testing.assert_close(drawing.latents, alone.latents, atol=BATCH_TOLERANCE, rtol=0.0)


def test_drawings_of_other_shapes_do_not_share_a_forward(pipeline: ZImagePipeline, task: Task) -> None:
    keys = [
        begin(pipeline, wish).batch_key
        for wish in (
            task(),
            task(width=144, height=112),
            task(guidance_scale=1.0),
            task("a cat in the snow, " * 20),
            task(negative_prompt="a cat in the snow, " * 20),
        )
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("variation", [Variation(5, prompt_noise=0.3), Variation(5, latent_noise=0.3)])
def test_a_variation_changes_the_picture(pipeline: ZImagePipeline, task: Task, variation: Variation) -> None:
    plain, varied, other = (
        pixels(drawn(pipeline, task(variation=v)).png) for v in (None, variation, replace(variation, seed=6))
    )
    assert not torch.equal(plain, varied)
    assert not torch.equal(varied, other)


@torch.inference_mode()
def test_image_to_image_begins_between_the_picture_and_its_noise_and_does_fewer_steps(
    pipeline: ZImagePipeline, task: Task
) -> None:
    source = drawn(pipeline, task(seed=1)).png
    near = begin(pipeline, task(seed=2, steps=8, init_image=source, strength=0.25))
    far = begin(pipeline, task(seed=2, steps=8, init_image=source, strength=1.0))
    picture = pipeline.vae.encode(to_pixels(read(source)), generator(2))
    assert (near.steps, far.steps) == (2, 8)
    torch.testing.assert_close(near.latents, add_noise(picture, far.latents, near.sigmas[0]))


def test_an_init_image_of_another_shape_is_cropped_to_the_size(pipeline: ZImagePipeline, task: Task) -> None:
    buffer = BytesIO()
    Image.new("RGBA", (300, 70), (200, 30, 30, 128)).save(buffer, "WEBP")
    picture = drawn(pipeline, task(width=96, height=128, init_image=buffer.getvalue(), strength=0.5))
    assert Image.open(BytesIO(picture.png)).size == (96, 128)


def test_previews_are_small_jpegs_of_the_pictures_shape(pipeline: ZImagePipeline, task: Task) -> None:
    drawing = begin(pipeline, task(width=128, height=64))
    pipeline.step([drawing])
    preview = pipeline.preview(drawing)
    assert preview is not None
    with Image.open(BytesIO(preview)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 128))


def test_a_model_without_a_preview_map_has_one_after_its_first_picture(
    pipeline: ZImagePipeline, task: Task
) -> None:
    bare = ZImagePipeline(replace(pipeline.components, preview=None))
    drawing = sampled(bare, task())
    assert bare.preview(drawing) is None
    bare.finish(drawing)
    assert bare.preview(drawing) is not None


def test_the_png_carries_original_and_used_prompt_and_all_parameters(
    pipeline: ZImagePipeline, task: Task
) -> None:
    wish = task(negative_prompt="night", variation=Variation(9, 0.1, 0.3), original="红色帆船")
    picture = drawn(pipeline, wish)
    parameters = metadata.read(picture.png)
    assert parameters is not None
    assert (parameters.original, parameters.prompt, parameters.negative_prompt) == (
        "红色帆船",
        wish.prompt,
        "night",
    )
    assert (parameters.seed, parameters.steps, parameters.guidance_scale, parameters.variation) == (
        7,
        4,
        1.8,
        wish.variation,
    )


def test_optimize_and_enhance_are_done_as_asked_and_the_original_is_kept(pipeline: ZImagePipeline) -> None:
    raw = pipeline.optimizer.prepare(Generate("海上的红色帆船", optimize=False, enhance=False))
    full = pipeline.optimizer.prepare(Generate("海上的红色帆船"))
    assert raw == PromptReady("海上的红色帆船", "海上的红色帆船")
    assert full.original == "海上的红色帆船"
    assert "red sailboat" in full.used
    assert "red sailboat" in pipeline.optimizer.prepare(Optimize("海上的红色帆船")).used


@pytest.mark.parametrize(("language", "parameters"), [("own", "一只狐狸"), ("auto", "a fox")])
def test_a_model_without_a_world_of_its_own_keeps_the_language_where_that_is_set(
    pipeline: ZImagePipeline, language: PromptLanguage, parameters: str
) -> None:
    profile = replace(pipeline.components.profile, negatives=("banding",))
    components = replace(pipeline.components, profile=profile, world=None, prompt_language=language)
    ready = ZImagePipeline(components).optimizer.prepare(Generate("请画一只狐狸"))
    assert ready.used.startswith(parameters)
    assert "banding" in ready.negative_used


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"prompt": "  "}, "prompt"),
        ({"width": 100}, "width is 100"),
        ({"height": 2048}, "height is 2048"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 51}, "steps is 51"),
        ({"guidance_scale": float("nan")}, "guidance scale is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"init_image": b"x", "strength": 0.0}, "strength is 0.0"),
        ({"init_image": b"no picture"}, "cannot be read"),
        ({"variation": Variation(1, latent_noise=1.5)}, "latent noise is 1.5"),
    ],
)
def test_a_bad_task_is_refused_with_the_value_named(
    pipeline: ZImagePipeline, task: Task, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(EngineError, match=named) as caught:
        begin(pipeline, task(**changes))
    assert caught.value.code == "bad_input"


def test_four_small_pictures_fit_the_capacity_of_a_cpu(pipeline: ZImagePipeline, task: Task) -> None:
    assert pipeline.capacity == 4 * begin(pipeline, task(width=512, height=512)).tokens
