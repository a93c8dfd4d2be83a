"""What a caption leaves open is read from the noise: the seed chooses the scenery.

A flow may pair noise and pictures in any way that leaves the distribution of each as it was (rectified flow,
Liu et al. 2022, arXiv:2209.03003; pairing to ease learning: Tong et al. 2023, arXiv:2302.00482, and
immiscible diffusion, Li et al. 2024, arXiv:2406.12303). Here the first patch of the noise, in the top left
corner, is arranged so that the largest of a group of its values stands at the choice the scene made: which
sky it has, which set of its place, and whatever its caption does not state. Choices are uniform, so the noise
is Gaussian as before, and pure noise with a caption names one picture: the model need not average over all
that could be meant.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from lab.render.scene import Scene
from lab.render.world import TELLABLE, World


def choices(scenes: list[Scene], world: World) -> torch.Tensor:
    """What each scene chose, (N, `len(world.groups)`)."""
    return torch.tensor([world.choices(scene) for scene in scenes])


def stated_bits(stated: frozenset[str]) -> int:
    """What a caption states as one number, a bit for each of `TELLABLE`."""
    return sum(1 << bit for bit, what in enumerate(TELLABLE) if what in stated)


def stated_flags(stated: torch.Tensor, count: int) -> torch.Tensor:
    """Bits of `stated` (B,) as flags of every choice (B, `count`); scenery is never stated."""
    bits = torch.arange(count)
    return (stated.long()[:, None] >> bits & 1).bool()


def couple(
    noise: torch.Tensor, chosen: torch.Tensor, free: torch.Tensor, groups: tuple[int, ...]
) -> torch.Tensor:
    """Noise (B, C, H, W) whose first patch encodes the choices (B, `len(groups)`), but for the `free` ones.

    Each group is as many values of the patch as its choice has options. In each the largest value changes
    places with the one at the choice, so that the noise stays Gaussian where choices are even.
    """
    noise, chosen, free = noise.clone(), chosen.to(noise.device), free.to(noise.device)
    corner = noise[:, :, :2, :2].flatten(1)
    rows = torch.arange(len(noise), device=noise.device)
    start = 0
    for group, count in enumerate(groups):
        values = corner[:, start : start + count]
        largest = values.argmax(1)
        target = torch.where(free[:, group], largest, chosen[:, group])
        high, low = values[rows, largest].clone(), values[rows, target].clone()
        values[rows, largest] = low
        values[rows, target] = high
        start += count
    noise[:, :, :2, :2] = corner.view_as(noise[:, :, :2, :2])
    return noise


def build_reader(width: int, groups: tuple[int, ...]) -> nn.Linear:
    """From a token's `width` features to a logit for every option of every choice."""
    reader = nn.Linear(width, sum(groups))
    nn.init.zeros_(reader.weight)
    nn.init.zeros_(reader.bias)
    return reader


def reading_loss(
    reader: nn.Module,
    taps: Sequence[torch.Tensor],
    chosen: torch.Tensor,
    known: torch.Tensor,
    groups: tuple[int, ...],
) -> torch.Tensor:
    """Cross entropy of the choices (B, `len(groups)`) named from what tokens hold, summed over choices.

    A third of it is the first token's, which must understand the noise, a third the caption's tokens', which
    share its place, a third all the picture's, which must be predicted from them.
    Only pictures that are `known` (B,) to follow their noise count.
    """
    held = torch.cat(list(taps), 1)
    chosen, known = chosen.to(held.device), known.to(held.device)
    weights = torch.cat([held.new_full((part.shape[1],), 1 / part.shape[1]) for part in taps]) / len(taps)
    loss = torch.zeros((), device=held.device)
    for group, logits in enumerate(reader(held).float().split(groups, -1)):
        target = chosen[:, group, None].expand(logits.shape[:2])
        each = functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
        loss = loss + (each @ weights * known).mean()
    return loss
