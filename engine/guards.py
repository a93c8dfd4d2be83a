"""Numbers that went wrong: cheap checks after encoding, every step and decoding, and the way back in float32.

Knows tensors and bounds. Each check returns why something is broken, or None. Knows no model in particular.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

LARGEST_LATENT = 100.0
"""Latents have about unit variance in the sampler's space; far beyond this no VAE was trained."""
SMALLEST_SPREAD = 0.01
"""Standard deviation of pixels in [-1, 1] below which a picture is one flat colour; about one level."""


def embedding(caption: Tensor) -> str | None:
    """Check a caption embedding `(n, features)`."""
    return None if bool(torch.isfinite(caption).all()) else "caption embedding is not finite"


def latents(batch: Tensor) -> list[str | None]:
    """Check each picture of `batch` (B, C, h, w) after a step; the device is waited for once."""
    flags: list[bool] = torch.isfinite(batch).flatten(1).all(dim=1).tolist()
    return [None if finite else "latents are not finite" for finite in flags]


def final_latents(final: Tensor) -> str | None:
    """Check the latents `(C, h, w)` that go to the VAE. A value that is no number fails, too."""
    largest = float(final.abs().max())
    return (
        None
        if largest <= LARGEST_LATENT
        else f"final latents reach {largest:.3g}, allowed {LARGEST_LATENT:g}"
    )


def pixels(picture: Tensor) -> str | None:
    """Check decoded pixels `(3, height, width)` in [-1, 1]: finite, and neither black nor one flat colour."""
    spread = float(picture.clamp(-1, 1).flatten(1).std(dim=1).max())
    if spread >= SMALLEST_SPREAD and bool(torch.isfinite(picture).all()):
        return None
    return f"pixels are flat or not finite (spread {spread:.3g})"


@contextmanager
def in_float32(*modules: nn.Module) -> Iterator[None]:
    """Hold the bfloat16 parameters of `modules` in float32 inside the block; there and back loses nothing."""
    narrow = [p for module in modules for p in module.parameters() if p.dtype == torch.bfloat16]
    _cast(narrow, torch.float32)
    try:
        yield
    finally:
        _cast(narrow, torch.bfloat16)


def _cast(parameters: list[nn.Parameter], dtype: torch.dtype) -> None:
    # Not Module.to: it would narrow the buffers that are always float32 (rotary frequencies).
    with torch.inference_mode(False):
        for parameter in parameters:
            parameter.data = parameter.data.to(dtype)
