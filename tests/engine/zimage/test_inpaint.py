"""A part of a picture drawn anew by the model's own latents, the rest as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from engine import prompts
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec, masks, metadata
from engine.sampling.inpaint import Kept, softened
from engine.types import EngineError, Mask
from tests.engine.zimage.conftest import Task, begin, drawn, sampled

SIDE = 128
HALF = Image.new("L", (SIDE, SIDE))
HALF.paste(masks.HIDDEN, (SIDE // 2, 0, SIDE, SIDE))
PICTURE = Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB")
MASKED = masks.joined(PICTURE, HALF)


def test_what_is_opaque_keeps_its_own_pixels_and_what_is_transparent_is_drawn(
    pipeline: ZImagePipeline, task: Task
) -> None:
    picture = drawn(pipeline, task(init_image=MASKED, mask="part", strength=1.0))
    change = np.abs(np.asarray(codec.read(picture.png)).astype(int) - np.asarray(PICTURE)).max(axis=-1)
    assert change[:, : SIDE // 2 - 16].max() == 0
    assert change[:, SIDE // 2 :].mean() > 20


def test_a_masked_picture_shares_its_steps_with_others(pipeline: ZImagePipeline, task: Task) -> None:
    one = task(init_image=MASKED, mask="part", strength=1.0)
    alone = [sampled(pipeline, each).latents for each in (one, task(seed=8))]
    together = [begin(pipeline, one), begin(pipeline, task(seed=8))]
    assert together[0].batch_key == together[1].batch_key
    while together[0].step < together[0].steps:
        pipeline.step(together)
    for drawing, latents in zip(together, alone, strict=True):
        assert torch.allclose(drawing.latents, latents, atol=1e-3)


def test_a_mask_without_a_picture_and_a_picture_without_a_mask_are_refused(
    pipeline: ZImagePipeline, task: Task
) -> None:
    with pytest.raises(EngineError, match="a mask needs a picture") as caught:
        begin(pipeline, task(mask="part"))
    assert caught.value.code == "bad_input"
    with pytest.raises(EngineError, match="nowhere transparent"):
        begin(pipeline, task(mask="part", init_image=codec.png(PICTURE)))


def test_each_place_is_let_go_in_as_many_of_the_last_steps_as_its_strength_says() -> None:
    change = torch.tensor([0.0, 0.25, 0.5, 1.0]).repeat_interleave(8).expand(1, 8, 32)
    kept = Kept(torch.zeros(3, 8, 32), torch.zeros(1, 1, 4), torch.ones(1, 1, 4), change)
    drawn = torch.full((1, 1, 4), 9.0)
    after = [kept.held(drawn, 1 - done, done)[0, 0].tolist() for done in (0.25, 0.5, 0.75, 1.0)]
    assert after == [
        [0.75, 0.75, 0.75, 9.0], [0.5, 0.5, 0.5, 9.0], [0.25, 0.25, 9.0, 9.0], [0.0, 9.0, 9.0, 9.0],
    ]  # fmt: skip


def test_beside_what_is_to_be_drawn_the_change_fades_out() -> None:
    mask = torch.zeros(1, 64, 64)
    mask[..., 32:] = 1.0
    row = softened(mask)[0, 0]
    assert bool((row[32:] == 1).all())
    assert bool((row[: 32 - 17] == 0).all())
    assert bool((row.diff() >= 0).all())


def test_the_file_says_what_was_drawn_anew(pipeline: ZImagePipeline, task: Task) -> None:
    picture = drawn(pipeline, task(init_image=MASKED, mask="beside", strength=0.5))
    found = metadata.read(picture.png)
    assert found is not None
    assert (found.mask, found.strength) == ("beside", 0.5)
    assert "Mask: beside" in metadata.to_text(found)


@pytest.mark.parametrize(
    ("mask", "used"),
    [
        ("", "a red sailboat on the sea at sunset"),
        ("part", "a red sailboat on the sea at sunset"),
        ("around", "a red sailboat far away on the sea at sunset"),
        ("beside", "on the sea at sunset"),
    ],
)
def test_beyond_its_edge_the_small_model_draws_no_second_subject(mask: Mask, used: str, task: Task) -> None:
    optimizer = prompts.Optimizer(prompts.embedded_world())
    assert optimizer.prepare(task(mask=mask)).used == used


def test_two_subjects_and_no_place_are_drawn_beyond_the_edge_as_far_as_that_goes(task: Task) -> None:
    optimizer = prompts.Optimizer(prompts.embedded_world())
    both = task("a red sailboat and a white bird by a lake at noon", mask="around")
    assert optimizer.prepare(both).used == "by a lake at noon"
    assert optimizer.prepare(replace(both, prompt="a red sailboat", mask="beside")).used == "a red sailboat"
