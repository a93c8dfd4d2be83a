"""The velocity of the flow, from Z-Image's transformer.

Knows the modules of diffusers' `ZImageTransformer2DModel` and calls them directly: what depends on the
prompt alone (caption embedding, context refiner) is computed once per prompt, what depends on the shape
alone (positions) once per shape, what depends on the schedule alone (time embedding, modulation) once per
schedule, and a batch of one shape needs no attention mask. Knows no schedule and no guidance.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from engine.zimage.block import Block
from engine.zimage.speed import Speed

PATCH = 2
BUCKET = 32
"""Sequences are filled up to multiples of this with learned pad tokens, as in training."""
REMEMBERED_SIGMAS = 128
"""How many sigmas' modulation is kept: of the full model, 1 MB each."""


def padded(length: int) -> int:
    """Return `length` rounded up to a whole bucket."""
    return -(-length // BUCKET) * BUCKET


class Moment(NamedTuple):
    """What the transformer needs to know of a noise level, for a batch of B.

    `time` (B, 256) the embedding, `blocks` one `(4, B, 1, dim)` per block, `final` (B, 1, dim).
    """

    time: Tensor
    blocks: Sequence[Tensor]
    final: Tensor


class Denoiser:
    """Batches of latents of one shape, with captions of one padded length."""

    def __init__(self, transformer: Any, speed: Speed | None = None) -> None:
        self.transformer = transformer
        self.speed = Speed.of(transformer.device.type) if speed is None else speed
        self._key = f"{PATCH}-1"
        self._positions = lru_cache(maxsize=32)(self._rope)
        self.refresh()

    def refresh(self) -> None:
        """Look at the transformer's weights again, after they were moved or changed."""
        model, speed = self.transformer, self.speed
        self._context = [Block(module, speed) for module in model.context_refiner]
        self._noise = [Block(module, speed) for module in model.noise_refiner]
        self._layers = [Block(module, speed) for module in model.layers]
        self._moments: OrderedDict[float, tuple[Tensor, ...]] = OrderedDict()

    def caption(self, embedding: Tensor) -> Tensor:
        """Refine a caption embedding `(n, features)` to `(padded(n), dim)`, ready for every step."""
        model = self.transformer
        length = len(embedding)
        fill = padded(length) - length
        caption = functional.pad(model.cap_embedder(embedding.to(model.dtype)), (0, 0, 0, fill))
        caption[length:] = model.cap_pad_token
        rope = self._positions(padded(length), 0, 0)
        caption = caption[None]
        for block in self._context:
            factors = block.modulation(caption[0, :1])[:, :, None]
            caption = self._pass(block, caption, rope, factors, None)
        return caption[0]

    def prepare(self, sigmas: Sequence[float]) -> None:
        """Compute what depends on these noise levels alone, all at once."""
        missing = [sigma for sigma in dict.fromkeys(sigmas) if sigma not in self._moments]
        if not missing or not self.speed.once_per_schedule:
            return
        for sigma, *values in zip(missing, *self._modulation(missing), strict=True):
            self._moments[sigma] = tuple(values)
        while len(self._moments) > REMEMBERED_SIGMAS:
            self._moments.popitem(last=False)

    def velocity(self, latents: Tensor, sigmas: Sequence[float], captions: Tensor) -> Tensor:
        """Return d latents / d sigma, float32.

        `latents` (B, C, h, w), one sigma per picture, `captions` (B, L, dim) from `caption`.
        """
        model = self.transformer
        batch, channels, height, width = latents.shape
        rows, columns = height // PATCH, width // PATCH
        count = rows * columns
        moment = self._moment(sigmas)
        rope = self._positions(captions.shape[1], rows, columns)

        patches = latents.to(model.dtype).view(batch, channels, rows, PATCH, columns, PATCH)
        patches = patches.permute(0, 2, 4, 3, 5, 1).reshape(batch, count, PATCH * PATCH * channels)
        image = functional.pad(model.all_x_embedder[self._key](patches), (0, 0, 0, padded(count) - count))
        image[:, count:] = model.x_pad_token
        factors = iter(moment.blocks)
        for block in self._noise:
            image = self._pass(block, image, rope[:, : padded(count)], next(factors), moment.time)

        tokens = torch.cat([image, captions], dim=1)
        for block in self._layers:
            tokens = self._pass(block, tokens, rope, next(factors), moment.time)
        final = model.all_final_layer[self._key]
        patches = final.linear(final.norm_final(tokens[:, :count]) * moment.final)
        picture = patches.view(batch, rows, columns, PATCH, PATCH, channels).permute(0, 5, 1, 3, 2, 4)
        velocity: Tensor = -picture.reshape(batch, channels, height, width).float()
        return velocity

    def _pass(
        self, block: Block, tokens: Tensor, rope: Tensor, factors: Tensor, time: Tensor | None
    ) -> Tensor:
        if block.is_whole:
            whole: Tensor = block.module(tokens, None, rope, time)
            return whole
        return block(tokens, rope, factors)

    def _moment(self, sigmas: Sequence[float]) -> Moment:
        self.prepare(sigmas)
        if self.speed.once_per_schedule:
            rows = [self._moments[sigma] for sigma in sigmas]
            time, blocks, final = (torch.stack(parts) for parts in zip(*rows, strict=True))
        else:
            time, blocks, final = self._modulation(sigmas)
        return Moment(time, blocks.permute(1, 2, 0, 3)[:, :, :, None].unbind(), final[:, None])

    def _modulation(self, sigmas: Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
        """Return time embeddings (S, 256), block factors (S, blocks, 4, dim) and final scales (S, dim)."""
        model = self.transformer
        times = 1 - torch.tensor(sigmas, device=model.device)
        time = model.t_embedder(times * model.t_scale).to(model.dtype)
        blocks = [block.modulation(time) for block in (*self._noise, *self._layers)]
        final = 1 + model.all_final_layer[self._key].adaLN_modulation(time)
        return time, torch.stack(blocks).permute(2, 0, 1, 3), final

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
