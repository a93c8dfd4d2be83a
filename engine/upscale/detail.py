"""An experiment: a pass of super-resolution after drawing, averaged back, blended in where there is detail.

It sharpens soft pictures and did nothing for the small model's; docs/upscaling.md has the figures.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.upscale import style
from engine.upscale.plan import UpscalePlan
from engine.upscale.tiling import Pixels, returned, super_resolved

SHARE = 0.5
"""How much of the pass is blended in; the whole of it sharpens more and changes flat regions more."""
PLAIN: frozenset[style.Style] = frozenset({"flat", "watercolour", "pixel art"})
"""Styles that have no detail to add."""

FLAT, BUSY = 1.5, 4.0
"""Levels of local high-frequency energy below which the mask is 0, and from which it is 1."""
EVEN, VARIED = 12.0, 30.0
"""Levels of local contrast below which a region counts as flat, and from which it does not."""
CRISP, LETTERING = 150.0, 210.0
"""Local contrast in levels from which an edge may be lettering, and from which it is taken for it."""
OVERSHOOT = 2.0
"""Levels by which a pixel may leave the range of its neighbours in the drawn picture: no halos."""
NEIGHBOURS = 5


def strength(prompt: str, plan: UpscalePlan) -> float:
    """Return the share in [0, 1] of the pass that suits a picture drawn from `prompt`.

    It is the plan's, but for plain styles, and for photographs, which lose texture to the built-in network.
    """
    seen = style.of(prompt)
    if not plan.detail or seen in PLAIN:
        return 0.0
    is_drawings_only = seen == "photograph" and "photograph" not in plan.weights()
    return 0.0 if is_drawings_only else plan.detail


def refine(picture: Pixels, share: float, plan: UpscalePlan) -> Pixels:
    """Return `(h, w, 3)` with more detail where it has some; the very same array where `share` is 0.

    Raises `EngineError("out_of_memory")` where not even a small tile fits.
    """
    if share == 0:
        return picture
    drawn = _tensor(picture)
    passed = _tensor(_pass(picture, plan))
    blended = drawn + share * detail_mask(drawn) * (passed - drawn)
    lowest, highest = _neighbourhood(drawn)
    bounded = torch.minimum(torch.maximum(blended, lowest - OVERSHOOT), highest + OVERSHOOT)
    levels = bounded[0].clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0)
    result: Pixels = levels.numpy()
    return result


def detail_mask(pictures: Tensor) -> Tensor:
    """Return how much detail to add at each place of `(B, 3, h, w)` levels, `(B, 1, h, w)` in [0, 1].

    The mask follows the local energy of high frequencies; flat and out-of-focus areas have none, and strong
    contrast is left alone, because it may be lettering.
    """
    grey = pictures.mean(dim=1, keepdim=True)
    high = grey - _blurred(grey, 1.5)
    energy = _blurred(high.square(), 1.2).clamp_min(0).sqrt()
    lowest, highest = _neighbourhood(grey, 7)
    contrast = highest - lowest
    strength_map = _ramp(energy, FLAT, BUSY) * _ramp(contrast, EVEN, VARIED)
    return strength_map * (1 - _ramp(_blurred(contrast, 2.0), CRISP, LETTERING))


def _pass(picture: Pixels, plan: UpscalePlan) -> Pixels:
    """Upscale twice and average back to the size that was."""
    network = plan.network()
    larger = returned(super_resolved(picture, 2, network, plan.side(network))).astype(np.float32)
    height, width = picture.shape[:2]
    means: NDArray[np.float32] = larger.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    return np.rint(means).astype(np.uint8)


def _tensor(picture: Pixels) -> Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()


def _blurred(maps: Tensor, spread: float) -> Tensor:
    """Gaussian blur of `(B, 1, h, w)`, its edges continued."""
    radius = round(3 * spread)
    places = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-(places**2) / (2 * spread**2))
    kernel = (kernel / kernel.sum())[None, None, None]
    wide = functional.pad(maps, (radius, radius, radius, radius), "replicate")
    return functional.conv2d(functional.conv2d(wide, kernel), kernel.mT)


def _neighbourhood(pictures: Tensor, side: int = NEIGHBOURS) -> tuple[Tensor, Tensor]:
    """Return the lowest and the highest level around each place, channel by channel."""
    highest = functional.max_pool2d(pictures, side, stride=1, padding=side // 2)
    return -functional.max_pool2d(-pictures, side, stride=1, padding=side // 2), highest


def _ramp(values: Tensor, low: float, high: float) -> Tensor:
    """0 up to `low`, 1 from `high`, smooth between."""
    t = ((values - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
