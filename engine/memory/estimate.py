"""The least seconds that a forward takes: its operations over the measured speed of one large matrix product.

A picture really takes longer.
"""

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from engine.memory.plan import GIB, Plan
from engine.memory.sizes import Sizes, Weights
from engine.memory.weights import FAST, Packed, products
from engine.types import image_tokens

CAPTION = 32
"""Caption tokens of the shortest prompt."""
STREAMING = 0.05 / GIB
"""Seconds a streamed byte takes over PCIe 4 from page-locked memory."""
TURNS = 5


def operations(sizes: Sizes, width: int, height: int) -> float:
    """Return the floating-point operations of one forward's blocks.

    Two per weight and token, and attention's two products of every pair of tokens. A block has attention's
    four square matrices and three of 8/3 times their size, which gives its width.
    """
    stack, tokens = sizes.transformer, image_tokens(width, height) + CAPTION
    width_of_block = math.sqrt(stack.linear / 12)
    return stack.blocks * (2 * stack.linear * tokens + 4 * width_of_block * tokens**2)


def at_best(plan: Plan, width: int, height: int, ceiling: float) -> float:
    """Return the seconds of one forward at `ceiling` operations a second, its streaming hidden behind it."""
    return max(operations(plan.sizes, width, height) / ceiling, plan.streamed_bytes * STREAMING)


def ceiling(device: torch.device, dtype: torch.dtype, weights: Weights = "plain") -> float:
    """Return the operations per second of a large square matrix product, by the clock, the best of a few.

    Where `weights` are multiplied in eight bits, so is this one.
    """
    product, count = square(device, dtype, weights)
    return count / min(_timed(product, device) for _ in range(1 + TURNS))


def square(
    device: torch.device, dtype: torch.dtype, weights: Weights = "plain"
) -> tuple[Callable[[], Tensor], int]:
    """Return a large square matrix product and its operations."""
    side = {"cuda": 8192, "mps": 2048}.get(device.type, 512)
    left = torch.randn((side, side), device=device).to(dtype)
    if weights in FAST:
        kept = Packed.of(left, weights)
        return lambda: products(left, [kept])[0], 2 * side**3
    return lambda: left @ left, 2 * side**3


def _timed(run: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
