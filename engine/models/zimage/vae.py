"""Latents to pixels and back, in the VAE's own precision.

Pixels are float32 in [-1, 1], `(3, height, width)`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from engine import guards
from engine.models.zimage import lean_decoder
from engine.sampling.flow import noise


class Vae:
    """Encode and decode one picture at a time.

    The model's convolutions keep their weights channels last, which every device computes faster; with
    `is_lean` the decoder multiplies less (`lean_decoder.py`). Both change the model itself, and the pixels by
    rounding.
    """

    def __init__(self, model: Any, is_lean: bool = False) -> None:
        self.model = model
        self._dtype: torch.dtype = model.dtype
        self.memory_format = torch.channels_last
        model.to(memory_format=self.memory_format)
        if is_lean:
            lean_decoder.apply(model.decoder)
        self._scale: float = model.config.scaling_factor
        self._shift: float = model.config.shift_factor or 0.0

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        """Compute in float32 inside the block."""
        usual, self._dtype = self._dtype, torch.float32
        try:
            with guards.in_float32(self.model):
                yield
        finally:
            self._dtype = usual

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pixels of sampler-space latents `(16, h, w)` as `(3, 8h, 8w)`, not clamped."""
        scaled = latents[None].to(self._dtype) / self._scale + self._shift
        pixels: Tensor = self.model.decode(
            scaled.contiguous(memory_format=self.memory_format), return_dict=False
        )[0]
        return pixels[0].float().contiguous()

    def encode(self, pixels: Tensor, source: torch.Generator) -> Tensor:
        """Return sampler-space latents `(16, h, w)`, float32, drawn from the posterior with `source`."""
        batch = pixels[None].to(self._dtype).contiguous(memory_format=self.memory_format)
        posterior = self.model.encode(batch).latent_dist
        height, width = pixels.shape[-2:]
        spread = noise(width, height, source, channels=posterior.mean.shape[1]).to(posterior.mean.device)
        latents: Tensor = posterior.mean[0].float() + posterior.std[0].float() * spread
        return (latents - self._shift) * self._scale
