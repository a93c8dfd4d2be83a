"""Facts about what training knows of where the subjects stand."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lab.render.scene import Scene, Thing
from lab.render.scenes import CELL, render_array, silhouettes
from lab.render.vocabulary import SUBJECTS
from lab.render.world import SMALL_WORLD
from lab.train.where import (
    CELLS,
    EMPHASIS,
    build_head,
    error_weights,
    hint_loss,
    subject_indices,
    tokens_to_keep,
)

HOUSE = Scene("house", "red", "snowfield", "noon", seed=4)


def test_a_silhouette_lies_where_the_subject_is_drawn() -> None:
    """The cells a red house covers are red in the picture, the others are not; also in a wide picture."""
    for width, height in ((128, 128), (320, 208)):
        picture = render_array(HOUSE, width, height).astype(float)
        red = picture[..., 0] - picture[..., 1:].max(-1)
        cells = red.reshape(height // CELL, CELL, width // CELL, CELL).mean((1, 3))
        covers = silhouettes(HOUSE, width, height)[0]
        assert cells[covers == 255].mean() > 60
        assert cells[covers == 0].clip(0).mean() < 10


def test_each_of_two_things_has_its_own_silhouette() -> None:
    """Two things cover cells on their own sides; of one thing the second silhouette is empty."""
    pair = replace(HOUSE, position="left", companion=Thing("car", "blue"))
    first, second = silhouettes(pair).astype(float)
    assert first[:, :16].sum() > 10 * first[:, 16:].sum()
    assert second[:, 16:].sum() > 10 * second[:, :16].sum()
    assert not silhouettes(HOUSE)[1].any()


def test_a_subjects_latents_weigh_more_as_far_as_it_covers_them() -> None:
    """A covered latent weighs 1 + EMPHASIS, a half covered one half as much more, and all 1 without care."""
    covers = torch.zeros(1, 2, 4, 4)
    covers[0, 0, :2, :2] = 1
    covers[0, 1, 2:, 2] = 1
    expected = torch.tensor([[1 + EMPHASIS, 1.0], [1.0, 1 + EMPHASIS / 2]])
    assert torch.equal(error_weights(covers, 1.0)[0, 0], expected)
    assert torch.equal(error_weights(covers, 0.0), torch.ones(1, 1, 2, 2))


def test_the_hint_is_won_by_naming_the_right_subject_in_the_right_cells() -> None:
    """Naming the true subject where it stands loses little; another subject or another cell loses much."""
    subjects = subject_indices([HOUSE], SMALL_WORLD)
    covers = torch.zeros(1, 2, 4, 4)
    covers[0, 0, 1, 2] = 1

    def loss(subject: str, cell: int) -> float:
        logits = torch.full((1, 1, len(SUBJECTS), CELLS**2), -9.0)
        logits[..., SUBJECTS.index(subject), cell] = 9.0
        return hint_loss(nn.Identity(), logits.flatten(2), covers, subjects, SMALL_WORLD).item()

    assert loss("house", 4 + 2) < 0.01
    assert loss("cat", 4 + 2) > 1
    assert loss("house", 4 + 1) > 1


def test_of_some_tokens_the_head_is_asked_for_those_alone() -> None:
    """A picture of two tokens with a house in the second: asked for that one alone, naming it is right."""
    subjects, covers = subject_indices([HOUSE], SMALL_WORLD), torch.zeros(1, 2, 4, 8)
    covers[0, 0, :, 4:] = 1
    logits = torch.full((1, 1, len(SUBJECTS), CELLS**2), -9.0)
    logits[..., SUBJECTS.index("house"), :] = 9.0
    assert (
        hint_loss(nn.Identity(), logits.flatten(2), covers, subjects, SMALL_WORLD, torch.tensor([[1]])) < 0.01
    )
    assert hint_loss(nn.Identity(), logits.flatten(2), covers, subjects, SMALL_WORLD, torch.tensor([[0]])) > 1


def test_tokens_of_a_subject_are_kept_more_often_than_the_others() -> None:
    """Of 256 tokens three eighths stay, no place twice, most of the subject's among them."""
    torch.manual_seed(0)
    covers = torch.zeros(50, 2, 64, 64)
    covers[:, 0, :16, :16] = 1
    kept = tokens_to_keep(covers, 0.375)
    assert kept is not None
    assert kept.shape == (50, 96)
    assert all(len(set(row)) == 96 for row in kept.tolist())
    covered = torch.isin(kept, torch.tensor([16 * y + x for y in range(4) for x in range(4)])).float()
    assert covered.sum(1).mean() > 0.85 * 16
    assert not kept[:, 0].any()
    assert tokens_to_keep(covers, 1.0) is None


def test_a_new_head_says_that_nothing_stands_anywhere() -> None:
    """Before training every subject is unlikely in every cell, whatever the tokens hold."""
    logits = torch.sigmoid(build_head(8, SMALL_WORLD)(torch.randn(3, 8)))
    assert logits.shape == (3, len(SUBJECTS) * CELLS**2)
    assert logits.max().item() == pytest.approx(0.018, abs=1e-3)
