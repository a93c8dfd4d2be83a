"""Facts about noise that tells what the words leave open."""

from dataclasses import replace
from math import log
from random import Random

import pytest
import torch
from torch import nn
from torch.nn import functional

from lab.render.scene import Scene, sample_scene
from lab.render.scenes import render_array
from lab.render.world import SMALL_WORLD, TELLABLE
from lab.train.coupling import (
    build_reader,
    choices,
    couple,
    reading_loss,
    stated_bits,
    stated_flags,
)
from lab.train.dataset import SMALL

GROUPS = SMALL_WORLD.groups
NONE_FREE = torch.zeros(1, len(GROUPS), dtype=torch.bool)


def read(noise: torch.Tensor) -> torch.Tensor:
    """The choice that each group of the first patch tells."""
    groups = noise[:, :, :2, :2].flatten(1)[:, : sum(GROUPS)].split(GROUPS, 1)
    return torch.stack([group.argmax(1) for group in groups], 1)


def test_the_noise_tells_every_choice_that_is_not_free() -> None:
    """What a scene chose can be read from its noise; a free choice is left as the noise had it."""
    torch.manual_seed(0)
    chosen = choices(SMALL.scenes(100), SMALL_WORLD)
    noise = torch.randn(len(chosen), 16, 8, 8)
    assert torch.equal(read(couple(noise, chosen, NONE_FREE.expand(len(chosen), -1), GROUPS)), chosen)
    assert torch.equal(couple(noise, chosen, ~NONE_FREE.expand(len(chosen), -1), GROUPS), noise)


def test_only_the_first_patch_changes_and_only_by_exchange() -> None:
    """The noise keeps its values, in another order, and all beyond the first patch stays in its place."""
    torch.manual_seed(0)
    noise = torch.randn(9, 16, 8, 8)
    coupled = couple(noise, choices(SMALL.scenes(9), SMALL_WORLD)[:9], NONE_FREE.expand(9, -1), GROUPS)
    corner, before = coupled[:, :, :2, :2], noise[:, :, :2, :2]
    assert torch.equal(corner.flatten(1).sort(1).values, before.flatten(1).sort(1).values)
    assert torch.equal(coupled[:, :, 2:], noise[:, :, 2:])


def test_coupled_noise_is_as_gaussian_as_any() -> None:
    """Over many scenes every value of the first patch has mean 0 and deviation 1 within sampling error."""
    torch.manual_seed(0)
    rng = Random(0)
    scenes = [sample_scene(rng) for _ in range(20_000)]
    free = NONE_FREE.clone()
    free[:, TELLABLE.index("side")] = True
    chosen, free = choices(scenes, SMALL_WORLD), free.expand(len(scenes), -1)
    noise = couple(torch.randn(len(scenes), 16, 2, 2), chosen, free, GROUPS)
    assert noise.mean(0).abs().max() < 0.04
    assert (noise.std(0) - 1).abs().max() < 0.04


def test_what_a_caption_tells_is_not_read_from_the_noise() -> None:
    """Bits of what is told free those choices; the scenery is always read from the noise."""
    free = stated_flags(torch.tensor([stated_bits(frozenset({"colour", "place", "side"}))]), len(GROUPS))
    assert free.tolist() == [[False, True, True, False, True, False, False, False, False]]


def test_scenes_of_equal_choices_look_the_same() -> None:
    """Two seeds that pick the same scenery render alike, two that pick another sky do not."""
    scene = Scene("cat", "red", "meadow", "noon", seed=7)
    again = next(
        replace(scene, seed=seed)
        for seed in range(8, 1000)
        if SMALL_WORLD.choices(replace(scene, seed=seed)) == SMALL_WORLD.choices(scene)
    )
    other = replace(scene, seed=scene.seed + 1)
    assert other.sky != scene.sky
    assert (render_array(scene) == render_array(again)).all()
    assert (render_array(scene) != render_array(other)).any()


def test_a_reader_is_right_when_every_token_names_the_choices() -> None:
    """Naming every choice from all tokens loses nothing; naming none loses as much as there are options."""
    chosen = choices(SMALL.scenes(4), SMALL_WORLD)
    groups = [functional.one_hot(chosen[:, i], count) for i, count in enumerate(GROUPS)]
    sure = (torch.cat(groups, 1) * 99.0)[:, None].expand(-1, 6, -1)
    known = torch.ones(len(chosen), dtype=torch.bool)
    assert reading_loss(nn.Identity(), (sure[:, :1], sure[:, :3], sure), chosen, known, GROUPS) < 1e-6
    taps, even = (torch.randn(4, 1, 8), torch.randn(4, 3, 8), torch.randn(4, 6, 8)), sum(map(log, GROUPS))
    assert reading_loss(build_reader(8, GROUPS), taps, chosen, known, GROUPS).item() == pytest.approx(
        even, 1e-4
    )


def test_pictures_that_do_not_follow_their_noise_teach_no_reading() -> None:
    """A picture with noise of its own leaves the loss alone, whatever is named."""
    chosen = choices(SMALL.scenes(4), SMALL_WORLD)
    logits = torch.randn(len(chosen), 6, sum(GROUPS))
    nothing = torch.zeros(len(chosen), dtype=torch.bool)
    assert reading_loss(nn.Identity(), (logits[:, :1], logits[:, :3], logits), chosen, nothing, GROUPS) == 0
