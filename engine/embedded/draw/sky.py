"""The sky at each time of day: its colours, sun or moon, stars and clouds."""

from random import Random

from engine.embedded.draw.brush import Brush, Colour, Point, mix
from engine.embedded.draw.palette import LIGHTS


def draw_sky(brush: Brush, time: str, horizon: float, rng: Random) -> float:
    """Paint the sky down to `horizon`; returns the x of the sun or moon."""
    brush.gradient(0.0, horizon + 0.08, LIGHTS[time].sky)
    x = rng.choice((rng.uniform(0.12, 0.28), rng.uniform(0.72, 0.88)))
    if time == "night":
        _stars(brush, horizon, rng)
        _moon(brush, (x, rng.uniform(0.13, 0.22)))
        return x
    height = {"dawn": horizon - 0.06, "noon": rng.uniform(0.11, 0.17), "sunset": horizon - 0.09}[time]
    _sun(brush, time, (x, height))
    for _ in range(rng.randint(1, 3)):
        _cloud(brush, (rng.uniform(0.05, 0.95), rng.uniform(0.08, horizon - 0.26)), time, rng)
    return x


def _sun(brush: Brush, time: str, centre: Point) -> None:
    glow = LIGHTS[time].glow
    radius = {"dawn": 0.085, "noon": 0.075, "sunset": 0.115}[time]
    for scale, alpha in ((2.3, 36), (1.75, 52), (1.35, 80)):
        brush.ellipse(centre, radius * scale, radius * scale, glow, alpha)
    brush.ellipse(centre, radius, radius, mix(glow, (255, 226, 70), 0.45 if time != "dawn" else 0.1))


def _moon(brush: Brush, centre: Point) -> None:
    glow = LIGHTS["night"].glow
    for scale, alpha in ((2.1, 20), (1.5, 34)):
        brush.ellipse(centre, 0.075 * scale, 0.075 * scale, glow, alpha)
    brush.ellipse(centre, 0.075, 0.075, glow)
    for dx, dy, radius in ((-0.024, -0.018, 0.018), (0.026, 0.018, 0.014), (-0.01, 0.034, 0.010)):
        brush.ellipse((centre[0] + dx, centre[1] + dy), radius, radius, (222, 216, 180))


def _stars(brush: Brush, horizon: float, rng: Random) -> None:
    for _ in range(26):
        radius = rng.choice((0.005, 0.007, 0.010))
        brush.ellipse((rng.random(), rng.uniform(0.02, horizon - 0.08)), radius, radius, (250, 250, 226))


def _cloud(brush: Brush, centre: Point, time: str, rng: Random) -> None:
    white: Colour = {"dawn": (255, 240, 240), "noon": (255, 255, 255), "sunset": (255, 190, 160)}[time]
    size = rng.uniform(0.7, 1.15)
    for dx, dy, rx, ry in (
        (-0.08, 0.012, 0.07, 0.030),
        (0.08, 0.014, 0.075, 0.028),
        (0.0, 0.0, 0.075, 0.050),
    ):
        brush.ellipse((centre[0] + dx * size, centre[1] + dy * size), rx * size, ry * size, white, 225)
