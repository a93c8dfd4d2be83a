"""The velocity of the flow, from Z-Image's transformer.

Knows the modules of diffusers' `ZImageTransformer2DModel` and calls them directly: what depends on the
prompt alone (caption embedding, context refiner) is computed once per prompt, what depends on the shape
alone (positions) once per shape, what depends on the schedule alone (time embedding, modulation) once per
schedule, and a batch of one shape needs no attention mask. Knows no schedule and no guidance.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from engine import guards
from engine.zimage.block import Block, compiles, untouched
from engine.zimage.speed import Speed

PATCH = 2
BUCKET = 32
"""Sequences are filled up to multiples of this with learned pad tokens, as in training."""
REMEMBERED_SCHEDULES = 16
"""How many schedules' modulation is kept; of the full model at 8 steps, 9 MB each."""


def padded(length: int) -> int:
    """Return `length` rounded up to a whole bucket."""
    return -(-length // BUCKET) * BUCKET


def middle(blocks: int) -> tuple[int, int]:
    """Return the first of the middle half of so many blocks and the first after it."""
    return blocks // 4, blocks - blocks // 4


class Moment(NamedTuple):
    """What the transformer needs to know of a noise level.

    `time` (256,) the embedding, `blocks` the factors `(4, dim)` of each block, None for one that is to be
    called as the module it is, `final` (dim,) the scale before the last layer, None likewise.
    """

    time: Tensor
    blocks: tuple[Tensor | None, ...]
    final: Tensor | None


class Prediction(NamedTuple):
    """The velocity `(B, C, h, w)`, float32, and the sum of the numbers at each place on the way, `(n, B)`.

    A sum that is not finite shows where numbers went wrong without waiting for the device. `residual`
    (B, tokens, dim) is what the middle blocks added to the tokens, if it was to be kept.
    """

    velocity: Tensor
    sums: Tensor
    residual: Tensor | None


@dataclass
class Walk:
    """The way of one batch through the blocks: time embeddings (B, 256), rotary factors, blocks' factors.

    `sums` collects the sum of the numbers at each place.
    """

    time: Tensor
    rope: Tensor
    factors: Iterator[tuple[Tensor | None, ...]]
    sums: list[Tensor] = field(default_factory=list)

    def note(self, tokens: Tensor) -> None:
        """Remember the sum of each picture's numbers here."""
        self.sums.append(tokens.sum((1, 2), dtype=torch.float32))

    def skip(self, blocks: int, tokens: Tensor) -> None:
        """Pass so many blocks at once, leaving `tokens` behind them."""
        for _ in range(blocks):
            next(self.factors)
            self.note(tokens)


class Denoiser:
    """Batches of latents of one shape, with captions of one padded length."""

    def __init__(self, transformer: Any, speed: Speed | None = None) -> None:
        self.transformer = transformer
        self.speed = Speed.of(transformer.device.type) if speed is None else speed
        self._key = f"{PATCH}-1"
        self._positions = lru_cache(maxsize=32)(self._rope)
        if self.speed.compiled and not compiles(transformer.layers[0], self.speed):
            self.speed = replace(self.speed, compiled=False)
        self.refresh()

    def refresh(self) -> None:
        """Look at the transformer's weights again, after they were moved or changed."""
        model, speed = self.transformer, self.speed
        self._dtype: torch.dtype = model.dtype
        self._context = [Block(module, speed) for module in model.context_refiner]
        self._noise = [Block(module, speed) for module in model.noise_refiner]
        self._layers = [Block(module, speed) for module in model.layers]
        self._schedules: OrderedDict[tuple[float, ...], list[Moment]] = OrderedDict()

    @property
    def places(self) -> list[str]:
        """Names of the places whose sums a prediction carries."""
        noise = [f"noise refiner {i}" for i in range(len(self._noise))]
        return [*noise, *(f"block {i}" for i in range(len(self._layers))), "the last layer"]

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        """Compute in the safe form inside the block: float32, every module as its authors wrote it."""
        usual, schedules = self._dtype, self._schedules
        self._dtype, self._schedules = torch.float32, OrderedDict()
        try:
            with guards.in_float32(self.transformer):
                yield
        finally:
            self._dtype, self._schedules = usual, schedules

    def caption(self, embedding: Tensor) -> Tensor:
        """Refine a caption embedding `(n, features)` to `(padded(n), dim)`, ready for every step."""
        model = self.transformer
        length = len(embedding)
        fill = padded(length) - length
        # Some features are beyond half precision until the embedder's own norm has scaled them.
        wide = torch.float32 if self._dtype == torch.float16 else self._dtype
        caption = functional.pad(model.cap_embedder(embedding.to(wide)), (0, 0, 0, fill))
        caption[length:] = model.cap_pad_token
        rope = self._positions(padded(length), 0, 0)
        caption = caption[None]
        for block in self._context:
            factors = None if block.is_whole else block.modulation(caption[0, :1])[:, 0]
            caption = self._pass(block, caption, rope, [factors], None)
        return caption[0]

    def moment(self, sigmas: Sequence[float], step: int) -> Moment:
        """Return what depends on the noise level `sigmas[step]` alone.

        It is computed for the whole schedule at once, so that its last bits depend on the schedule and on
        nothing drawn before.
        """
        if not self.speed.once_per_schedule:
            return self._moments([sigmas[step]])[0]
        key = tuple(sigmas)
        if key not in self._schedules:
            self._schedules[key] = self._moments(key)
        self._schedules.move_to_end(key)
        while len(self._schedules) > REMEMBERED_SCHEDULES:
            self._schedules.popitem(last=False)
        return self._schedules[key][step]

    def predict(
        self,
        latents: Tensor,
        moments: Sequence[Moment],
        captions: Tensor,
        residual: Tensor | None = None,
        keep: bool = False,
    ) -> Prediction:
        """Return d latents / d sigma.

        `latents` (B, C, h, w), one of `moment` per picture, `captions` (B, L, dim) from `caption`. A
        `residual` kept of an earlier prediction stands for the middle blocks, which are then not computed.
        """
        model = self.transformer
        batch, channels, height, width = latents.shape
        rows, columns = height // PATCH, width // PATCH
        count = rows * columns
        walk = Walk(
            torch.stack([moment.time for moment in moments]),
            self._positions(captions.shape[1], rows, columns),
            iter(list(zip(*(moment.blocks for moment in moments), strict=True))),
        )
        patches = latents.to(self._dtype).view(batch, channels, rows, PATCH, columns, PATCH)
        patches = patches.permute(0, 2, 4, 3, 5, 1).reshape(batch, count, PATCH * PATCH * channels)
        tokens = functional.pad(model.all_x_embedder[self._key](patches), (0, 0, 0, padded(count) - count))
        tokens[:, count:] = model.x_pad_token
        tokens = self._through(self._noise, tokens, walk)
        tokens = torch.cat([tokens, captions.to(self._dtype)], dim=1)

        first, last = middle(len(self._layers))
        before = self._through(self._layers[:first], tokens, walk)
        if residual is None:
            tokens = self._through(self._layers[first:last], before, walk)
            residual = tokens - before if keep else None
        else:
            tokens = before + residual
            walk.skip(last - first, tokens)
        tokens = self._through(self._layers[last:], tokens, walk)
        patches = self._last(tokens[:, :count], moments, walk.time)
        walk.note(patches)
        picture = patches.view(batch, rows, columns, PATCH, PATCH, channels).permute(0, 5, 1, 3, 2, 4)
        velocity = -picture.reshape(batch, channels, height, width).float()
        return Prediction(velocity, torch.stack(walk.sums), residual)

    def _through(self, blocks: Sequence[Block], tokens: Tensor, walk: "Walk") -> Tensor:
        rope = walk.rope[:, : tokens.shape[1]]
        for block in blocks:
            tokens = self._pass(block, tokens, rope, next(walk.factors), walk.time)
            walk.note(tokens)
        return tokens

    def _pass(
        self,
        block: Block,
        tokens: Tensor,
        rope: Tensor,
        factors: Sequence[Tensor | None],
        time: Tensor | None,
    ) -> Tensor:
        known = [each for each in factors if each is not None]
        if block.is_whole or len(known) < len(factors):
            return block.whole(tokens, rope, time)
        return block(tokens, rope, torch.stack(known, dim=1)[:, :, None])

    def _last(self, tokens: Tensor, moments: Sequence[Moment], time: Tensor) -> Tensor:
        final = self.transformer.all_final_layer[self._key]
        known = [moment.final for moment in moments if moment.final is not None]
        if not untouched(final) or len(known) < len(moments):
            whole: Tensor = final(tokens, c=time)
            return whole
        last: Tensor = final.linear(final.norm_final(tokens) * torch.stack(known)[:, None])
        return last

    def _moments(self, sigmas: Sequence[float]) -> list[Moment]:
        model = self.transformer
        final = model.all_final_layer[self._key]
        times = 1 - torch.tensor(sigmas, device=model.device)
        time = model.t_embedder(times * model.t_scale).to(self._dtype)
        blocks = [
            None if block.is_whole else block.modulation(time) for block in (*self._noise, *self._layers)
        ]
        scale = 1 + final.adaLN_modulation(time) if untouched(final) else None
        return [
            Moment(
                time[i],
                tuple(None if block is None else block[:, i] for block in blocks),
                None if scale is None else scale[i],
            )
            for i in range(len(sigmas))
        ]

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
