"""Flow-matching sampling as pure functions: noise, schedule, guidance and the Euler step.

Sigmas are plain floats from 1 (noise) to 0 (picture); latents are `(…, 16, H/8, W/8)` float32 in the
sampler's space.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.types import EngineError

VARIATION_STREAM = 0x5DEECE66D
"""Keeps a variation's noise apart from the picture's own when both carry the same seed."""

_UNSUPPORTED = (
    "shift_terminal",
    "use_karras_sigmas",
    "use_exponential_sigmas",
    "use_beta_sigmas",
    "invert_sigmas",
    "stochastic_sampling",
)


@dataclass(frozen=True)
class Schedule:
    """The sigmas of a `FlowMatchEulerDiscreteScheduler` config."""

    shift: float = 1.0
    dynamic: bool = False
    linear: bool = False
    base_shift: float = 0.5
    max_shift: float = 1.15
    base_tokens: int = 256
    max_tokens: int = 4096

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Schedule":
        """Read a scheduler config; raise `EngineError("bad_input")` for an option that changes the sigmas."""
        for option in _UNSUPPORTED:
            if config.get(option):
                raise EngineError(
                    "bad_input",
                    f"the model's scheduler sets {option}; only plain flow-matching Euler is supported",
                )
        return cls(
            shift=config.get("shift", 1.0),
            dynamic=config.get("use_dynamic_shifting", False),
            linear=config.get("time_shift_type", "exponential") == "linear",
            base_shift=config.get("base_shift", 0.5),
            max_shift=config.get("max_shift", 1.15),
            base_tokens=config.get("base_image_seq_len", 256),
            max_tokens=config.get("max_image_seq_len", 4096),
        )

    def sigmas(self, steps: int, tokens: int) -> list[float]:
        """Return `steps` + 1 falling sigmas ending in 0 for a picture of `tokens` image tokens.

        `steps` evenly spaced times from 1 to 1/steps, shifted (Esser et al. 2024, arXiv:2403.03206).
        """
        return [self._shifted(1 - i * (1 - 1 / steps) / max(steps - 1, 1), tokens) for i in range(steps)] + [
            0.0
        ]

    def _shifted(self, time: float, tokens: int) -> float:
        if not self.dynamic:
            return self.shift * time / (1 + (self.shift - 1) * time)
        slope = (self.max_shift - self.base_shift) / (self.max_tokens - self.base_tokens)
        mu = self.base_shift + slope * (tokens - self.base_tokens)
        factor = mu if self.linear else math.exp(mu)
        return factor / (factor + (1 / time - 1))


def generator(seed: int) -> torch.Generator:
    """A CPU generator, so that a seed means the same noise on every device and in every batch."""
    return torch.Generator("cpu").manual_seed(seed)


def noise(width: int, height: int, source: torch.Generator, channels: int = 16) -> Tensor:
    """Standard normal latents `(channels, height/8, width/8)`, float32 on the CPU."""
    return torch.randn((channels, height // 8, width // 8), generator=source)


def turn_noise(initial: Tensor, seed: int, amount: float) -> Tensor:
    """Turn `initial` towards a second noise drawn from `seed`; the variance stays 1.

    `amount` in [0, 1]: 0 leaves it, 1 is the second noise alone.
    """
    if amount == 0:
        return initial
    second = torch.randn(initial.shape, generator=generator(seed ^ VARIATION_STREAM))
    angle = amount * math.pi / 2
    return math.cos(angle) * initial + math.sin(angle) * second


def disturb_caption(caption: Tensor, seed: int, strength: float, share: float = 0.5) -> Tensor:
    """Add seeded noise to a random `share` of the caption's tokens, `(n, features)` → the same shape.

    `strength` is relative to each token's own standard deviation, because the model normalises every token.
    A few-step model gives nearly the same picture for every seed; this is what makes its relatives differ.
    """
    if strength == 0:
        return caption
    source = generator(seed ^ VARIATION_STREAM)
    chosen = torch.rand((len(caption), 1), generator=source) < share
    shift = chosen * torch.randn(caption.shape, generator=source)
    scale = strength * caption.float().std(dim=-1, keepdim=True)
    return (caption.float() + scale * shift.to(caption.device)).to(caption.dtype)


def begin(steps: int, strength: float) -> int:
    """Return how many of `steps` image-to-image skips at `strength` in (0, 1]; at least one step remains."""
    return min(int(max(steps - steps * strength, 0)), steps - 1)


def add_noise(clean: Tensor, initial: Tensor, sigma: float) -> Tensor:
    """The flow-matching forward process: latents on the straight line between picture and noise."""
    return sigma * initial + (1 - sigma) * clean


def guided_steps(steps: int, guidance_scale: float, share: float) -> int:
    """Return how many of the first steps guidance acts on: `share` of them, rounded up; none at scale 1."""
    return math.ceil(steps * share) if guidance_scale != 1 else 0


def guide(positive: Tensor, negative: Tensor, guidance_scale: float) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2022) in the standard convention: scale 1 is `positive`."""
    return positive + (guidance_scale - 1) * (positive - negative)


def euler(latents: Tensor, velocity: Tensor, sigma: float, following: float) -> Tensor:
    """One Euler step from `sigma` to `following` along d latents / d sigma = `velocity`."""
    return latents + (following - sigma) * velocity
