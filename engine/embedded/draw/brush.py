"""A brush over Pillow that draws in unit coordinates with translucent colours.

Knows shapes and colour arithmetic. Knows nothing of what is drawn.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Colour `share` of the way from `a` to `b`."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def tint(colour: Colour, by: tuple[float, float, float]) -> Colour:
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


class Brush:
    """Draws on a square canvas whose corners are (0, 0) and (1, 1), y downward."""

    def __init__(self, size: int, oversample: int = 3) -> None:
        self.oversample = oversample
        self.pixels = size * oversample
        self.image = Image.new("RGB", (self.pixels, self.pixels))
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def finish(self) -> Image.Image:
        """The picture at its final size, anti-aliased."""
        return self.image.reduce(self.oversample)

    def gradient(self, top: float, bottom: float, stops: Sequence[Colour]) -> None:
        """Fill the band from `top` to `bottom` with evenly spaced colour stops."""
        first, last = round(top * self.pixels), round(bottom * self.pixels)
        at = np.linspace(0, len(stops) - 1, last - first)
        column = np.stack([np.interp(at, range(len(stops)), [c[i] for c in stops]) for i in range(3)], -1)
        strip = Image.fromarray(column.astype(np.uint8)[:, None])
        self.image.paste(strip.resize((self.pixels, last - first), Image.Resampling.NEAREST), (0, first))

    def polygon(self, points: Sequence[Point], fill: Colour, alpha: int = 255) -> None:
        """A filled polygon."""
        self._draw.polygon(self._scale(points), fill=(*fill, alpha))

    def outlined(self, points: Sequence[Point], fill: Colour, edge: Colour, width: float = 0.011) -> None:
        """A filled polygon with an edge line around it."""
        self.polygon(points, fill)
        self.line([*points, points[0], points[1]], edge, width)

    def line(self, points: Sequence[Point], fill: Colour, width: float, alpha: int = 255) -> None:
        """A line with round joints, `width` in units of the canvas."""
        pixels = max(1, round(width * self.pixels))
        self._draw.line(self._scale(points), fill=(*fill, alpha), width=pixels, joint="curve")

    def ellipse(
        self,
        centre: Point,
        rx: float,
        ry: float,
        fill: Colour,
        alpha: int = 255,
        edge: Colour | None = None,
        width: float = 0.011,
    ) -> None:
        """A filled ellipse with half-axes `rx` and `ry`, with an edge where one is given."""
        x, y, n = *centre, self.pixels
        box = ((x - rx) * n, (y - ry) * n, (x + rx) * n, (y + ry) * n)
        pixels = max(1, round(width * n)) if edge else 0
        self._draw.ellipse(box, fill=(*fill, alpha), outline=edge, width=pixels)

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Colour, alpha: int = 255
    ) -> None:
        """A filled rectangle."""
        n = self.pixels
        self._draw.rectangle((left * n, top * n, right * n, bottom * n), fill=(*fill, alpha))

    def _scale(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.pixels, y * self.pixels) for x, y in points]
