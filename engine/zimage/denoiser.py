"""The velocity of the flow, from Z-Image's transformer.

Knows the modules of diffusers' `ZImageTransformer2DModel` and calls them directly: what depends on the
prompt alone (caption embedding, context refiner) is computed once per prompt, what depends on the shape
alone (positions) once per shape, and a batch of one shape needs no attention mask.
Knows no schedule and no guidance.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

PATCH = 2
BUCKET = 32
"""Sequences are filled up to multiples of this with learned pad tokens, as in training."""


def padded(length: int) -> int:
    """Return `length` rounded up to a whole bucket."""
    return -(-length // BUCKET) * BUCKET


class Denoiser:
    """Batches of latents of one shape, with captions of one padded length."""

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer
        self._key = f"{PATCH}-1"
        self._positions = lru_cache(maxsize=32)(self._rope)

    def caption(self, embedding: Tensor) -> Tensor:
        """Refine a caption embedding `(n, features)` to `(padded(n), dim)`, ready for every step."""
        model = self.transformer
        length = len(embedding)
        fill = padded(length) - length
        caption = functional.pad(model.cap_embedder(embedding.to(model.dtype)), (0, 0, 0, fill))
        caption[length:] = model.cap_pad_token
        rope = self._positions(padded(length), 0, 0)
        caption = caption[None]
        for block in model.context_refiner:
            caption = block(caption, None, rope)
        return caption[0]

    def velocity(self, latents: Tensor, sigmas: Tensor, captions: Tensor) -> Tensor:
        """Return d latents / d sigma, float32.

        `latents` (B, C, h, w), `sigmas` (B,) float32, `captions` (B, L, dim) from `caption`.
        """
        model = self.transformer
        batch, channels, height, width = latents.shape
        rows, columns = height // PATCH, width // PATCH
        count = rows * columns
        time = model.t_embedder((1 - sigmas) * model.t_scale).to(model.dtype)
        rope = self._positions(captions.shape[1], rows, columns)

        patches = latents.to(model.dtype).view(batch, channels, rows, PATCH, columns, PATCH)
        patches = patches.permute(0, 2, 4, 3, 5, 1).reshape(batch, count, PATCH * PATCH * channels)
        image = functional.pad(model.all_x_embedder[self._key](patches), (0, 0, 0, padded(count) - count))
        image[:, count:] = model.x_pad_token
        for block in model.noise_refiner:
            image = block(image, None, rope[:, : padded(count)], time)

        tokens = torch.cat([image, captions], dim=1)
        for block in model.layers:
            tokens = block(tokens, None, rope, time)
        patches = model.all_final_layer[self._key](tokens[:, :count], c=time)
        picture = patches.view(batch, rows, columns, PATCH, PATCH, channels).permute(0, 5, 1, 3, 2, 4)
        velocity: Tensor = -picture.reshape(batch, channels, height, width).float()
        return velocity

    def _rope(self, caption: int, rows: int, columns: int) -> Tensor:
        """Rotary factors (1, tokens, head_dim/2): the image's tokens, if it has rows, then the caption's.

        Captions run along the first axis from 1, the image lies on a plane behind them, pad tokens sit at 0.
        """
        count = rows * columns
        ids = torch.zeros((padded(count) + caption, 3), dtype=torch.int32)
        ids[padded(count) :, 0] = torch.arange(1, caption + 1)
        if count:
            ids[:count, 0] = caption + 1
            ids[:count, 1] = torch.arange(rows).repeat_interleave(columns)
            ids[:count, 2] = torch.arange(columns).repeat(rows)
        rope: Tensor = self.transformer.rope_embedder(ids.to(self.transformer.device))
        return rope[None]
