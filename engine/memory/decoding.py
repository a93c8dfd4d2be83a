"""What the decoder of a VAE does at once, whole and in strips: norm and SiLU, doubling and convolution.

Doubling a picture and convolving it 3×3 multiplies every value by several weights that could be added up
before: each of the four phases of the result is a convolution 2×2 of the small picture (Shi et al. 2016,
arXiv:1609.07009), four ninths of the products.
"""

import logging
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST_DIFFERENCE = 1e-3
"""Relative difference between the kernels and torch's own operations that is still rounding, in float32."""

log = logging.getLogger(__name__)


class ActivatedNorm(nn.GroupNorm):
    """Stands in for `norm` and the SiLU behind it.

    Torch's own group norm on CUDA has its channels first, so that it and the convolution after it would each
    move the whole picture; the kernels read it twice and write it once, where it lies.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__(norm.num_groups, norm.num_channels, norm.eps, device="meta")
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, values: Tensor) -> Tensor:
        """Return `(B, C, h, w)` of `values` (B, C, h, w)."""
        if _kernels_for(values) is None:
            return functional.silu(super().forward(values), inplace=True)
        return activated(values, *scaling(self, [values]))


def scaling(norm: nn.GroupNorm, strips: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return what each channel of a picture is multiplied by in its norm and what is added, (B, C) float32.

    `strips` (B, C, rows, w) are the picture. Each is read once: means and squared deviations of parts give
    those of the whole (Chan, Golub and LeVeque 1979).
    """
    found = [_moments(strip) for strip in strips]
    means, squares, counts = (
        torch.cat(each).unflatten(-1, (norm.num_groups, -1)) for each in zip(*found, strict=True)
    )
    share = counts / (counts.sum(0, keepdim=True) * means.shape[-1])
    mean = (share * means).sum((0, 3), keepdim=True)
    variance = (share * (squares / counts + (means - mean).square())).sum((0, 3), keepdim=True)
    factor = torch.rsqrt(variance + norm.eps) * norm.weight.float().view(means.shape[2:])
    offset = norm.bias.float().view(means.shape[2:]) - mean * factor
    return factor[0].flatten(1), offset[0].flatten(1)


def activated(values: Tensor, factor: Tensor, offset: Tensor) -> Tensor:
    """Return SiLU of `values` (B, C, h, w) times `factor` plus `offset`, (B, C) float32 both."""
    if (kernels := _kernels_for(values)) is not None:
        result: Tensor = kernels.activated(values, factor, offset)
        return result
    wide = torch.addcmul(offset[:, :, None, None], values.float(), factor[:, :, None, None])
    return functional.silu(wide, inplace=True).to(values.dtype)


def double(conv: nn.Conv2d, values: Tensor, result: Tensor, above: int = 0) -> None:
    """Fill `result` (B, C', 2h, 2w) with a 3×3 convolution of the doubled picture.

    `values` (B, C, rows, w) are the small one's rows; so many of them lie `above` those of the result, and
    none or one below. The weights are added up at every call, which costs next to nothing, so that they may
    be moved or changed.
    """
    height, width = result.shape[2] // 2, result.shape[3] // 2
    for row, rows in enumerate(_phases(conv.weight, 2)):
        for column, weight in enumerate(_phases(rows, 3)):
            # Padded on all sides and then cut, because a convolution would copy what is cut before.
            weight = weight.contiguous(memory_format=torch.channels_last)
            found = functional.conv2d(values, weight, conv.bias, padding=1)
            first = above + row
            result[:, :, row::2, column::2] = found[:, :, first : first + height, column : column + width]


def empty(values: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Return an empty (B, channels, height, width) that lies in memory as `values` do."""
    layout = torch.channels_last if _is_channels_last(values) else torch.contiguous_format
    shape = (len(values), channels, height, width)
    return torch.empty(shape, dtype=values.dtype, device=values.device, memory_format=layout)


def _moments(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return means, sums of squared deviations and counts (parts, B, C) of `values` (B, C, rows, w)."""
    if (kernels := _kernels_for(values)) is not None:
        means, squares, counts = kernels.moments(values)
        return means, squares, counts
    variance, mean = torch.var_mean(values.float(), (2, 3), correction=0)
    count = torch.full_like(mean, values.shape[2] * values.shape[3])
    return mean[None], (variance * count)[None], count[None]


def _kernels_for(values: Tensor) -> ModuleType | None:
    return _kernels(values.device) if values.is_cuda and _is_channels_last(values) else None


@cache
def _kernels(device: torch.device) -> ModuleType | None:
    """Return the kernels of a card where Triton is there and computes with them what torch does."""
    if find_spec("triton") is None:
        return None
    from engine.memory import norm_kernels

    try:
        off = norm_kernels.difference(device)
    except Exception as error:  # noqa: BLE001 - whatever a compiler for this card raises
        log.warning("the decoder runs without its own kernels: %s", str(error).partition("\n")[0])
        return None
    if off > LARGEST_DIFFERENCE:
        log.warning("the decoder runs without its own kernels: they are off by %.2g", off)
    return norm_kernels if off <= LARGEST_DIFFERENCE else None


def _is_channels_last(values: Tensor) -> bool:
    """Say whether the channels of a place lie side by side, and the places one behind the other."""
    _, channels, _, width = values.shape
    return values.stride()[1:] == (1, width * channels, channels)


def _phases(weight: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return the two taps along `axis` with which even and odd places of the doubled picture are computed."""
    first, middle, last = weight.unbind(axis)
    return torch.stack([first, middle + last], axis), torch.stack([first + middle, last], axis)
