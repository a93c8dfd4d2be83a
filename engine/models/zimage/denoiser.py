"""The velocity of the flow, from Z-Image's transformer.

Calls the modules of diffusers' `ZImageTransformer2DModel` directly. What depends on the prompt alone (caption
embedding, context refiner) is computed once per prompt, what depends on the shape alone (positions) once per
shape, what depends on the schedule alone (time embedding, modulation) once per schedule and set of hooked
blocks. A batch of one shape needs no attention mask.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine import guards
from engine.lru import LruDict
from engine.memory.graphs import Graphs, record
from engine.models.zimage import attention
from engine.models.zimage.block import Block, run_block, untouched
from engine.models.zimage.compiling import Compiled, compiled
from engine.models.zimage.forward import BlockPass, ForwardInputs, Modulation, Prediction
from engine.models.zimage.speed import Speed
from engine.sampling.reuse import middle
from engine.types import image_tokens

PATCH = 2
BUCKET = 32
"""Sequences are filled up to multiples of this with learned pad tokens, as in training."""
WARM_CAPTIONS = (32, 64, 96, 128, 160)
"""Lengths of captions that are compiled for at start: up to about a hundred words."""
MOST_GRAPHED = 1024
"""Image tokens of a forward that is worth a CUDA graph: one picture of 512 pixels. Larger ones are never
held up by launching."""
REMEMBERED_SCHEDULES = 16
"""How many schedules' modulation is kept; of the full model at 8 steps, 9 MB each."""


