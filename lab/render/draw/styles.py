"""The three styles of a picture: flat colours, a watercolour wash, ink lines.

Works on the oversampled picture and returns it at its final size.
"""

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

PAPER = (250, 246, 236)
INK = (34, 30, 46)
Pixels = NDArray[np.float32]


def flat(image: Image.Image, oversample: int) -> Image.Image:
    """The picture as it is, anti-aliased."""
    return image.reduce(oversample)


def watercolour(image: Image.Image, oversample: int, rng: Random) -> Image.Image:
    """Edges that wander and darken, pigment in clouds, a ragged border of bare paper."""
    noise = np.random.default_rng(rng.getrandbits(32))
    small = image.reduce(oversample)
    width, height = small.size
    scale = (width * height) ** 0.5
    soft = _warped(small, noise, 0.006 * scale)
    blurred = np.asarray(Image.fromarray(soft).filter(ImageFilter.BoxBlur(0.014 * scale)), dtype=np.float32)
    pixels = soft.astype(np.float32)
    pixels -= 0.65 * np.abs(pixels - blurred).mean(-1, keepdims=True)
    cloud = _noise(noise, width, height, 5) * 0.65 + _noise(noise, width, height, 13) * 0.35
    grain = _noise(noise, width, height, 60)
    strength = np.clip(0.84 + 0.24 * cloud + 0.05 * grain, 0.5, 1.0)
    paper = (strength * _border(noise, width, height, scale))[..., None]
    painted = np.array(PAPER, dtype=np.float32) * (1 - paper) + pixels * paper
    return Image.fromarray(painted.clip(0, 255).astype(np.uint8))


def ink(image: Image.Image, oversample: int) -> Image.Image:
    """Dark lines along every edge over a thin wash of the colours, with hatching in the dark parts."""
    small = image.reduce(oversample)
    scale = (small.width * small.height) ** 0.5
    wash = Image.blend(
        small.filter(ImageFilter.BoxBlur(0.004 * scale)), Image.new("RGB", small.size, PAPER), 0.36
    )
    dark = np.asarray(wash.convert("L"), dtype=np.float32)
    rows, columns = np.indices(dark.shape, dtype=np.float32)
    stripes = np.clip(np.sin((rows + columns) * 6.28 / (0.036 * scale)), 0, 1)
    hatch = np.clip((112 - dark) / 60, 0, 1) * stripes * 80
    drawn = _edges(image).reduce(oversample).point([min(240, round(value * 1.5)) for value in range(256)])
    lines = ImageChops.lighter(drawn, Image.fromarray(hatch.astype(np.uint8)))
    wash.paste(INK, (0, 0), lines)
    return wash


def _edges(image: Image.Image) -> Image.Image:
    """Where neighbouring pixels differ, in any channel, across or down: 0 to 255."""
    reach = max(1, round(0.002 * (image.width * image.height) ** 0.5))
    found = Image.new("L", image.size)
    for dx, dy in ((reach, 0), (0, reach)):
        before, after = ImageChops.offset(image, dx, dy), ImageChops.offset(image, -dx, -dy)
        for channel in ImageChops.difference(before, after).split():
            found = ImageChops.lighter(found, channel)
    lines = found.point([min(240, max(0, (value - 18) * 9)) for value in range(256)])
    inside = Image.new("L", image.size)
    inside.paste(lines.crop((reach, reach, image.width - reach, image.height - reach)), (reach, reach))
    return inside


def _noise(source: np.random.Generator, width: int, height: int, cells: int) -> Pixels:
    """Smooth noise in [-1, 1] of about `cells` bumps a side."""
    small = Image.fromarray(source.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def _warped(image: Image.Image, source: np.random.Generator, reach: float) -> NDArray[np.uint8]:
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    rows, columns = np.indices((height, width), dtype=np.float32)
    rows += reach * _noise(source, width, height, 26)
    columns += reach * _noise(source, width, height, 26)
    found: NDArray[np.uint8] = pixels[
        rows.round().astype(np.int32).clip(0, height - 1), columns.round().astype(np.int32).clip(0, width - 1)
    ]
    return found


def _border(source: np.random.Generator, width: int, height: int, scale: float) -> Pixels:
    """1 inside, 0 at the ragged edge of the wash."""
    rows = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None] / scale
    columns = np.minimum(np.arange(width), np.arange(width)[::-1])[None, :] / scale
    ragged = np.minimum(rows, columns) + 0.022 * _noise(source, width, height, 12)
    inside: Pixels = np.clip((ragged - 0.020) / 0.016, 0, 1).astype(np.float32)
    return inside
