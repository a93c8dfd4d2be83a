"""One subject on a layer of its own, and how that layer is drawn into the picture.

Form shading, rim light, caps of snow, shadows and reflections all follow from the silhouette. Local
coordinates: u rightward from the middle, v upward from the foot, in heights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from lab.render.draw.brush import Brush, Colour, Point
from lab.render.draw.palette import NIGHTSHADE, Paint, Setting

REACH = 1.05
TOP, BOTTOM = 1.12, 0.12


class Figure:
    """A layer to draw a subject on; shapes make up the silhouette, marks stay inside it."""

    def __init__(self, height: float, scale: float, paint: Paint) -> None:
        self.height, self.paint = height, paint
        self.pixels = height * scale
        self.edge = (0.006 + 0.008 * height) * scale
        size = (round(2 * REACH * self.pixels), round((TOP + BOTTOM) * self.pixels))
        self.colour = Image.new("RGB", size, paint.edge)
        self.mask = Image.new("L", size)
        self._on_colour = ImageDraw.Draw(self.colour, "RGBA")
        self._on_mask = ImageDraw.Draw(self.mask)

    def shape(self, points: Sequence[Point], fill: Colour, edge: bool = True) -> None:
        """A filled polygon of the silhouette, with the paint's edge line around it."""
        at = self._scaled(points)
        self._on_colour.polygon(at, fill=fill)
        self._on_mask.polygon(at, fill=255)
        if edge:
            self._stroke([*at, at[0], at[1]], self.paint.edge, self.edge)

    def oval(self, centre: Point, ru: float, rv: float, fill: Colour, edge: bool = True) -> None:
        """A filled ellipse of the silhouette."""
        box = self._box(centre, ru, rv)
        pixels = max(1, round(self.edge)) if edge else 0
        self._on_colour.ellipse(box, fill=fill, outline=self.paint.edge if edge else None, width=pixels)
        self._on_mask.ellipse(box, fill=255)

    def stroke(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """A line of the silhouette, `width` in heights."""
        self._stroke(self._scaled(points), fill, width * self.pixels)

    def mark(self, points: Sequence[Point], fill: Colour, alpha: int = 255) -> None:
        """A filled polygon inside the silhouette."""
        self._on_colour.polygon(self._scaled(points), fill=(*fill, alpha))

    def dot(self, centre: Point, ru: float, rv: float, fill: Colour, alpha: int = 255) -> None:
        """A filled ellipse inside the silhouette."""
        self._on_colour.ellipse(self._box(centre, ru, rv), fill=(*fill, alpha))

    def trace(self, points: Sequence[Point], fill: Colour, width: float, alpha: int = 255) -> None:
        """A line inside the silhouette, `width` in heights."""
        pixels = max(1, round(width * self.pixels))
        self._on_colour.line(self._scaled(points), fill=(*fill, alpha), width=pixels, joint="curve")

    def flip(self) -> None:
        """Mirror the layer; nothing more can be drawn on it."""
        self.colour = self.colour.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        self.mask = self.mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    def _stroke(self, at: list[Point], fill: Colour, width: float) -> None:
        pixels = max(1, round(width))
        self._on_colour.line(at, fill=fill, width=pixels, joint="curve")
        self._on_mask.line(at, fill=255, width=pixels, joint="curve")

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        return [((u + REACH) * self.pixels, (TOP - v) * self.pixels) for u, v in points]

    def _box(self, centre: Point, ru: float, rv: float) -> tuple[float, float, float, float]:
        (x, y), n = self._scaled([centre])[0], self.pixels
        return x - ru * n, y - rv * n, x + ru * n, y + rv * n


@dataclass(frozen=True)
class Stand:
    """Where a figure stands: foot in units of the canvas, and whether it casts, mirrors and has form."""

    x: float
    y: float
    shadow: bool = False
    mirror: bool = False
    shine: bool = True


def place(brush: Brush, figure: Figure, stand: Stand, setting: Setting) -> None:
    """Bring the figure into the picture with its shadow or reflection, lit from where the light stands."""
    left, top = _corner(brush, figure, stand)
    side = 1 if setting.glow_x > stand.x else -1
    if stand.shine:
        _shine(figure, setting, side)
    if stand.mirror:
        _mirror(brush, figure, (left, round(stand.y * brush.scale)), setting)
    if stand.shadow and setting.light.shadow:
        _shadow(brush, figure, (left, round(stand.y * brush.scale)), setting, side)
    if setting.time == "night":
        _halo(brush, figure, (left, top), setting)
    brush.image.paste(figure.colour, (left, top), figure.mask)


def cover(brush: Brush, figure: Figure, stand: Stand) -> Image.Image:
    """Where the figure hides the canvas: 255 on its silhouette, 0 elsewhere."""
    covered = Image.new("L", brush.image.size)
    covered.paste(figure.mask, _corner(brush, figure, stand))
    return covered


def _corner(brush: Brush, figure: Figure, stand: Stand) -> tuple[int, int]:
    """Pixel of the canvas at which the layer's top left corner is."""
    left = round(stand.x * brush.scale - REACH * figure.pixels)
    return left, round(stand.y * brush.scale - TOP * figure.pixels)


def _shine(figure: Figure, setting: Setting, side: int) -> None:
    """Form shading across, rim light towards the light, snow on what faces up."""
    pixels = np.asarray(figure.colour, dtype=np.float32)
    across = np.linspace(1 - 0.16 * side, 1 + 0.16 * side, pixels.shape[1], dtype=np.float32)
    pixels = pixels * np.clip(across, 0.8, 1.10)[None, :, None]
    thick = max(1, round(figure.edge * 1.3))
    rim = _facing(figure.mask, -side * thick, thick // 2)
    pixels = _blend(pixels, setting.light.glow, rim * setting.light.rim)
    if setting.weather == "snow":
        cap = _facing(figure.mask, 0, max(2, round(0.035 * figure.pixels)))
        pixels = _blend(pixels, setting.snow(), cap * 0.95)
    figure.colour = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _facing(mask: Image.Image, dx: int, dy: int) -> NDArray[np.float32]:
    """1 where the silhouette's own copy, moved by (dx, dy), leaves it bare."""
    moved = Image.new("L", mask.size)
    moved.paste(mask, (dx, dy))
    bare = ImageChops.subtract(mask, moved)
    return np.asarray(bare, dtype=np.float32) / np.float32(255)


def _blend(
    pixels: NDArray[np.float32], colour: tuple[int, ...], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    target: NDArray[np.float32] = np.array(colour, dtype=np.float32)
    return pixels + (target - pixels) * share[..., None]


def _below(figure: Figure, image: Image.Image, length: float, lean: float) -> Image.Image:
    """The layer turned upside down at its foot, `length` of its height, leaning by `lean` heights."""
    width = image.width
    foot = TOP * figure.pixels
    shear = -lean * figure.pixels / max(1.0, foot * length)
    data = (1.0, shear, 0.0, 0.0, -1 / length, foot)
    return image.transform(
        (width, max(1, round(foot * length))), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
    )


def _shadow(brush: Brush, figure: Figure, at: tuple[int, int], setting: Setting, side: int) -> None:
    length = setting.light.shadow
    mask = _below(figure, figure.mask, length, -side * length * 1.1)
    brush.image.paste(NIGHTSHADE, at, mask.point(lambda value: value * 0.34))


def _mirror(brush: Brush, figure: Figure, at: tuple[int, int], setting: Setting) -> None:
    """A broken reflection in the water below the foot."""
    colour = _below(figure, figure.colour, 0.62, 0.0)
    mask = np.asarray(_below(figure, figure.mask, 0.62, 0.0), dtype=np.float32)
    rows = np.arange(mask.shape[0], dtype=np.float32)
    period = 0.045 * brush.scale
    fade = np.clip(0.62 - 0.5 * rows / len(rows), 0, 1) * (0.72 + 0.28 * np.sin(rows * 6.28 / period))
    brush.image.paste(colour, at, Image.fromarray((mask * fade[:, None]).astype(np.uint8)))


def _halo(brush: Brush, figure: Figure, at: tuple[int, int], setting: Setting) -> None:
    """Moonlit air around a subject, so that a dark one reads at night."""
    small = figure.mask.reduce(4).filter(ImageFilter.GaussianBlur(0.014 * brush.scale))
    soft = small.resize(figure.mask.size).point(lambda value: value * 0.34)
    brush.image.paste((120, 140, 214), at, soft)
