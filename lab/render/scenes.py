"""From a scene to its picture: sky, place, ground, subjects, weather, style."""

from collections.abc import Callable
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lab.render.draw.brush import Brush, mix
from lab.render.draw.figure import Figure, Stand, cover, place
from lab.render.draw.palette import NIGHTSHADE, Setting, light, paint
from lab.render.draw.places import HORIZONS, draw_front, draw_place
from lab.render.draw.sky import draw_sky
from lab.render.draw.styles import flat, ink, watercolour
from lab.render.draw.subjects import HEIGHTS, HOVERING, SWIMMING, draw_figure
from lab.render.draw.water import pond, rock
from lab.render.draw.weather import draw_mist, draw_weather
from lab.render.scene import Scene, Thing, opposite

COLUMNS = {"left": 0.27, "middle": 0.5, "right": 0.73}
SIZES = {"near": 0.69, "middle": 0.47, "far": 0.25}
FEET = {"near": 0.94, "middle": 0.86, "far": 0.72}
PAIRED = 0.40
GLOWS = (0.20, 0.80, 0.86)
"""Where sun or moon stand in each sky, in widths of the picture."""
GRID = 16
"""Places along a side at which things stand: at 256 pixels a form meets the latents alike at each of them."""
CELL = 4
"""Pixels of a side of the cells in which `silhouettes` measures."""
WATERS = frozenset({"sea", "lake"})


def render(scene: Scene, width: int = 128, height: int | None = None) -> Image.Image:
    """The picture of a scene, `width` by `height` pixels, square without; the same each time."""
    brush = Brush(width, height or width)
    setting = setting_of(scene, brush)
    _draw_all(brush, scene, setting)
    return finished(brush, scene, setting, width, height or width)


def finished(brush: Brush, scene: Scene, setting: Setting, width: int, height: int) -> Image.Image:
    """The picture with what is nearest, the weather, and in its style."""
    draw_front(brush, scene.place, setting, chance("front", scene.backdrop, scene.place))
    falling = chance("weather", scene.sky)
    if scene.style == "ink":
        drawn = Brush(width, height)
        drawn.replace(ink(brush.image, brush.oversample).resize(drawn.image.size, Image.Resampling.BILINEAR))
        draw_weather(drawn, setting, falling, inked=True)
        return flat(drawn.image, brush.oversample)
    draw_weather(brush, setting, falling, inked=False)
    if scene.style == "watercolour":
        return watercolour(brush.image, brush.oversample, chance("paper", scene.sky))
    return flat(brush.image, brush.oversample)


def render_array(scene: Scene, width: int = 128, height: int | None = None) -> NDArray[np.uint8]:
    """The picture of a scene as an array (height, width, 3)."""
    return np.asarray(render(scene, width, height))


