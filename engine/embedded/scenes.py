"""From a scene to its picture: sky, place, what each subject stands on, the subjects, the weather, the hand.

Knows where each subject belongs. Knows nothing of captions or models.
"""

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.embedded.draw.brush import Brush, mix
from engine.embedded.draw.figure import Figure, Stand, cover, place
from engine.embedded.draw.palette import NIGHTSHADE, Setting, light, paint
from engine.embedded.draw.places import HORIZONS, draw_front, draw_place
from engine.embedded.draw.sky import draw_sky
from engine.embedded.draw.styles import flat, ink, watercolour
from engine.embedded.draw.subjects import HEIGHTS, HOVERING, SWIMMING, draw_figure
from engine.embedded.draw.water import pond, rock
from engine.embedded.draw.weather import draw_mist, draw_weather
from engine.embedded.scene import Scene, Thing, opposite

COLUMNS = {"left": (0.23, 0.30), "middle": (0.43, 0.57), "right": (0.70, 0.77)}
SIZES = {"near": (0.64, 0.72), "middle": (0.43, 0.50), "far": (0.23, 0.27)}
FEET = {"near": (0.92, 0.95), "middle": (0.82, 0.88), "far": (0.70, 0.74)}
PAIRED = (0.36, 0.42)
GRID = 32
"""Places along a side at which things stand: at 256 pixels a form meets the latents alike at each of them."""
CELL = 4
"""Pixels of a side of the cells in which `silhouettes` measures."""
WATERS = frozenset({"sea", "lake"})


def render(scene: Scene, width: int = 128, height: int | None = None) -> Image.Image:
    """The picture of a scene, `width` by `height` pixels, square without; the same each time."""
    rng, brush = _rng(scene), Brush(width, height or width)
    setting = _setting(scene, brush, rng)
    _draw_all(brush, scene, setting, rng)
    draw_front(brush, scene.place, setting, rng)
    if scene.style == "ink":
        drawn = Brush(width, height or width)
        drawn.replace(ink(brush.image, brush.oversample).resize(drawn.image.size, Image.Resampling.BILINEAR))
        draw_weather(drawn, setting, rng, inked=True)
        return flat(drawn.image, brush.oversample)
    draw_weather(brush, setting, rng, inked=False)
    if scene.style == "watercolour":
        return watercolour(brush.image, brush.oversample, rng)
    return flat(brush.image, brush.oversample)


def render_array(scene: Scene, width: int = 128, height: int | None = None) -> NDArray[np.uint8]:
    """The picture of a scene as an array (height, width, 3)."""
    return np.asarray(render(scene, width, height))


def silhouettes(scene: Scene, width: int = 128, height: int | None = None) -> NDArray[np.uint8]:
    """How much of each cell each thing covers, (2, height / `CELL`, width / `CELL`), 255 for all of it.

    Things in the order of `scene.things`; the second is empty where there is one.
    """
    rng, brush = _rng(scene), Brush(width // CELL, (height or width) // CELL)
    covers = _draw_all(brush, scene, _setting(scene, brush, rng), rng)
    cells = np.zeros(
        (2, brush.image.height // brush.oversample, brush.image.width // brush.oversample), np.uint8
    )
    for index, covered in enumerate(covers):
        cells[index] = np.asarray(covered.reduce(brush.oversample))
    return cells


def _rng(scene: Scene) -> Random:
    return Random(f"{scene.seed}/{scene.place}/{scene.time}/{'/'.join(thing.noun for thing in scene.things)}")


def _draw_all(brush: Brush, scene: Scene, setting: Setting, rng: Random) -> list[Image.Image]:
    """Sky, place and things; what each thing covers."""
    draw_sky(brush, setting, rng)
    draw_place(brush, scene.place, setting, rng)
    draw_mist(brush, setting, rng)
    sides = (scene.position, _across(scene))
    return [
        _draw_thing(brush, scene, thing, position, setting, rng)
        for thing, position in zip(scene.things, sides, strict=False)
    ]


def _setting(scene: Scene, brush: Brush, rng: Random) -> Setting:
    glow = rng.choice((rng.uniform(0.08, 0.30), rng.uniform(0.70, 0.92))) * brush.wide
    by = light(scene.time, scene.weather)
    return Setting(scene.time, scene.weather, by, glow, HORIZONS[scene.place] * brush.high)


def _across(scene: Scene) -> str:
    return opposite(scene.position) if scene.companion else ""


def _draw_thing(
    brush: Brush, scene: Scene, thing: Thing, position: str, setting: Setting, rng: Random
) -> Image.Image:
    """One thing where it belongs; what it covers of the canvas."""
    side = brush.scale / brush.oversample
    step: float = max(1, round(side / GRID)) / side

    def snapped(length: float) -> float:
        return step * round(length / step)

    x = rng.uniform(*COLUMNS[position]) * brush.wide
    size = rng.uniform(*(PAIRED if scene.companion else SIZES[scene.distance])) * min(1.0, brush.wide * 1.1)
    height = snapped(size)
    foot = snapped(rng.uniform(*FEET[scene.distance]) * brush.high)
    figure = draw_figure(thing.subject, height, brush.scale, paint(thing.colour, setting.light), rng)
    x = snapped(_inside(x, thing.subject, height, brush.wide))
    ground = foot
    if thing.subject in HOVERING:
        foot = snapped(foot - rng.uniform(0.05, 0.12))
        ground = max(foot + 0.06, setting.horizon + 0.16)
    watery = _footing(brush, scene, thing.subject, (x, ground, height), setting, rng)
    stands = thing.subject not in HOVERING and not watery
    stand = Stand(x, foot, shadow=stands, mirror=watery)
    place(brush, figure, stand, setting)
    if watery:
        _lapping(brush, figure, (x, foot), setting)
    return cover(brush, figure, stand)


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
