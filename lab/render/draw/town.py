"""The city: a far skyline, near fronts with windows, a street with lamps."""

from random import Random

from lab.render.draw.brush import Brush, Colour, Point, mix
from lab.render.draw.palette import Setting

WALLS: tuple[Colour, ...] = (
    (142, 150, 178), (176, 138, 130), (126, 140, 160), (188, 166, 140), (150, 130, 150)
)  # fmt: skip
LAMPLIGHT: Colour = (255, 222, 120)


def city(brush: Brush, setting: Setting, rng: Random) -> None:
    """Two rows of houses with lit or shining windows over a street."""
    base = setting.horizon
    for distance, low, high, width in ((0.55, 0.24, 0.44, 0.10), (0.10, 0.12, 0.30, 0.15)):
        x = -rng.uniform(0.0, 0.1)
        while x < brush.wide:
            wide = width * rng.uniform(0.8, 1.25)
            _tower(brush, (x, base - rng.uniform(low, high), x + wide), setting, distance, rng)
            x += wide
    street = setting.ground((150, 150, 160))
    brush.box(0, base, brush.wide, brush.high, street)
    brush.box(0, base, brush.wide, base + 0.03, setting.ground((208, 204, 200)))
    brush.box(0, base + 0.03, brush.wide, base + 0.038, mix(street, (30, 30, 60), 0.3))
    for i in range(6):
        x, y = (i + 0.3) / 6 * brush.wide, base + (brush.high - base) * 0.72
        brush.polygon(
            [(x - 0.05, y), (x + 0.04, y), (x + 0.035, y + 0.014), (x - 0.06, y + 0.014)],
            setting.ground((236, 228, 206)),
        )
    for x in (rng.uniform(0.02, 0.16), rng.uniform(0.84, 0.98)):
        _lamp(brush, (x * brush.wide, base + 0.05), 0.26, setting)


def front_lamp(brush: Brush, foot: Point, setting: Setting, rng: Random) -> None:
    """A box of flowers at the kerb."""
    x, y = foot
    brush.box(x - 0.07, y - 0.06, x + 0.07, y, setting.lit((134, 96, 74)))
    for dx in (-0.05, -0.017, 0.017, 0.05):
        brush.ellipse((x + dx, y - 0.068), 0.024, 0.020, setting.ground((70, 140, 72)))
        brush.ellipse(
            (x + dx, y - 0.078), 0.011, 0.011, setting.lit(rng.choice(((250, 110, 90), (255, 226, 90))))
        )


def _tower(
    brush: Brush, span: tuple[float, float, float], setting: Setting, distance: float, rng: Random
) -> None:
    left, top, right = span
    base = setting.horizon
    wall = setting.far(rng.choice(WALLS), distance)
    shade = mix(wall, (10, 10, 40), 0.18)
    brush.box(left, top, right, base, wall)
    away = (right - 0.022, right) if setting.glow_x < (left + right) / 2 else (left, left + 0.022)
    brush.box(away[0], top, away[1], base, shade)
    roof = rng.random()
    if roof < 0.35:
        brush.polygon(
            [(left, top), ((left + right) / 2, top - 0.05), (right, top)], mix(wall, (120, 50, 50), 0.3)
        )
    elif roof < 0.5:
        brush.line([((left + right) / 2, top), ((left + right) / 2, top - 0.06)], shade, 0.006)
    if setting.weather == "snow":
        brush.box(left, top - 0.006, right, top + 0.010, setting.snow())
    if distance < 0.3:
        _windows(brush, span, wall, setting, rng)


def _windows(
    brush: Brush, span: tuple[float, float, float], wall: Colour, setting: Setting, rng: Random
) -> None:
    left, top, right = span
    dusk = setting.time in {"night", "sunset"} or setting.weather in {"rain", "fog"}
    columns = 2 if right - left < 0.15 else 3
    pitch = (right - left) / columns
    y = top + 0.03
    while y < setting.horizon - 0.05:
        for column in range(columns):
            x = left + pitch * (column + 0.5)
            lit = dusk and rng.random() < (0.7 if setting.time == "night" else 0.45)
            pane = (
                LAMPLIGHT
                if lit
                else mix(wall, (24, 34, 74) if setting.time == "night" else (226, 240, 252), 0.45)
            )
            brush.box(x - 0.013, y, x + 0.013, y + 0.032, pane)
        y += 0.060


def _lamp(brush: Brush, foot: Point, height: float, setting: Setting) -> None:
    x, y = foot
    top = (x, y - height)
    if setting.time in {"night", "sunset"}:
        brush.halo(top, 0.09, LAMPLIGHT, 0.55)
    brush.line([foot, top], setting.lit((56, 60, 76)), 0.009)
    lit = setting.time in {"night", "sunset"} or setting.weather in {"rain", "fog"}
    brush.ellipse(top, 0.018, 0.020, LAMPLIGHT if lit else setting.lit((240, 240, 230)))
    brush.line(
        [(x - 0.02, y - height - 0.02), (x + 0.02, y - height - 0.02)], setting.lit((56, 60, 76)), 0.008
    )
