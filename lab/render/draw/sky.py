"""The sky: its colours, sun or moon, stars and clouds."""

from random import Random

from lab.render.draw.brush import Brush, Point, mix
from lab.render.draw.palette import Setting

CLOUDS = {"dawn": (255, 238, 238), "noon": (255, 255, 255), "sunset": (255, 186, 158), "night": (74, 88, 142)}


def draw_sky(brush: Brush, setting: Setting, rng: Random) -> None:
    """Paint the sky down to a little below the horizon."""
    horizon = setting.horizon
    brush.gradient(0.0, horizon + 0.1, setting.light.sky)
    if setting.weather == "clear" or (setting.weather == "fog" and rng.random() < 0.6):
        _body(brush, setting, rng)
    count = {"clear": rng.randint(1, 4), "fog": 0}.get(setting.weather, rng.randint(5, 7))
    for _ in range(count if setting.time != "night" or setting.weather != "clear" else rng.randint(0, 2)):
        low = max(0.12, horizon - 0.24 if setting.weather == "clear" else 0.24)
        _cloud(brush, (rng.uniform(0, brush.wide), rng.uniform(0.06, low)), setting, rng)


def _body(brush: Brush, setting: Setting, rng: Random) -> None:
    x, horizon, glow = setting.glow_x, setting.horizon, setting.light.glow
    if setting.time == "night":
        if setting.weather == "clear":
            _stars(brush, horizon, rng)
        _moon(brush, (x, rng.uniform(0.14, 0.24)), setting, rng)
        return
    y = {"dawn": horizon - rng.uniform(0.05, 0.12), "noon": rng.uniform(0.12, 0.2)}.get(
        setting.time, horizon - rng.uniform(0.06, 0.12)
    )
    radius = {"dawn": 0.075, "noon": 0.07, "sunset": 0.105}[setting.time] * rng.uniform(0.9, 1.1)
    brush.halo((x, y), radius * 3.6, glow, 0.42)
    core = {"dawn": (255, 232, 170), "noon": (255, 236, 110), "sunset": (255, 214, 96)}[setting.time]
    veil = 0.55 if setting.weather == "fog" else 0.0
    brush.ellipse((x, y), radius, radius, mix(core, setting.light.haze, veil))


def _moon(brush: Brush, centre: Point, setting: Setting, rng: Random) -> None:
    x, y = centre
    glow = mix(setting.light.glow, setting.light.haze, 0.5 if setting.weather == "fog" else 0.0)
    brush.halo(centre, 0.24, (190, 200, 250), 0.30)
    brush.ellipse(centre, 0.068, 0.068, glow)
    for dx, dy, radius in ((-0.024, -0.018, 0.016), (0.026, 0.018, 0.012), (-0.01, 0.032, 0.009)):
        brush.ellipse((x + dx, y + dy), radius, radius, mix(glow, (150, 150, 130), 0.25))


def _stars(brush: Brush, horizon: float, rng: Random) -> None:
    for _ in range(round(36 * brush.wide)):
        at = (rng.uniform(0, brush.wide), rng.uniform(0.02, horizon - 0.05))
        radius = rng.choice((0.0025, 0.0035, 0.005))
        brush.ellipse(at, radius, radius, (250, 250, 226), rng.choice((150, 210, 255)))
    for _ in range(4):
        x, y = rng.uniform(0, brush.wide), rng.uniform(0.03, horizon - 0.2)
        for dx, dy in ((0.014, 0.0), (0.0, 0.014)):
            brush.line([(x - dx, y - dy), (x + dx, y + dy)], (255, 252, 230), 0.004)


def _cloud(brush: Brush, centre: Point, setting: Setting, rng: Random) -> None:
    dull = setting.weather in {"rain", "snow"}
    white = CLOUDS[setting.time]
    if dull:
        white = mix(setting.light.sky[0], white if setting.weather == "snow" else (70, 80, 100), 0.42)
    x, y = centre
    size = rng.uniform(1.2, 1.8) if dull else rng.uniform(0.6, 1.2)
    puffs = [
        (x + dx * size, y + dy * size, r * size * rng.uniform(0.85, 1.15))
        for dx, dy, r in ((-0.11, 0.018, 0.034), (-0.05, -0.002, 0.050), (0.02, -0.014, 0.060),
                          (0.08, 0.004, 0.046), (0.13, 0.02, 0.030))
    ]  # fmt: skip
    under = mix(white, setting.light.sky[0], 0.30)
    bottom = y + 0.048 * size
    for px, py, r in puffs:
        brush.ellipse((px, min(py + 0.012 * size, bottom - r * 0.7)), r * 1.1, r * 0.78, under, 235)
    for px, py, r in puffs:
        brush.ellipse((px, min(py, bottom - r * 0.9)), r, r * 0.70, white, 235)
