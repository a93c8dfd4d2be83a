"""The floor of a forward: its matrix products alone, at the model's own shapes and with its own weights.

What a forward takes above it is what an implementation can save. Products of one shape share their input, so
that the floor takes the memory of one block, whatever the number of blocks.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.memory.estimate import square
from engine.models.zimage.denoiser import PATCH, padded
from lab.bench.clock import best_of

MOST_SCORES = 2**28
"""Scores of attention at once; of a larger picture some heads at a time are multiplied."""


def products(transformer: Any, tokens: int, caption: int, batch: int) -> Callable[[], None]:
    """Return a function that computes the products of one forward of `batch` pictures.

    `tokens` image tokens and `caption` refined caption tokens a picture. What depends on the prompt or on the
    noise level alone is not part of it.
    """
    image = padded(tokens)
    key = f"{PATCH}-1"
    shared = cache(_random)
    work = [_linear(transformer.all_x_embedder[key], batch, tokens, shared)]
    for blocks, length in ((transformer.noise_refiner, image), (transformer.layers, image + caption)):
        for block in blocks:
            work += _block(block, batch, length, shared)
    work.append(_linear(transformer.all_final_layer[key].linear, batch, tokens, shared))

    def run() -> None:
        for step in work:
            step()

    return run


def operations(transformer: Any, tokens: int, caption: int, batch: int) -> int:
    """Return the floating-point operations of these products."""
    image = padded(tokens)
    key = f"{PATCH}-1"
    ends = (transformer.all_x_embedder[key], transformer.all_final_layer[key].linear)
    count = sum(2 * batch * tokens * layer.weight.numel() for layer in ends)
    for blocks, length in ((transformer.noise_refiner, image), (transformer.layers, image + caption)):
        for block in blocks:
            dim = block.attention.to_q.weight.shape[0]
            count += sum(2 * batch * length * layer.weight.numel() for layer in _layers(block))
            count += 4 * batch * length**2 * dim
    return int(count)


def matmul_ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """Return the operations per second of a large square matrix product, the best of ten."""
    product, count = square(device, dtype)
    return count / best_of({"product": product}, 10)["product"]


Values = Callable[[tuple[int, ...], torch.device, torch.dtype], Tensor]


def _random(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, device=device, dtype=dtype)


def _block(block: Any, batch: int, length: int, values: Values) -> Iterator[Callable[[], object]]:
    attention = block.attention
    for layer in _layers(block):
        yield _linear(layer, batch, length, values)
    weight = attention.to_q.weight
    heads = batch * attention.heads
    at_once = max(1, min(heads, MOST_SCORES // length**2))
    query = values((heads, length, weight.shape[0] // attention.heads), weight.device, weight.dtype)
    scores = values((at_once, length, length), weight.device, weight.dtype)
    for part in query.split(at_once):
        yield partial(torch.bmm, part, part.transpose(1, 2))
        yield partial(torch.bmm, scores[: len(part)], part)


def _layers(block: Any) -> tuple[Any, ...]:
    attention, feed = block.attention, block.feed_forward
    return (
        attention.to_q, attention.to_k, attention.to_v, attention.to_out[0], feed.w1, feed.w3, feed.w2
    )  # fmt: skip


def _linear(layer: Any, batch: int, length: int, values: Values) -> Callable[[], object]:
    weight: Tensor = layer.weight
    return partial(
        functional.linear, values((batch, length, weight.shape[1]), weight.device, weight.dtype), weight
    )