def padded(length: int) -> int:
    """Return `length` rounded up to a whole bucket."""
    return -(-length // BUCKET) * BUCKET


class Denoiser:
    """Batches of latents of one shape, with captions of one padded length."""

    def __init__(self, transformer: Any, speed: Speed | None = None) -> None:
        self.transformer = transformer
        self.speed = Speed.of(transformer.device.type) if speed is None else speed
        self._key = f"{PATCH}-1"
        self._positions = lru_cache(maxsize=32)(self._rope)
        self._kernels = attention.chosen(transformer)
        self._is_safe = False
        self._compiled: Compiled | None = None
        if self.speed.compiled:
            with attention.preferred(attention.without_plans(self._kernels)):
                self._compiled = compiled(
                    self._kinds((*transformer.layers, *transformer.noise_refiner)),
                    transformer.noise_refiner[0].attention_norm1.weight,
                )
            self.speed = replace(self.speed, compiled=self._compiled is not None)
        is_cuda = transformer.device.type == "cuda"
        self._graphs = Graphs(self._computed, record) if self.speed.cuda_graphs and is_cuda else None
        self.refresh()

    def refresh(self) -> None:
        """Look at the transformer's weights again, after they were moved or changed."""
        model, run = self.transformer, self._compiled or run_block
        self._dtype: torch.dtype = model.dtype
        self._context, self._noise, self._layers = (
            [Block(module, self.speed.real_rope, run) for module in modules]
            for modules in (model.context_refiner, model.noise_refiner, model.layers)
        )
        if self._graphs is not None:
            self._graphs.forget()
        self._schedules: LruDict[Hashable, list[Modulation]] = LruDict(REMEMBERED_SCHEDULES)

    def _kinds(self, modules: Iterable[Any]) -> list[Block]:
        """Return one block of each kind."""
        found: dict[Hashable, Block] = {}
        for module in modules:
            block = Block(module, self.speed.real_rope)
            found.setdefault(block.kind, block)
        return list(found.values())

    def warm(self, sizes: Iterable[tuple[int, int]], loras: bool = False) -> int:
        """Compile for one picture of each size and usual captions, and for `loras` beside packed matrices.

        Returns how many shapes that made; sizes that fill the same buckets share theirs.
        """
        if self._compiled is None:
            return 0
        run = self._compiled
        images = dict.fromkeys(padded(image_tokens(width, height)) for width, height in sizes)
        noise, layers = (
            self._kinds(each) for each in (self.transformer.noise_refiner, self.transformer.layers)
        )
        with attention.preferred(self._kernels):
            found = [
                *(run.warm(noise, image) for image in images),
                *(run.warm(layers, image + caption) for image in images for caption in WARM_CAPTIONS),
            ]
        with attention.preferred(attention.without_plans(self._kernels)):
            return sum(found) + (run.warm_factors(layers) if loras else 0)

    @property
    def places(self) -> list[str]:
        """Names of the places whose sums a prediction carries."""
        noise = [f"noise refiner {i}" for i in range(len(self._noise))]
        return [*noise, *(f"block {i}" for i in range(len(self._layers))), "the last layer"]

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        """Compute in the safe form inside the block: float32, every module as its authors wrote it."""
        usual, schedules = self._dtype, self._schedules
        self._dtype, self._schedules = torch.float32, LruDict(REMEMBERED_SCHEDULES)
        self._is_safe = True
        try:
            with guards.in_float32(self.transformer):
                yield
        finally:
            self._dtype, self._schedules = usual, schedules
            self._is_safe = False

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
        with attention.preferred(attention.without_plans(self._kernels)):
            for block in self._context:
                factors = None if block.is_whole else block.modulation(caption[0, :1])[:, :, None]
                caption = self._pass(block, caption, rope, factors, None)
        return caption[0]

    def modulation(self, sigmas: Sequence[float], step: int) -> Modulation:
        """Return what depends on the noise level `sigmas[step]` alone.

        It is computed for the whole schedule at once, so that its last bits depend on the schedule and on
        nothing drawn before. A time embedding with hooked layers is computed every time.
        """
        if not all(map(untouched, self.transformer.t_embedder.mlp)):
            return self._modulations(sigmas)[step]
        key = (tuple(sigmas), self._hooked())
        if key not in self._schedules:
            self._schedules[key] = self._modulations(sigmas)
        return self._schedules[key][step]

    def _hooked(self) -> tuple[bool, ...]:
        """Say which blocks, and whether the last layer, are called as modules and have no factors."""
        final = self.transformer.all_final_layer[self._key]
        return (*(block.is_whole for block in (*self._noise, *self._layers)), not untouched(final))

    def predict(
        self,
        latents: Tensor,
        modulations: Sequence[Modulation],
        captions: Tensor,
        residual: Tensor | None = None,
        keep: bool = False,
    ) -> Prediction:
        """Return d latents / d sigma.

        `latents` (B, C, h, w), one of `moment` per picture, `captions` (B, L, dim) from `caption`. A
        `residual` kept of an earlier prediction stands for the middle blocks, which are then not computed.
        """
        rows, columns = latents.shape[2] // PATCH, latents.shape[3] // PATCH
        rope = self._positions(captions.shape[1], rows, columns)
        inputs = ForwardInputs.of(latents, captions, modulations, rope)
        with attention.preferred(self._order(len(latents), padded(rows * columns), captions.shape[1])):
            row = inputs.tensors() if residual is None and not keep else None
            if (
                self._graphs is not None
                and row is not None
                and self._is_graphed(len(latents) * rows * columns)
            ):
                velocity, sums = self._graphs(*row)
                return Prediction(velocity, sums, None)
            return self._forward(inputs, residual, keep)

    def _order(self, batch: int, image: int, caption: int) -> attention.Order | None:
        """Return the kernels to prefer for a forward: no plan is made while somebody waits."""
        is_warm = self._compiled is not None and all(
            self._compiled.is_warm(batch, length) for length in (image, image + caption)
        )
        return self._kernels if is_warm else attention.without_plans(self._kernels)

    def _is_graphed(self, tokens: int) -> bool:
        """Say whether a forward is small, and whether all it consists of are kernels on fixed weights."""
        if tokens > MOST_GRAPHED:
            return False
        ends = (self.transformer.all_x_embedder[self._key], self.transformer.all_final_layer[self._key])
        blocks = (*self._noise, *self._layers)
        return all(map(untouched, ends)) and all(block.is_fused for block in blocks)

    def _computed(self, *row: Tensor) -> tuple[Tensor, ...]:
        latents, captions, time, rope, final, *factors = row
        velocity, sums, _ = self._forward(ForwardInputs(latents, captions, time, rope, final, tuple(factors)))
        return velocity, sums

    def _forward(
        self, inputs: ForwardInputs, residual: Tensor | None = None, keep: bool = False
    ) -> Prediction:
        model, latents = self.transformer, inputs.latents
        batch, channels, height, width = latents.shape
        rows, columns = height // PATCH, width // PATCH
        count = rows * columns
        block_pass = BlockPass(inputs.time, inputs.rope, iter(inputs.factors))
        patches = latents.to(self._dtype).view(batch, channels, rows, PATCH, columns, PATCH)
        patches = patches.permute(0, 2, 4, 3, 5, 1).reshape(batch, count, PATCH * PATCH * channels)
        tokens = functional.pad(model.all_x_embedder[self._key](patches), (0, 0, 0, padded(count) - count))
        tokens[:, count:] = model.x_pad_token
        tokens = self._through(self._noise, tokens, block_pass)
        tokens = torch.cat([tokens, inputs.captions.to(self._dtype)], dim=1)

        first, last = middle(len(self._layers))
        before = self._through(self._layers[:first], tokens, block_pass)
        if residual is None:
            tokens = self._through(self._layers[first:last], before, block_pass)
            residual = tokens - before if keep else None
        else:
            tokens = before + residual
            block_pass.skip(last - first, tokens)
        tokens = self._through(self._layers[last:], tokens, block_pass)
        patches = self._last(tokens[:, :count], inputs.final, block_pass.time)
        block_pass.note(patches)
        picture = patches.view(batch, rows, columns, PATCH, PATCH, channels).permute(0, 5, 1, 3, 2, 4)
        velocity = -picture.reshape(batch, channels, height, width).float()
        return Prediction(velocity, torch.stack(block_pass.sums), residual)

    def _through(self, blocks: Sequence[Block], tokens: Tensor, block_pass: BlockPass) -> Tensor:
        # The same strides whatever it is cut from, or the compiler takes it for another shape.
        rope = block_pass.rope[0, : tokens.shape[1]][None]
        for block in blocks:
            tokens = self._pass(block, tokens, rope, next(block_pass.factors), block_pass.time)
            block_pass.note(tokens)
        return tokens

    def _pass(
        self, block: Block, tokens: Tensor, rope: Tensor, factors: Tensor | None, time: Tensor | None
    ) -> Tensor:
        if block.is_whole or factors is None:
            return block.whole(tokens, rope, time, self._is_safe)
        return block(tokens, rope, factors)

    def _last(self, tokens: Tensor, scale: Tensor | None, time: Tensor) -> Tensor:
        final = self.transformer.all_final_layer[self._key]
        if not untouched(final) or scale is None:
            whole: Tensor = final(tokens, c=time)
            return whole
        last: Tensor = final.linear(final.norm_final(tokens) * scale[:, None])
        return last

    def _modulations(self, sigmas: Sequence[float]) -> list[Modulation]:
        model = self.transformer
        final = model.all_final_layer[self._key]
        times = 1 - torch.tensor(sigmas, device=model.device)
        time = model.t_embedder(times * model.t_scale).to(self._dtype)
        blocks = [
            None if block.is_whole else block.modulation(time) for block in (*self._noise, *self._layers)
        ]
        scale = 1 + final.adaLN_modulation(time) if untouched(final) else None
        return [
            Modulation(
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
