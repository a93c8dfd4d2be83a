"""Which of torch's attention kernels are used, in which order.

All compute the same; what a kernel does not support (a precision, a head size) falls to the next.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

Order = tuple[SDPBackend, ...]

HOPPER: Order = (
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
)
AMPERE: Order = (
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
)
OLDER: Order = (SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)
"""Flash attention begins with compute capability 8, cuDNN's with 8 as well and shines from 9 on."""
TRIAL = 64
"""Tokens of the attention each kernel is tried with at start."""
LARGEST_DIFFERENCE = 0.02
"""Relative difference between two kernels that is still rounding, in half precision."""


def chosen(transformer: Any) -> Order | None:
    """Return what to prefer for a transformer on CUDA; None leaves the choice to torch, as elsewhere."""
    device = transformer.device
    if device.type != "cuda":
        return None
    heads = transformer.layers[0].attention.heads
    shape = (1, heads, TRIAL, transformer.dim // heads)
    example = torch.randn(shape, device=device).to(transformer.dtype)
    return working(by_capability(torch.cuda.get_device_capability(device)), example)


def without_plans(kernels: Order | None) -> Order | None:
    """Return `kernels` with cuDNN's behind the others that are fast.

    It makes a plan for each new shape, which takes half a second and more; the others need none. So cuDNN's
    is for shapes that were warmed.
    """
    if kernels is None:
        return None
    last = [kernel for kernel in kernels if kernel in (SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH)]
    return (*(kernel for kernel in kernels if kernel not in last), *last)


def by_capability(capability: tuple[int, int]) -> Order:
    """Return what to prefer on a CUDA device of this compute capability."""
    return HOPPER if capability >= (9, 0) else AMPERE if capability >= (8, 0) else OLDER


@torch.inference_mode()
def working(kernels: Order, example: Tensor) -> Order:
    """Return those of `kernels` that attend over `example` (1, heads, n, d) and find what the last does."""
    expected = _attended(kernels[-1:], example)
    assert expected is not None
    found = ((kernel, _attended((kernel,), example)) for kernel in kernels)
    return tuple(
        kernel
        for kernel, result in found
        if result is not None and float((result - expected).norm() / expected.norm()) <= LARGEST_DIFFERENCE
    )


def _attended(kernels: Order, example: Tensor) -> Tensor | None:
    with warnings.catch_warnings(), preferred(kernels), suppress(RuntimeError):
        # Torch warns at length when a kernel cannot be used.
        warnings.simplefilter("ignore")
        return functional.scaled_dot_product_attention(example, example, example).float()
    return None


@contextmanager
def preferred(kernels: Order | None) -> Iterator[None]:
    """Have attention inside the block computed by the first of `kernels` that can; None changes nothing."""
    if kernels is None:
        yield
        return
    with sdpa_kernel(list(kernels), set_priority=True):
        yield
