"""From a scene of the picture-book world to its picture, and to where its things stand."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lab.render.book import drawings
from lab.render.book.scene import BookScene
from lab.render.book.subjects import SUBJECTS
from lab.render.book.vocabulary import SEALED
from lab.render.draw.brush import Brush
from lab.render.draw.figure import REACH, TOP, Figure, Stand, cover, place
from lab.render.draw.palette import NIGHTSHADE, TIMES, Setting, paint
from lab.render.draw.subjects import draw_figure
from lab.render.draw.water import pond, rock
from lab.render.scene import Scene, Thing
from lab.render.scenes import CELL, GRID, WATERS, backdrop, chance, finished, setting_of

PATCH = 16
"""Pixels of a side of the transformer's patches."""
FREE = frozenset({"underwater", "space"})
"""Places without a ground."""
FEET = {"near": 0.94, "middle": 0.88, "far": 0.74}
FLOATING = {"near": 0.75, "middle": 0.62, "far": 0.45}
"""How low the squares of what flies end, as shares of the height."""
SIDES = {"near": 12, "middle": 8, "far": 4}
"""Patches of the side of the square that a drawing stands in, at each distance."""
SMALLER = {12: 8, 8: 6, 6: 4}
HUGE, MEDIUM, TINY = 0.6, 0.46, 0.3
"""Heights of subjects from which one is huge, or of medium size, and up to which it is tiny."""
PARTS = 4
"""Parts of a side of a drawing's square, each shown in one, two or three whole patches of a side."""
PLACES_WITHIN = 14
"""Places that a patch can have within a part: one where it is all of it, one of 2 by 2, or of 3 by 3."""
SHOWN = 24
"""How much of a patch, of 255, a drawing must cover to be what the patch shows."""
HAND = {"hot-air-balloon": "balloon"}
"""What `lab.render.draw` calls subjects that it calls otherwise."""


class Spot(NamedTuple):
    """Where one thing stands: which of the scene's, and its square's left edge, foot and side in patches.

    The canvas is `GRID` patches wide where it is square. Drawings stand in whole patches, in sizes that are
    simple ratios of each other, so that a drawing looks the same to the autoencoder wherever it stands.
    """

    thing: int
    left: int
    foot: int
    side: int


def render_array(scene: Scene, width: int = 128, height: int | None = None) -> NDArray[np.uint8]:
    """The picture of a scene (height, width, 3), square without a height; the same each time."""
    brush = Brush(width, height or width)
    setting = setting_of(scene, brush)
    _draw_all(brush, scene, setting)
    return np.asarray(finished(brush, scene, setting, width, height or width))


