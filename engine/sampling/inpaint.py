"""A part of a picture drawn anew while the rest stays, by the model's own latents.

Where the picture stays, every step puts its latents back at the noise level reached, so that what is drawn
beside them fits. At the seam each place changes by its own strength: the less, the later it is let go
(Differential Diffusion, Levin & Fried 2023, arXiv:2306.00950).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.sampling.flow import add_noise

LATENT = 8
SEAM = 64
"""The seam on each side is the shorter side of the picture through this wide, and at least a latent."""


@dataclass(frozen=True, eq=False)
class Kept:
    """What of a drawing stays: a `picture` `(3, H, W)` in [-1, 1].

    `clean` are its latents `(C, h, w)` at the size that is drawn, `noise` is that of the drawing. `change`
    `(1, H, W)` in [0, 1] is how much of each pixel is drawn anew, 0 where it stays as it is.
    """

    picture: Tensor
    clean: Tensor
    noise: Tensor
    change: Tensor

    def held(self, latents: Tensor, sigma: float, done: float) -> Tensor:
        """Return `latents` `(C, h, w)` at noise level `sigma` with what stays put back.

        `done` in (0, 1] is the share of the steps that are made: a place is let go in the last ones, as many
        as its strength says.
        """
        height, width = self.clean.shape[-2:]
        strength = functional.adaptive_avg_pool2d(self.change, (height, width))
        return torch.where(strength > 1 - done, latents, add_noise(self.clean, self.noise, sigma))

    def pasted(self, drawn: Tensor) -> Tensor:
        """Return the decoded picture with the kept one's own pixels where it stays."""
        return self.change * drawn + (1 - self.change) * self.picture


def softened(mask: Tensor) -> Tensor:
    """Return how much of each pixel changes: `mask` `(1, H, W)` in [0, 1], fading out beside it."""
    reach = max(LATENT, min(mask.shape[-2:]) // SEAM)
    wider = functional.max_pool2d(mask, 2 * reach + 1, 1, reach)
    return functional.avg_pool2d(wider, 2 * reach + 1, 1, reach, count_include_pad=False)
