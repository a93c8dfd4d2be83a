"""A picture through a network in tiles that overlap and fade into each other."""

import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from engine import guards
from engine.memory import allocator
from engine.types import EngineError, Progress

FEATHER = 8
"""Input pixels over which one tile fades into the next."""
SMALLEST_TILE = 64
LIVE = 3
"""Outputs of the widest layer that exist at once: input, output and activation."""

Pixels = NDArray[np.uint8]
R = TypeVar("R")


@dataclass(frozen=True)
class Network:
    """A network on its device: `(B, 3, h, w)` → `(B, 3, scale·h, scale·w)`, both in [0, 1].

    `reach` is how far, in input pixels, an output pixel sees; beyond it tiles leave no trace.
    `width` is how many numbers its widest layer makes of an input pixel.
    """

    name: str
    module: Any
    scale: int
    reach: int
    device: torch.device
    dtype: torch.dtype
    width: int = 0

    @torch.inference_mode()
    def __call__(self, window: Pixels) -> NDArray[np.float32]:
        """Upscale `(h, w, 3)` levels to `(scale·h, scale·w, 3)` levels, neither clamped nor rounded."""
        batch = torch.from_numpy(np.ascontiguousarray(window)).to(self.device).permute(2, 0, 1)[None]
        batch = batch.to(self.dtype).div_(255).contiguous(memory_format=torch.channels_last)
        upscaled: Tensor = self.module(batch)[0].float().mul_(255).permute(1, 2, 0)
        result: NDArray[np.float32] = upscaled.cpu().numpy()
        return result

    def takes(self, tile: int) -> int:
        """Return the bytes that a window of `tile` pixels a side takes while it goes through."""
        levels = 3 * (1 + self.scale**2) * torch.float32.itemsize
        return tile**2 * (LIVE * self.width * self.dtype.itemsize + levels)

    def fitting(self, largest: int, free: int) -> int:
        """Return the side of a tile: `largest`, halved until it fits in `free` bytes or is the smallest."""
        tile = largest
        while tile // 2 >= SMALLEST_TILE and self.takes(tile) > free:
            tile //= 2
        return tile


@torch.inference_mode()
def measured(network: Network, layers: nn.Module) -> Network:
    """Return the network with its width, measured by every layer's output for the smallest tile."""
    widest = 0

    def see(layer: nn.Module, given: Any, output: Any) -> None:
        nonlocal widest
        widest = max(widest, output.numel() if isinstance(output, Tensor) else 0)

    hooks = [layer.register_forward_hook(see) for layer in layers.modules()]
    try:
        network(np.zeros((SMALLEST_TILE, SMALLEST_TILE, 3), np.uint8))
    finally:
        for hook in hooks:
            hook.remove()
    return replace(network, width=-(-widest // SMALLEST_TILE**2))


def super_resolved(
    picture: Pixels, factor: int, network: Network, tile: int
) -> Generator[Progress, None, Pixels]:
    """Run the network until `(h, w, 3)` is `factor` times larger or more, then reduce it to the factor.

    Out of memory, it begins again with tiles of half the side.
    """
    try:
        return (yield from _passes(picture, factor, network, tile))
    except (RuntimeError, MemoryError) as error:
        if not guards.out_of_memory(error):
            raise
        if tile // 2 < SMALLEST_TILE:
            raise EngineError("out_of_memory", "not even a small tile fits in memory; try later") from error
    allocator.give_back(network.device)
    return (yield from super_resolved(picture, factor, network, tile // 2))


def returned(stage: Generator[Any, None, R]) -> R:
    """Run a stage to its end for what it returns, such as a picture."""
    while True:
        try:
            next(stage)
        except StopIteration as end:
            result: R = end.value
            return result


def _passes(picture: Pixels, factor: int, network: Network, tile: int) -> Generator[Progress, None, Pixels]:
    height, width = picture.shape[:2]
    scales = [1]
    while scales[-1] < factor:
        scales.append(scales[-1] * network.scale)
    parts = sum(tiles(height * scale, width * scale, network, tile) for scale in scales[:-1])
    ticks = (Progress(done, parts) for done in itertools.count(1))
    for _ in scales[1:]:
        picture = yield from upscale_once(picture, network, tile, ticks)
    if scales[-1] == factor:
        return picture
    size = (width * factor, height * factor)
    # Averages whole pixels where the ratio is whole; in between it would weigh neighbours unevenly.
    resampling = Image.Resampling.LANCZOS if scales[-1] % factor else Image.Resampling.BOX
    return np.asarray(Image.fromarray(picture).resize(size, resampling))


def upscale_once(
    picture: Pixels, network: Network, tile: int, ticks: Iterator[Progress]
) -> Generator[Progress, None, Pixels]:
    """Upscale `(h, w, 3)` by the network's scale in windows of at most `tile` pixels a side.

    Yields the next of `ticks` after every tile and returns the result; close it to stop. The picture's edges
    are continued outwards, so no window sees an end, and the result does not depend on `tile` where the
    network's `reach` is true. Raises `EngineError("numerics")` for a network that gives no numbers.
    """
    reach, scale = network.reach, network.scale
    padded = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), "edge")
    height, width = picture.shape[:2]
    result = np.empty((scale * height, scale * width, 3), np.uint8)
    for top, bottom in spans(height, tile - 2 * reach):
        band = np.empty((scale * (bottom - top), scale * width, 3), np.float32)
        for left, right in spans(width, tile - 2 * reach):
            upscaled = network(padded[top : bottom + 2 * reach, left : right + 2 * reach])
            if not np.isfinite(upscaled).all():
                raise EngineError("numerics", f"the weights {network.name} give pixels that are no numbers")
            inner = slice(scale * reach, -scale * reach or None)
            fade_in(band.swapaxes(0, 1), upscaled[inner, inner].swapaxes(0, 1), scale * left, scale * FEATHER)
            yield next(ticks)
        fade_in(result, band.clip(0, 255), scale * top, scale * FEATHER)
    return result


def spans(length: int, longest: int, overlap: int = FEATHER, multiple: int = 1) -> list[tuple[int, int]]:
    """Cut `length` into as few equal spans of at most `longest` pixels as overlap by `overlap` or more.

    Where there are several, their length is a multiple of `multiple`, as `longest` must be.
    """
    longest = max(longest, 2 * overlap)
    if length <= longest:
        return [(0, length)]
    count = -(-(length - overlap) // (longest - overlap))
    even = -(-(length + (count - 1) * overlap) // count)
    span = -(-even // multiple) * multiple
    starts = [round(index * (length - span) / (count - 1)) for index in range(count)]
    return [(start, start + span) for start in starts]


def tiles(height: int, width: int, network: Network, tile: int) -> int:
    """Return how many tiles `upscale_once` will make."""
    core = tile - 2 * network.reach
    return len(spans(height, core)) * len(spans(width, core))


def fade_in(under: NDArray[Any], piece: NDArray[Any], start: int, feather: int) -> None:
    """Paste `piece` into `under` from row `start`, its first `feather` rows blended with what is there."""
    feather = feather if start else 0
    shares = ((np.arange(feather, dtype=np.float32) + 0.5) / max(feather, 1))[:, None, None]
    blended = under[start : start + feather] * (1 - shares) + piece[:feather] * shares
    whole = np.concatenate([blended, piece[feather:]])
    under[start : start + len(piece)] = np.rint(whole) if under.dtype == np.uint8 else whole
