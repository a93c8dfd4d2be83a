"""Where each subject stands, as training uses it: to weigh the flow's error, and to ask the transformer.

A subject covers a twentieth of its picture, so the plain error hardly notices its form. Its cells weigh more,
and a linear head must tell from the middle of the transformer which subject covers each cell; a feature that
must be linearly there is learnt early (as in representation alignment, Yu et al. 2024, arXiv:2410.06940, with
the renderer's truth in place of another network's features). The head is left behind at export.
"""

import torch
from torch import nn
from torch.nn import functional

from engine.embedded.scene import Scene
from engine.embedded.vocabulary import SUBJECTS

EMPHASIS = 8.0
"""How much more than the background a subject's latents weigh, at most."""
HINT = 0.5
"""Weight of the head's cross entropy beside the flow's error."""
CELLS = 16
"""Cells of 4 by 4 pixels in a token of the transformer, which is 16 by 16 pixels."""
RARE = -4.0
"""The head's first guess as a logit: nothing stands here."""


def build_head(width: int) -> nn.Linear:
    """From a token's `width` features to a logit for every subject and cell of it."""
    head = nn.Linear(width, len(SUBJECTS) * CELLS)
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, RARE)
    return head


def subject_indices(scenes: list[Scene]) -> torch.Tensor:
    """Each scene's subjects as places in the vocabulary, (N, 2); a scene of one has it twice."""
    return torch.tensor(
        [[SUBJECTS.index(scene.things[place].subject) for place in (0, -1)] for scene in scenes]
    )


def error_weights(covers: torch.Tensor, care: float) -> torch.Tensor:
    """Weights (B, 1, h, w) of latents from silhouettes (B, 2, 2h, 2w) in [0, 1]; all 1 where `care` is 0."""
    return 1 + care * EMPHASIS * functional.avg_pool2d(covers.amax(1, keepdim=True), 2)


def hint_loss(
    head: nn.Module, tapped: torch.Tensor, covers: torch.Tensor, subjects: torch.Tensor
) -> torch.Tensor:
    """Cross entropy of the subjects named for each cell, summed over subjects.

    `tapped` (B, h, w, D) are tokens, `covers` (B, 2, 4h, 4w) silhouettes in [0, 1] of `subjects` (B, 2).
    """
    batch, rows, columns, _ = tapped.shape
    cells = covers.view(batch, 2, rows, 4, columns, 4).permute(0, 2, 4, 1, 3, 5).flatten(4)
    target = cells.new_zeros(batch, rows, columns, len(SUBJECTS), CELLS)
    places = subjects[:, None, None, :, None].expand_as(cells)
    target = target.scatter_reduce(3, places, cells, "amax")
    said = head(tapped).float().view_as(target)
    return functional.binary_cross_entropy_with_logits(said, target, reduction="none").sum(3).mean()
