"""Rain, falling snow and fog, painted over the finished place and its subjects."""

from random import Random

from lab.render.draw.brush import Brush, mix
from lab.render.draw.palette import Setting


def draw_mist(brush: Brush, setting: Setting, rng: Random) -> None:
    """Banks of fog between the place and the subject."""
    if setting.weather != "fog":
        return
    for _ in range(9):
        x, y = rng.uniform(0, brush.wide), setting.horizon + rng.uniform(-0.06, 0.16)
        _bank(brush, x, y, rng.uniform(0.25, 0.5), setting, 52)


def draw_weather(brush: Brush, setting: Setting, rng: Random, inked: bool) -> None:
    """What falls or drifts before everything else; `inked`, so that it shows on a pale wash."""
    if setting.weather == "rain":
        _rain(brush, setting, rng, inked)
    elif setting.weather == "snow":
        _snow(brush, setting, rng, inked)
    elif setting.weather == "fog":
        for _ in range(6):
            x, y = rng.uniform(0, brush.wide), rng.uniform(setting.horizon, brush.high)
            _bank(brush, x, y, rng.uniform(0.2, 0.4), setting, 34)


def _bank(brush: Brush, x: float, y: float, half: float, setting: Setting, alpha: int) -> None:
    mist = mix(setting.light.haze, (255, 255, 255), 0.0 if setting.time == "night" else 0.25)
    for share in (1.0, 0.75, 0.5):
        brush.ellipse((x, y), half * share, 0.05 * share, mist, alpha)


def _rain(brush: Brush, setting: Setting, rng: Random, inked: bool) -> None:
    drop = mix((226, 236, 250), setting.light.haze, 0.15)
    if inked and setting.time != "night":
        drop = (86, 96, 128)
    slant = rng.choice((-1, 1)) * rng.uniform(0.12, 0.3)
    for _ in range(round(64 * brush.wide * brush.high)):
        x, y = rng.uniform(-0.1, brush.wide + 0.1), rng.uniform(-0.05, brush.high)
        length = rng.uniform(0.04, 0.09)
        brush.line([(x, y), (x + slant * length, y + length)], drop, 0.0055, rng.choice((120, 170, 210)))
    for _ in range(10):
        x, y = rng.uniform(0, brush.wide), rng.uniform(setting.horizon + 0.1, brush.high)
        brush.ellipse((x, y), 0.022, 0.006, drop, 130)


def _snow(brush: Brush, setting: Setting, rng: Random, inked: bool) -> None:
    flake = (250, 252, 255) if setting.time != "night" else (226, 232, 252)
    for _ in range(round(75 * brush.wide * brush.high)):
        radius = rng.choice((0.006, 0.006, 0.009, 0.013))
        at = (rng.uniform(0, brush.wide), rng.uniform(0, brush.high))
        if inked:
            brush.ellipse(at, radius + 0.0035, radius + 0.0035, (120, 126, 150), 200)
        brush.ellipse(at, radius, radius, flake, 235)
