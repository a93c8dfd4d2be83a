"""A brush over Pillow that draws in unit coordinates with translucent colours."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]
Strength = tuple[float, float, float]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Colour `share` of the way from `a` to `b`."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def tint(colour: Colour, by: Strength) -> Colour:
    """Colour seen in light of relative strength `by` per channel."""
    red, green, blue = (min(255, round(x * y)) for x, y in zip(colour, by, strict=True))
    return red, green, blue


def curve(start: Point, bend: Point, end: Point, count: int = 9) -> list[Point]:
    """Points of the quadratic Bézier curve from `start` to `end`."""
    steps = [i / (count - 1) for i in range(count)]
    return [
        (
            (1 - t) ** 2 * start[0] + 2 * t * (1 - t) * bend[0] + t * t * end[0],
            (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * bend[1] + t * t * end[1],
        )
        for t in steps
    ]


def smooth(points: Sequence[Point], count: int = 5) -> list[Point]:
    """The closed Catmull-Rom curve through `points`, `count` points for each piece."""
    knots = np.array(points)
    before, after, beyond = np.roll(knots, 1, 0), np.roll(knots, -1, 0), np.roll(knots, -2, 0)
    t = (np.arange(count) / count)[None, :, None]
    a, b, c, d = (part[:, None] for part in (before, knots, after, beyond))
    path = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return [(x, y) for x, y in path.reshape(-1, 2).tolist()]


class Brush:
    """Draws on a canvas of area 1: x from 0 to `wide` rightward, y from 0 to `high` downward."""

    def __init__(self, width: int, height: int, oversample: int = 3) -> None:
        self.oversample = oversample
        self.scale = (width * height) ** 0.5 * oversample
        self.image = Image.new("RGB", (width * oversample, height * oversample))
        self.wide, self.high = self.image.width / self.scale, self.image.height / self.scale
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def replace(self, image: Image.Image) -> None:
        """Go on with `image`, of the same size, in the canvas's place."""
        self.image = image
        self._draw = ImageDraw.Draw(image, "RGBA")

    def gradient(self, top: float, bottom: float, stops: Sequence[Colour]) -> None:
        """Fill the band from `top` to `bottom` with evenly spaced colour stops."""
        first, last = round(top * self.scale), round(bottom * self.scale)
        at = np.linspace(0, len(stops) - 1, last - first)
        column = np.stack([np.interp(at, range(len(stops)), [c[i] for c in stops]) for i in range(3)], -1)
        strip = Image.fromarray(column.astype(np.uint8)[:, None])
        self.image.paste(strip.resize((self.image.width, last - first), Image.Resampling.NEAREST), (0, first))

    def polygon(self, points: Sequence[Point], fill: Colour, alpha: int = 255) -> None:
        """A filled polygon."""
        self._draw.polygon(self._scaled(points), fill=(*fill, alpha))

    def line(self, points: Sequence[Point], fill: Colour, width: float, alpha: int = 255) -> None:
        """A line with round joints."""
        pixels = max(1, round(width * self.scale))
        self._draw.line(self._scaled(points), fill=(*fill, alpha), width=pixels, joint="curve")

    def ellipse(self, centre: Point, rx: float, ry: float, fill: Colour, alpha: int = 255) -> None:
        """A filled ellipse with half-axes `rx` and `ry`."""
        x, y, n = *centre, self.scale
        box = ((x - rx) * n, (y - ry) * n, (x + rx) * n, (y + ry) * n)
        self._draw.ellipse(box, fill=(*fill, alpha))

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Colour, alpha: int = 255
    ) -> None:
        """A filled rectangle."""
        n = self.scale
        self._draw.rectangle((left * n, top * n, right * n, bottom * n), fill=(*fill, alpha))

    def halo(self, centre: Point, radius: float, fill: Colour, strength: float) -> None:
        """Soft light around `centre` that fades to nothing at `radius`."""
        for i in range(16):
            reach = radius * (1 - i / 16)
            self.ellipse(centre, reach, reach, fill, round(255 * strength / 16))

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.scale, y * self.scale) for x, y in points]
