"""From a scene of the picture-book world to its picture, and to where its things stand."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lab.render.book import drawings
from lab.render.book.scene import BookScene
from lab.render.book.subjects import SUBJECTS, Subject
from lab.render.book.vocabulary import SEALED
from lab.render.draw.brush import Brush
from lab.render.draw.figure import REACH, TOP, Figure, Stand, cover, place
from lab.render.draw.palette import NIGHTSHADE, TIMES, Setting, paint
from lab.render.draw.subjects import draw_figure
from lab.render.draw.water import pond, rock
from lab.render.scene import Scene, Thing, opposite
from lab.render.scenes import CELL, COLUMNS, WATERS, backdrop, chance, finished, setting_of, snapping

DISTANCES = {"near": 1.35, "middle": 1.0, "far": 0.62}
FEET = {"near": 0.95, "middle": 0.88, "far": 0.74}
WIDEST = 1.4
"""A drawing's longer side relative to the height that its subject has."""
HAND = {"hot-air-balloon": "balloon"}
"""What `lab.render.draw` calls subjects that it calls otherwise."""


class Spot(NamedTuple):
    """Where one thing stands: which of the scene's, its middle and foot and size in shares of the canvas."""

    thing: int
    x: float
    foot: float
    size: float
    flipped: bool


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


def portrait(subject: str, model: int, side: int) -> Image.Image:
    """One of a subject's models by itself on a square of `side` pixels, RGBA; one drawn by hand is grey."""
    square = Image.new("RGBA", (side, side))
    if SUBJECTS[subject].is_hand:
        name = HAND.get(subject, subject)
        figure = draw_figure(name, 1.0, 2 * side, paint("grey", TIMES["noon"]), chance("thing", model, name))
        figure.colour.putalpha(figure.mask)
        drawn = figure.colour.crop(figure.mask.getbbox())
        drawn.thumbnail((side, side))
    else:
        shape = drawings.aspect(subject, model)
        size = (side, round(side / shape)) if shape > 1 else (round(side * shape), side)
        drawn = drawings.drawing(subject, model, *(max(2, pixels) for pixels in size))
    square.paste(drawn, ((side - drawn.width) // 2, side - drawn.height))
    return square


def _draw_all(brush: Brush, scene: Scene, setting: Setting) -> list[tuple[int, Image.Image]]:
    """Sky, place and things; which thing covers what of the canvas."""
    backdrop(brush, scene, setting)
    return [(spot.thing, _draw_thing(brush, scene, spot, setting)) for spot in _spots(scene)]


def _spots(scene: Scene) -> list[Spot]:
    """The spots of a scene's things, those behind first."""
    heights = [SUBJECTS[thing.subject].height for thing in scene.things]
    if not isinstance(scene, BookScene):
        raise TypeError(f"{scene} is no scene of the picture book")
    if scene.count > 1:
        size = min(heights[0], 0.44) * (0.86 if scene.count == 2 else 0.72)
        columns = (0.29, 0.71) if scene.count == 2 else (0.5, 0.2, 0.8)
        feet = (0.88, 0.88) if scene.count == 2 else (0.78, 0.91, 0.91)
        return [Spot(0, x, foot, size, False) for x, foot in zip(columns, feet, strict=True)]
    if scene.companion is None:
        size = heights[0] * DISTANCES[scene.distance]
        flipped = scene.position == "right"
        return [Spot(0, COLUMNS[scene.position], FEET[scene.distance], size, flipped)]
    if scene.relation == "under":
        return [
            Spot(1, 0.5, 0.55, min(heights[1], 0.46), False),
            Spot(0, 0.5, 0.92, min(heights[0], 0.42), False),
        ]
    if scene.relation == "front":
        side = 0.36 if scene.seed % 2 else 0.64
        return [
            Spot(1, 1 - side, 0.80, max(heights[1], 0.46), side < 0.5),
            Spot(0, side, 0.94, heights[0] * 0.8, side > 0.5),
        ]
    columns = (COLUMNS[scene.position], COLUMNS[opposite(scene.position)])
    scale = min(1.0, 0.86 / (heights[0] + heights[1]))
    return [
        Spot(index, x, 0.88, height * scale, x > 0.5)
        for index, (x, height) in enumerate(zip(columns, heights, strict=True))
    ]


def _draw_thing(brush: Brush, scene: Scene, spot: Spot, setting: Setting) -> Image.Image:
    """One thing where it belongs; what it covers of the canvas."""
    snapped = snapping(brush)
    thing, model = scene.things[spot.thing], scene.models[spot.thing]
    known = SUBJECTS[thing.subject]
    size = max(snapped(spot.size * min(1.0, brush.wide * 1.1)), snapped(0.1))
    figure, wide = _figure(thing, known, model, size, brush, setting)
    if spot.flipped:
        figure.flip()
    half = min(wide / 2, brush.wide / 2)
    x = snapped(min(max(spot.x * brush.wide, half * 0.94), brush.wide - half * 0.94))
    foot = snapped(spot.foot * brush.high)
    is_free = known.stance == "sky" or scene.place == "underwater" or _is_over(scene, spot)
    if is_free:
        foot = snapped(min(foot - 0.10, 0.66 * brush.high) if known.stance == "sky" else foot - 0.06)
    watery = known.stance == "water" and scene.place not in SEALED
    if watery and scene.place not in WATERS:
        pond(brush, (x, foot + 0.02), 0.42 * wide + 0.12, setting)
    elif not is_free and not watery:
        if scene.place in WATERS:
            rock(brush, (x, foot), 0.44 * wide + 0.1, setting, chance("rock", model, thing.subject))
        brush.ellipse((x, foot), 0.42 * wide, 0.04 * size + 0.006, NIGHTSHADE, 70)
    stand = Stand(x, foot, shadow=not is_free and not watery and scene.place not in SEALED, mirror=watery)
    place(brush, figure, stand, setting)
    return cover(brush, figure, stand)


def _is_over(scene: Scene, spot: Spot) -> bool:
    return isinstance(scene, BookScene) and scene.relation == "under" and spot.thing == 1


def _figure(
    thing: Thing, known: Subject, model: int, size: float, brush: Brush, setting: Setting
) -> tuple[Figure, float]:
    """A thing on its layer, lit, and how wide it is in units of the canvas."""
    if known.is_hand:
        shades = paint(thing.colour, setting.light)
        name = HAND.get(thing.subject, thing.subject)
        return draw_figure(name, size, brush.scale, shades, chance("thing", model, name)), 0.8 * size
    shape = drawings.aspect(thing.subject, model)
    high = min(size * shape**-0.5, WIDEST * size, WIDEST * size / shape)
    wide = high * shape
    figure = Figure(max(high, wide / (2 * REACH)), brush.scale, paint("grey", setting.light))
    pixels = (max(2, round(wide * brush.scale)), max(2, round(high * brush.scale)))
    drawn = drawings.drawing(thing.subject, model, *pixels, thing.colour)
    lit = np.asarray(drawn, np.float32) * np.array((*setting.light.subject, 1.0), np.float32)
    layer = Image.fromarray(lit.clip(0, 255).astype(np.uint8), "RGBA")
    at = (round(REACH * figure.pixels - pixels[0] / 2), round(TOP * figure.pixels - pixels[1]))
    alpha = layer.getchannel("A")
    figure.colour.paste(layer.convert("RGB"), at)
    figure.mask.paste(alpha, at)
    return figure, wide