def silhouettes(scene: Scene, width: int = 128, height: int | None = None) -> NDArray[np.uint8]:
    """How much of each cell each thing covers, (2, height / `CELL`, width / `CELL`), 255 for all of it."""
    brush = Brush(width // CELL, (height or width) // CELL)
    cells = np.zeros((2, (height or width) // CELL, width // CELL), np.uint8)
    for index, covered in _draw_all(brush, scene, setting_of(scene, brush)):
        cells[index] = np.maximum(cells[index], np.asarray(covered.reduce(brush.oversample)))
    return cells


def parts(scene: Scene, width: int, height: int, covers: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Which part of which thing each patch shows, and where within it, (2, height / 16, width / 16).

    From a scene's `silhouettes`. The first is thing 0 or 1 times `PARTS`², plus the part, row by row; -1 for
    the scenery. The second is one of `PLACES_WITHIN`, or -1 where parts are no whole patches.
    """
    rows, columns = height // PATCH, width // PATCH
    side = PATCH // CELL
    covered = covers.reshape(2, rows, side, columns, side).mean((2, 4))
    shown = np.full((2, rows, columns), -1, np.int8)
    for thing, left, foot, size in _spots(scene, rows, columns):
        box = slice(foot - size, foot), slice(left, left + size)
        is_shown = covered[thing][box] > SHOWN
        across = np.arange(size)
        part = across * PARTS // size
        shown[0][box][is_shown] = (thing * PARTS**2 + part[:, None] * PARTS + part)[is_shown]
        each = size // PARTS
        first = sum(fewer**2 for fewer in range(1, each))
        within = first + (across % each)[:, None] * each + across % each
        shown[1][box][is_shown] = within[is_shown] if size % PARTS == 0 else -1
    return shown


def portrait(subject: str, model: int, side: int, colour: str = "") -> Image.Image:
    """One of a subject's models by itself on a square of `side` pixels, RGBA; one drawn by hand is grey."""
    square = Image.new("RGBA", (side, side))
    if SUBJECTS[subject].is_hand:
        name = HAND.get(subject, subject)
        shades = paint(colour or "grey", TIMES["noon"])
        figure = draw_figure(name, 1.0, 2 * side, shades, chance("thing", model, name))
        figure.colour.putalpha(figure.mask)
        drawn = figure.colour.crop(figure.mask.getbbox())
        drawn.thumbnail((side, side))
    else:
        shape = drawings.aspect(subject, model)
        size = (side, round(side / shape)) if shape > 1 else (round(side * shape), side)
        drawn = drawings.drawing(subject, model, *(max(2, pixels) for pixels in size), colour)
    square.paste(drawn, ((side - drawn.width) // 2, side - drawn.height))
    return square


def _draw_all(brush: Brush, scene: Scene, setting: Setting) -> list[tuple[int, Image.Image]]:
    """Sky, place and things; which thing covers what of the canvas."""
    backdrop(brush, scene, setting)
    rows, columns = (round(side / patch_of(brush)) for side in brush.image.size[::-1])
    return [(spot.thing, _draw_thing(brush, scene, spot, setting)) for spot in _spots(scene, rows, columns)]


def patch_of(brush: Brush) -> int:
    """Pixels of the canvas that a patch's side has: 16 of a picture of about 256 by 256."""
    pixels: int = max(1, round(brush.scale / brush.oversample / GRID))
    return pixels * brush.oversample


def _spots(scene: Scene, rows: int, columns: int) -> list[Spot]:
    """The spots of a scene's things, those behind first."""
    if not isinstance(scene, BookScene):
        raise TypeError(f"{scene} is no scene of the picture book")
    heights = [SUBJECTS[thing.subject].height for thing in scene.things]
    if scene.count > 1:
        return _several(scene, rows, columns)
    if scene.companion is None:
        return [_alone(scene, heights[0], rows, columns)]
    if scene.relation == "under":
        side = 8 if rows >= 15 else 4
        above, below = _middle(8, columns), _middle(side, columns)
        return [Spot(1, above, max(8, round(rows / 2)), 8), Spot(0, below, round(0.94 * rows), side)]
    if scene.relation == "front":
        back = 12 if heights[1] >= HUGE and min(rows, columns) > 14 else 8
        front = 4 if heights[0] <= TINY and back == 12 else 8
        gap = max(0, (columns - 14) // 2)
        return [
            Spot(1, columns - back - gap, round(0.82 * rows), back),
            Spot(0, gap + (back == 8), round(0.94 * rows), front),
        ]
    return _beside(scene, heights, rows, columns)


def _alone(scene: Scene, height: float, rows: int, columns: int) -> Spot:
    distance = scene.distance
    if height >= HUGE:
        distance = {"far": "middle"}.get(distance, "near")
    side = min(SIDES[distance], rows // 4 * 4, columns // 4 * 4)
    left = _middle(side, columns)
    if scene.position != "middle":
        left = max(0, round(0.27 * columns - side / 2))
    if scene.position == "right":
        left = columns - side - left
    return _standing(scene, Spot(0, left, 0, side), rows, "middle" if height >= HUGE else distance)


def _several(scene: BookScene, rows: int, columns: int) -> list[Spot]:
    """Two or three of a kind: in a row, three where there is room with one behind."""
    if scene.count == 3 and min(rows, columns) >= 15:
        gap = (columns - 16) // 3
        low, high = round(0.94 * rows), round(0.56 * rows)
        return [
            Spot(0, _middle(8, columns), high, 8),
            Spot(0, gap, low, 8),
            Spot(0, columns - 8 - gap, low, 8),
        ]
    side = 8
    while side * scene.count > columns:
        side = SMALLER[side]
    gap = (columns - side * scene.count) // (scene.count + 1)
    places = [gap + index * (side + gap) for index in range(scene.count)]
    return [_standing(scene, Spot(0, left, 0, side), rows, "middle") for left in places]


def _beside(scene: Scene, heights: list[float], rows: int, columns: int) -> list[Spot]:
    sides = [8, 8]
    for index, height in enumerate(heights):
        other = heights[1 - index]
        if height < MEDIUM and other >= HUGE:
            sides = [4, 12] if index == 0 else [12, 4]
        elif height <= TINY and other >= MEDIUM:
            sides[index] = 4
    sides = [min(side, rows // 4 * 4) for side in sides]
    while sum(sides) > columns:
        sides = [SMALLER[side] if side == max(sides) else side for side in sides]
    gap = (columns - sum(sides)) // 3
    lefts = (gap, columns - sides[1] - gap)
    if scene.position == "right":
        lefts = (columns - sides[0] - gap, gap)
    return [
        _standing(scene, Spot(index, left, 0, side), rows, "middle")
        for index, (left, side) in enumerate(zip(lefts, sides, strict=True))
    ]


def _standing(scene: Scene, spot: Spot, rows: int, distance: str) -> Spot:
    """The spot with its foot: on the ground, or higher for what flies, swims in or floats."""
    flies = SUBJECTS[scene.things[spot.thing].subject].stance == "sky"
    foot = round((FLOATING if flies else FEET)[distance] * rows)
    if scene.place in FREE and not flies:
        foot -= 1
    return spot._replace(foot=min(max(foot, spot.side), rows))


def _middle(side: int, columns: int) -> int:
    return (columns - side) // 2


def _draw_thing(brush: Brush, scene: Scene, spot: Spot, setting: Setting) -> Image.Image:
    """One thing where it belongs; what it covers of the canvas."""
    thing, model = scene.things[spot.thing], scene.models[spot.thing]
    known, unit = SUBJECTS[thing.subject], patch_of(brush) / brush.scale
    size, foot = spot.side * unit, spot.foot * unit
    figure, wide = _figure(thing, model, size, brush, setting)
    x = (spot.left + spot.side / 2) * unit
    is_free = known.stance == "sky" or scene.place in FREE or _is_over(scene, spot)
    watery = known.stance == "water" and scene.place not in SEALED
    if watery and scene.place not in WATERS:
        pond(brush, (x, foot + 0.02), 0.42 * wide + 0.12, setting)
    elif not is_free and not watery:
        if scene.place in WATERS:
            rock(brush, (x, foot), 0.44 * wide + 0.1, setting, chance("rock", model, thing.subject))
        brush.ellipse((x, foot), 0.42 * wide, 0.04 * size + 0.006, NIGHTSHADE, 70)
    shadow = not is_free and not watery and scene.place not in SEALED
    place(brush, figure, Stand(x, foot, shadow, mirror=watery, shine=False), setting)
    return cover(brush, figure, Stand(x, foot))


def _is_over(scene: Scene, spot: Spot) -> bool:
    return isinstance(scene, BookScene) and scene.relation == "under" and spot.thing == 1


def _figure(thing: Thing, model: int, size: float, brush: Brush, setting: Setting) -> tuple[Figure, float]:
    """A thing on its layer, in its light, and how wide it is in units of the canvas."""
    figure = Figure(size, brush.scale, paint("grey", setting.light))
    pixels = round(figure.pixels)
    drawn = portrait(thing.subject, model, pixels, thing.colour)
    lit = np.asarray(drawn, np.float32) * np.array((*setting.light.subject, 1.0), np.float32)
    layer = Image.fromarray(lit.clip(0, 255).astype(np.uint8), "RGBA")
    at = (round(REACH * figure.pixels - pixels / 2), round(TOP * figure.pixels - pixels))
    alpha = layer.getchannel("A")
    figure.colour.paste(layer.convert("RGB"), at)
    figure.mask.paste(alpha, at)
    left, _, right, _ = alpha.getbbox() or (0, 0, 1, 1)
    return figure, (right - left) / brush.scale
