"""Triton's kernels for a group norm and the SiLU behind it, for pictures with their channels last.

Only imported where Triton is there, as torch's CUDA builds for Linux bring it.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

TILE, WARPS = 8192, 8
"""Numbers that one program of a kernel holds at once, and the warps they are divided among."""


def moments(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return means, sums of squared deviations and counts of `values` (B, C, h, w): (parts, B, C) float32."""
    pictures, channels, _, _ = values.shape
    pixels, width, rows = _tile(values)
    parts = triton.cdiv(pixels, rows)
    means, squares = torch.empty((2, parts, pictures, channels), dtype=torch.float32, device=values.device)
    counts = torch.full_like(means, rows)
    counts[-1] = pixels - (parts - 1) * rows
    apart = values.stride(0) // channels
    _moments[parts, pictures](values, means, squares, pixels, apart, channels, width, rows, num_warps=WARPS)
    return means, squares, counts


def activated(values: Tensor, factor: Tensor, offset: Tensor) -> Tensor:
    """Return SiLU of `values` (B, C, h, w) times `factor` plus `offset`, (B, C) float32 both."""
    pictures, channels, _, _ = values.shape
    pixels, width, rows = _tile(values)
    result = torch.empty(
        values.shape, dtype=values.dtype, device=values.device, memory_format=torch.channels_last
    )
    apart = values.stride(0) // channels
    _activated[triton.cdiv(pixels, rows), pictures](
        values, factor, offset, result, pixels, apart, channels, width, rows, num_warps=WARPS
    )
    return result


def difference(device: torch.device) -> float:
    """Return the relative difference between the kernels and torch on a small example in float32."""
    values = torch.randn((2, 48, 20, 13), device=device).contiguous(memory_format=torch.channels_last)
    ones = torch.ones((2, 48), device=device)
    means, squares, counts = moments(values)
    mean = (means * counts).sum(0) / counts.sum(0)
    variance = (squares + counts * (means - mean).square()).sum(0) / counts.sum(0)
    factor = ones * torch.rsqrt(variance)
    found = activated(values, factor, -mean * factor)
    expected = functional.silu(functional.instance_norm(values, eps=0.0))
    return float((found - expected).norm() / expected.norm())


def _tile(values: Tensor) -> tuple[int, int, int]:
    """Return the places of a picture, and a tile's channels, a power of two, and places."""
    _, channels, height, wide = values.shape
    width: int = triton.next_power_of_2(channels)
    return height * wide, width, max(1, TILE // width)


@triton.jit  # type: ignore[untyped-decorator]
def _tile_of(  # type: ignore[no-untyped-def]
    values, part, picture, pixels, apart,
    channels: tl.constexpr, width: tl.constexpr, rows: tl.constexpr,
):  # fmt: skip
    """Return a tile's places and channels, which of it lies in the picture, and its numbers in float32."""
    row, channel = part * rows + tl.arange(0, rows), tl.arange(0, width)
    is_inside = (row < pixels)[:, None] & (channel < channels)[None, :]
    place = (picture * apart + row)[:, None] * channels + channel[None, :]
    return row, channel, is_inside, tl.load(values + place, mask=is_inside, other=0.0).to(tl.float32)


@triton.jit(do_not_specialize=["pixels", "apart"])  # type: ignore[untyped-decorator]
def _moments(  # type: ignore[no-untyped-def]
    values, means, squares, pixels, apart,
    channels: tl.constexpr, width: tl.constexpr, rows: tl.constexpr,
):  # fmt: skip
    part, picture = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    _, channel, is_inside, found = _tile_of(values, part, picture, pixels, apart, channels, width, rows)
    mean = tl.sum(found, 0) / tl.minimum(pixels - part * rows, rows)
    off = tl.where(is_inside, found - mean[None, :], 0.0)
    into = (part * tl.num_programs(1) + picture) * channels + channel
    tl.store(means + into, mean, mask=channel < channels)
    tl.store(squares + into, tl.sum(off * off, 0), mask=channel < channels)


@triton.jit(do_not_specialize=["pixels", "apart"])  # type: ignore[untyped-decorator]
def _activated(  # type: ignore[no-untyped-def]
    values, factor, offset, result, pixels, apart,
    channels: tl.constexpr, width: tl.constexpr, rows: tl.constexpr,
):  # fmt: skip
    part, picture = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    row, channel, is_inside, found = _tile_of(values, part, picture, pixels, apart, channels, width, rows)
    by = tl.load(factor + picture * channels + channel, mask=channel < channels, other=0.0)
    more = tl.load(offset + picture * channels + channel, mask=channel < channels, other=0.0)
    wide = found * by[None, :] + more[None, :]
    into = (picture * pixels + row)[:, None] * channels + channel[None, :]
    tl.store(result + into, wide * tl.sigmoid(wide), mask=is_inside)
