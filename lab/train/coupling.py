"""What a caption leaves open is read from the noise: the seed chooses the scenery.

A flow may pair noise and pictures in any way that leaves the distribution of each as it was (rectified flow,
Liu et al. 2022, arXiv:2209.03003; pairing to ease learning: Tong et al. 2023, arXiv:2302.00482, and
immiscible diffusion, Li et al. 2024, arXiv:2406.12303). Here the first patch of the noise, in the top left
corner, is arranged so that the largest of a group of its values stands at the choice the scene made: which
sky it has, which set of its place, and whatever its caption does not state. Choices are uniform, so the noise
is Gaussian as before, and pure noise with a caption names one picture: the model need not average over all
that could be meant.
"""

import torch
from torch import nn
from torch.nn import functional

from engine.embedded.vocabulary import COLOURS, PLACES, SUBJECTS, TIMES
from lab.render.scene import BACKDROPS, MODELS, SKIES, Scene
from lab.train.flow import Taps

TELLABLE = ("subject", "colour", "place", "time", "side")
"""What a caption may leave unsaid."""
GROUPS = (len(SUBJECTS), len(COLOURS), len(PLACES), len(TIMES), 2, SKIES, BACKDROPS, MODELS, MODELS)
"""Values of the first patch that each choice is read from: the tellable ones, then the scenery."""


def choices(scenes: list[Scene]) -> torch.Tensor:
    """What each scene chose, (N, `len(GROUPS)`)."""
    return torch.tensor([_choices(scene) for scene in scenes])


def _choices(scene: Scene) -> tuple[int, ...]:
    words = (SUBJECTS.index(scene.subject), COLOURS.index(scene.colour), PLACES.index(scene.place))
    side = int(scene.position == "right")
    return (*words, TIMES.index(scene.time), side, scene.sky, scene.backdrop, *scene.models)


def stated_bits(stated: frozenset[str]) -> int:
    """What a caption states as one number, a bit for each of `TELLABLE`."""
    return sum(1 << bit for bit, what in enumerate(TELLABLE) if what in stated)


def stated_flags(stated: torch.Tensor) -> torch.Tensor:
    """Bits of `stated` (B,) as flags of every choice (B, `len(GROUPS)`); scenery is never stated."""
    bits = torch.arange(len(GROUPS))
    return (stated.long()[:, None] >> bits & 1).bool()


def couple(noise: torch.Tensor, chosen: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Noise (B, C, H, W) whose first patch encodes the choices (B, `len(GROUPS)`), but for the `free` ones.

    In each group the largest value changes places with the one at the choice, so that the noise stays
    Gaussian where choices are even.
    """
    noise, chosen, free = noise.clone(), chosen.to(noise.device), free.to(noise.device)
    corner = noise[:, :, :2, :2].flatten(1)
    rows = torch.arange(len(noise), device=noise.device)
    start = 0
    for group, count in enumerate(GROUPS):
        values = corner[:, start : start + count]
        largest = values.argmax(1)
        target = torch.where(free[:, group], largest, chosen[:, group])
        high, low = values[rows, largest].clone(), values[rows, target].clone()
        values[rows, largest] = low
        values[rows, target] = high
        start += count
    noise[:, :, :2, :2] = corner.view_as(noise[:, :, :2, :2])
    return noise


def build_reader(width: int) -> nn.Linear:
    """From a token's `width` features to a logit for every option of every choice."""
    reader = nn.Linear(width, sum(GROUPS))
    nn.init.zeros_(reader.weight)
    nn.init.zeros_(reader.bias)
    return reader


def reading_loss(reader: nn.Module, taps: Taps, chosen: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the choices (B, `len(GROUPS)`) named from what tokens hold, summed over choices.

    A third of it is the first token's, which must understand the noise, a third the caption's tokens', which
    share its place, a third all the picture's, which must be predicted from them.
    Only pictures that are `known` (B,) to follow their noise count.
    """
    held = torch.cat(taps, 1)
    chosen, known = chosen.to(held.device), known.to(held.device)
    weights = torch.cat([held.new_full((part.shape[1],), 1 / part.shape[1]) for part in taps]) / len(taps)
    loss = torch.zeros((), device=held.device)
    for group, logits in enumerate(reader(held).float().split(GROUPS, -1)):
        target = chosen[:, group, None].expand(logits.shape[:2])
        each = functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
        loss = loss + (each @ weights * known).mean()
    return loss
