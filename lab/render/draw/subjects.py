"""The sixteen subjects by name."""

from collections.abc import Callable
from random import Random

from lab.render.draw import buildings, creatures, plants, vehicles
from lab.render.draw.figure import Figure
from lab.render.draw.palette import Paint

HOVERING = frozenset({"balloon", "rocket"})
SWIMMING = frozenset({"sailboat", "fish"})
HEIGHTS: dict[str, float] = {
    "car": 0.78, "bicycle": 0.82, "bridge": 0.72, "bird": 0.84, "fish": 0.84, "cat": 0.92, "sailboat": 0.95,
    "house": 0.95, "mushroom": 0.90, "lighthouse": 1.14, "windmill": 1.08, "balloon": 1.08, "rocket": 1.08,
    "tree": 1.02, "cactus": 0.96, "flower": 0.98,
}  # fmt: skip

_PAINTERS: dict[str, Callable[[Figure, Paint, Random], None]] = {
    "sailboat": vehicles.sailboat,
    "balloon": vehicles.balloon,
    "house": buildings.house,
    "tree": plants.tree,
    "cat": creatures.cat,
    "rocket": vehicles.rocket,
    "mushroom": plants.mushroom,
    "fish": creatures.fish,
    "lighthouse": buildings.lighthouse,
    "bicycle": vehicles.bicycle,
    "bird": creatures.bird,
    "cactus": plants.cactus,
    "car": vehicles.car,
    "windmill": buildings.windmill,
    "flower": plants.flower,
    "bridge": buildings.bridge,
}


def draw_figure(subject: str, height: float, scale: float, paint: Paint, rng: Random) -> Figure:
    """A subject on its layer, `height` times its usual share of it tall, in units; it looks to the right."""
    figure = Figure(height * HEIGHTS[subject], scale, paint)
    _PAINTERS[subject](figure, paint, rng)
    return figure
