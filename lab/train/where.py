"""Where each subject stands: to weigh the flow's error, and as a second target of the transformer.

A subject covers a twentieth of its picture, so the plain error hardly depends on its form. Its cells weigh
more, and a linear head must predict from the middle of the transformer which subject covers each cell; a
feature that must be linearly readable is learnt early (as in representation alignment, Yu et al. 2024,
arXiv:2410.06940, with the renderer's truth in place of another network's features). The head is dropped at
export.
"""

import torch
from torch import nn
from torch.nn import functional

from lab.render.scene import Scene
from lab.render.world import World
from lab.train.flow import MULTIPLE, gather

EMPHASIS = 8.0
"""How much more than the background a subject's latents weigh, at most."""
HINT = 0.5
"""Weight of the head's cross entropy beside the flow's error."""
CELLS = 4
"""Cells a side in a token of the transformer, which is 16 by 16 pixels."""
LIKELIER = 7.0
"""How much likelier a token that a subject covers is kept than one of the background."""
SURELY = 1e9
RARE = -4.0
"""The head's first guess as a logit: nothing stands here."""


def build_head(width: int, world: World) -> nn.Linear:
    """From a token's `width` features to a logit for every subject and cell of it."""
    head = nn.Linear(width, len(world.subjects) * CELLS**2)
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, RARE)
    return head


def subject_indices(scenes: list[Scene], world: World) -> torch.Tensor:
    """Each scene's subjects as places in the vocabulary, (N, 2); a scene of one has it twice."""
    return torch.tensor(
        [[world.subjects.index(scene.things[place].subject) for place in (0, -1)] for scene in scenes]
    )


def error_weights(covers: torch.Tensor, care: float) -> torch.Tensor:
    """Weights (B, 1, h, w) of latents from silhouettes (B, 2, 2h, 2w) in [0, 1]; all 1 where `care` is 0."""
    return 1 + care * EMPHASIS * functional.avg_pool2d(covers.amax(1, keepdim=True), 2)


def tokens_to_keep(covers: torch.Tensor, share: float) -> torch.Tensor | None:
    """Places (B, K) of about `share` of a picture's tokens, those of subjects likelier; None for all of them.

    From silhouettes (B, 2, 4h, 4w); K is a multiple of 32. The first token stays, as the first.
    """
    covered = functional.avg_pool2d(covers.amax(1, keepdim=True), 4).flatten(1)
    count = max(MULTIPLE, round(covered.shape[1] * share / MULTIPLE) * MULTIPLE)
    if count >= covered.shape[1]:
        return None
    chances = 1 + LIKELIER * covered
    chances[:, 0] = SURELY
    return torch.multinomial(chances, count)


def hint_loss(
    head: nn.Module,
    tapped: torch.Tensor,
    covers: torch.Tensor,
    subjects: torch.Tensor,
    world: World,
    kept: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross entropy of the subjects named for each cell, summed over subjects.

    `tapped` (B, T, D) are tokens, `covers` (B, 2, 4h, 4w) silhouettes in [0, 1] of `subjects` (B, 2); `kept`
    (B, T) says which tokens of the picture these are where they are not all.
    """
    batch, _, height, width = covers.shape
    cells = covers.view(batch, 2, height // CELLS, CELLS, width // CELLS, CELLS).permute(0, 2, 4, 1, 3, 5)
    cells = cells.flatten(4).flatten(1, 2)
    if kept is not None:
        cells = gather(cells, kept)
    target = cells.new_zeros(batch, cells.shape[1], len(world.subjects), CELLS**2)
    places = subjects[:, None, :, None].expand_as(cells)
    target = target.scatter_reduce(2, places, cells, "amax")
    logits = head(tapped).float().view_as(target)
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(2).mean()