def silhouettes(scene: Scene, width: int = 128, height: int | None = None) -> NDArray[np.uint8]:
    """How much of each cell each thing covers, (2, height / `CELL`, width / `CELL`), 255 for all of it.

    Things in the order of `scene.things`; the second is empty where there is one.
    """
    brush = Brush(width // CELL, (height or width) // CELL)
    covers = _draw_all(brush, scene, setting_of(scene, brush))
    cells = np.zeros(
        (2, brush.image.height // brush.oversample, brush.image.width // brush.oversample), np.uint8
    )
    for index, covered in enumerate(covers):
        cells[index] = np.asarray(covered.reduce(brush.oversample))
    return cells


def chance(what: str, choice: int, *words: str) -> Random:
    """The chances that make one piece of scenery: each piece looks the same in every scene that picks it."""
    return Random(f"{what}/{choice}/{'/'.join(words)}")


def _draw_all(brush: Brush, scene: Scene, setting: Setting) -> list[Image.Image]:
    """Sky, place and things; what each thing covers."""
    backdrop(brush, scene, setting)
    across = opposite(scene.position) if scene.companion else ""
    stood = zip(scene.things, scene.models, (scene.position, across), strict=False)
    return [_draw_thing(brush, scene, thing, model, position, setting) for thing, model, position in stood]


def backdrop(brush: Brush, scene: Scene, setting: Setting) -> None:
    """Paint the sky, the place and the mist before it."""
    draw_sky(brush, setting, chance("sky", scene.sky))
    draw_place(brush, scene.place, setting, chance("place", scene.backdrop, scene.place))
    draw_mist(brush, setting, chance("mist", scene.sky))


def setting_of(scene: Scene, brush: Brush) -> Setting:
    """Time, weather, light and horizon of a scene on a canvas."""
    by = light(scene.time, scene.weather)
    glow = GLOWS[scene.sky] * brush.wide
    return Setting(scene.time, scene.weather, by, glow, HORIZONS[scene.place] * brush.high)


def _draw_thing(
    brush: Brush, scene: Scene, thing: Thing, model: int, position: str, setting: Setting
) -> Image.Image:
    """One thing where it belongs, looking into the picture; what it covers of the canvas."""
    rng = chance("thing", model, thing.subject)
    snapped = snapping(brush)
    size = PAIRED if scene.companion else SIZES[scene.distance]
    height = snapped(size * min(1.0, brush.wide * 1.1))
    foot = snapped(FEET[scene.distance] * brush.high)
    figure = draw_figure(thing.subject, height, brush.scale, paint(thing.colour, setting.light), rng)
    if position == "right":
        figure.flip()
    x = snapped(_inside(COLUMNS[position] * brush.wide, thing.subject, height, brush.wide))
    ground = foot
    if thing.subject in HOVERING:
        foot = snapped(foot - 0.08)
        ground = max(foot + 0.06, setting.horizon + 0.16)
    watery = _footing(brush, scene, thing.subject, (x, ground, height), setting, rng)
    stands = thing.subject not in HOVERING and not watery
    stand = Stand(x, foot, shadow=stands, mirror=watery)
    place(brush, figure, stand, setting)
    if watery:
        _lapping(brush, figure, (x, foot), setting)
    return cover(brush, figure, stand)


def snapping(brush: Brush) -> Callable[[float], float]:
    """What moves a length to the nearest place of the grid that things stand on."""
    side = brush.scale / brush.oversample
    step: float = max(1, round(side / GRID)) / side
    return lambda length: step * round(length / step)


def _inside(x: float, subject: str, height: float, wide: float) -> float:
    """Moved so that a wide subject does not leave the picture by more than a little."""
    half = (
        height
        * HEIGHTS[subject]
        * {"bridge": 0.98, "car": 0.72, "bicycle": 0.75, "bird": 0.75}.get(subject, 0.5)
    )
    return x if 2 * half > wide * 0.96 else min(max(x, half * 0.92), wide - half * 0.92)


def _footing(
    brush: Brush, scene: Scene, subject: str, at: tuple[float, float, float], setting: Setting, rng: Random
) -> bool:
    """A shadow, a pond for what swims on land, a rock for what stands at sea; whether it is in the water."""
    x, y, height = at
    if subject in HOVERING:
        brush.ellipse((x, y), 0.26 * height, 0.030 * height / 0.5, NIGHTSHADE, 60)
        return False
    if subject in SWIMMING:
        if scene.place not in WATERS:
            pond(brush, (x, y + 0.03 * height), 0.80 * height, setting)
        return True
    if subject == "bridge":
        if scene.place not in WATERS:
            pond(brush, (x, y + 0.01), 0.72 * height, setting)
        return True
    if scene.place in WATERS:
        rock(brush, (x, y), (0.70 if subject in {"car", "bicycle"} else 0.54) * height, setting, rng)
    brush.ellipse((x, y), 0.40 * height, 0.045 * height, NIGHTSHADE, 70)
    return False


def _lapping(brush: Brush, figure: Figure, foot: tuple[float, float], setting: Setting) -> None:
    """Pale water along the foot."""
    x, y = foot
    foam = mix(setting.lit((240, 248, 255)), setting.light.haze, 0.15)
    for dx, half in ((-0.30, 0.16), (0.05, 0.20), (0.34, 0.13)):
        line = [(x + (dx - half) * figure.height, y + 0.004), (x + (dx + half) * figure.height, y + 0.004)]
        brush.line(line, foam, 0.012 * figure.height + 0.003, 190)
