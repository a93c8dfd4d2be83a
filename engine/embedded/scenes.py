"""From a scene to its picture: sky, place, what the subject stands on, the subject.

Knows where each subject belongs. Knows nothing of captions or models.
"""

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.embedded.draw.brush import Brush, Point, mix, tint
from engine.embedded.draw.palette import LIGHTS, paint
from engine.embedded.draw.places import HORIZONS, draw_place
from engine.embedded.draw.sky import draw_sky
from engine.embedded.draw.subjects import draw_subject
from engine.embedded.world import Scene

HOVERING = frozenset({"balloon", "rocket"})
SWIMMING = frozenset({"sailboat", "fish"})


def render(scene: Scene, size: int = 128) -> Image.Image:
    """The picture of a scene, `size` pixels square; the same scene gives the same picture."""
    rng = Random(f"{scene.seed}/{scene.subject}/{scene.colour}/{scene.place}/{scene.time}")
    brush = Brush(size)
    glow_x = draw_sky(brush, scene.time, HORIZONS[scene.place], rng)
    draw_place(brush, scene.place, scene.time, glow_x, rng)
    x, foot, height = _stance(scene.subject, rng)
    _footing(brush, scene, (x, foot), height)
    draw_subject(brush, scene.subject, paint(scene.colour, scene.time), (x, foot, height), rng)
    if scene.subject in SWIMMING:
        _lapping(brush, scene, (x, foot), height)
    return brush.finish()


def render_array(scene: Scene, size: int = 128) -> NDArray[np.uint8]:
    """The picture of a scene as an array (size, size, 3)."""
    return np.asarray(render(scene, size))


def _stance(subject: str, rng: Random) -> tuple[float, float, float]:
    """x of the middle, y of the foot and height of a subject."""
    x = rng.uniform(0.38, 0.62)
    if subject in HOVERING:
        return x, rng.uniform(0.72, 0.80), rng.uniform(0.54, 0.64)
    if subject == "fish":
        return x, rng.uniform(0.76, 0.82), rng.uniform(0.40, 0.50)
    return x, rng.uniform(0.84, 0.90), rng.uniform(0.46, 0.58)


def _footing(brush: Brush, scene: Scene, foot: Point, height: float) -> None:
    """A shadow below; a pond for what swims on land, a sandy island for what stands at sea."""
    x, y = foot
    light = LIGHTS[scene.time]
    if scene.subject in HOVERING:
        brush.ellipse((x, 0.91), 0.26 * height, 0.030, (10, 10, 40), 80)
    elif scene.subject in SWIMMING and scene.place != "sea":
        water = tint((66, 160, 220), light.ground)
        brush.ellipse((x, y + 0.03), 0.40, 0.075, mix(water, (0, 0, 40), 0.25))
        brush.ellipse((x, y + 0.025), 0.385, 0.066, water)
    elif scene.subject not in SWIMMING:
        if scene.place == "sea":
            brush.ellipse((x, y + 0.035), 0.41, 0.085, tint((255, 255, 255), light.ground), 130)
            brush.ellipse((x, y + 0.025), 0.38, 0.072, tint((240, 206, 134), light.ground))
        brush.ellipse((x, y), 0.46 * height, 0.032, (10, 10, 40), 90)


def _lapping(brush: Brush, scene: Scene, foot: Point, height: float) -> None:
    """Water over the keel, or the splash below a leaping fish."""
    x, y = foot
    foam = tint((232, 246, 255), LIGHTS[scene.time].subject)
    if scene.subject == "sailboat":
        brush.ellipse((x, y + 0.005), 0.40 * height, 0.020, foam, 200)
        return
    brush.ellipse((x, y + 0.02), 0.34 * height, 0.024, foam, 210)
    for dx, dy, r in ((-0.40, 0.10, 0.016), (-0.30, 0.02, 0.020), (0.30, 0.02, 0.020), (0.42, 0.11, 0.016)):
        brush.ellipse((x + dx * height, y - dy), r, r * 1.25, foam, 235)
