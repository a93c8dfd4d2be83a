"""The six places: what lies between the sky and the subject."""

import math
from collections.abc import Callable
from random import Random

from engine.embedded.draw.brush import Brush, Colour, Point, mix, tint
from engine.embedded.draw.palette import LIGHTS

HORIZONS: dict[str, float] = {
    "sea": 0.58,
    "mountains": 0.66,
    "meadow": 0.62,
    "desert": 0.62,
    "city": 0.68,
    "snowfield": 0.62,
}


def draw_place(brush: Brush, place: str, time: str, glow_x: float, rng: Random) -> None:
    """Paint one place below and before the sky; `glow_x` is where the sun or moon stands."""
    _PAINTERS[place](brush, time, glow_x, rng)


def _lit(colour: Colour, time: str) -> Colour:
    return tint(colour, LIGHTS[time].ground)


def _far(colour: Colour, time: str, share: float) -> Colour:
    return mix(_lit(colour, time), LIGHTS[time].sky[-1], share)


def _ridge(brush: Brush, y: float, height: float, waves: float, fill: Colour, rng: Random) -> list[Point]:
    phase, other = rng.uniform(0, 6.28), rng.uniform(0, 6.28)
    points = []
    for i in range(25):
        x = i / 24
        bump = math.sin(x * waves + phase) + 0.5 * math.sin(x * waves * 1.7 + other)
        points.append((x, y - height * bump / 1.5))
    brush.polygon([*points, (1.0, 1.0), (0.0, 1.0)], fill)
    return points


def _sea(brush: Brush, time: str, glow_x: float, rng: Random) -> None:
    top = HORIZONS["sea"]
    far, near = _lit((70, 170, 220), time), _lit((14, 88, 166), time)
    brush.gradient(top, 1.0, (mix(far, LIGHTS[time].sky[-1], 0.35), far, near))
    for i in range(6):
        y, width = top + 0.02 + i * 0.05, 0.05 + 0.012 * i
        x = glow_x + rng.uniform(-0.02, 0.02)
        brush.ellipse((x, y), width, 0.007, LIGHTS[time].glow, 150)
    for row in range(5):
        y = top + 0.05 + row * 0.085
        for _ in range(4):
            x, width = rng.random(), 0.035 + 0.011 * row
            wave = [
                (x - width, y),
                (x - width / 2, y - 0.014),
                (x, y),
                (x + width / 2, y - 0.014),
                (x + width, y),
            ]
            brush.line(wave, mix(far, (255, 255, 255), 0.55), 0.008, 190)


def _mountains(brush: Brush, time: str, glow_x: float, rng: Random) -> None:
    base = HORIZONS["mountains"]
    for share, count, low, high in ((0.45, 3, 0.24, 0.32), (0.1, 2, 0.30, 0.42)):
        rock = _far((108, 116, 146), time, share)
        for i in range(count):
            x = (i + 0.5) / count + rng.uniform(-0.12, 0.12) + (0.16 if share < 0.3 else 0)
            _peak(
                brush,
                (x, base - rng.uniform(low, high)),
                base + 0.04,
                rock,
                _far((250, 252, 255), time, share * 0.6),
            )
    _ridge(brush, base + 0.03, 0.025, 7, _far((92, 140, 92), time, 0.1), rng)
    _ridge(brush, base + 0.13, 0.02, 5, _lit((112, 150, 78), time), rng)
    for _ in range(5):
        x, y = rng.random(), rng.uniform(base + 0.12, 0.96)
        brush.ellipse((x, y), 0.035, 0.020, _lit((136, 136, 140), time))
        brush.ellipse((x - 0.006, y - 0.006), 0.022, 0.010, _lit((176, 176, 180), time))


def _peak(brush: Brush, top: Point, base: float, rock: Colour, snow: Colour) -> None:
    x, y = top
    span = (base - y) * 0.78
    brush.polygon([(x - span, base), top, (x + span, base)], rock)
    brush.polygon([(x + span, base), top, (x - 0.04, base)], mix(rock, (20, 20, 60), 0.22))
    cap = 0.34
    edge = y + (base - y) * cap
    brush.polygon(
        [
            (x - span * cap, edge),
            top,
            (x + span * cap, edge),
            (x + span * 0.15, edge - 0.035),
            (x, edge + 0.02),
            (x - span * 0.16, edge - 0.03),
        ],
        snow,
    )


def _meadow(brush: Brush, time: str, glow_x: float, rng: Random) -> None:
    base = HORIZONS["meadow"]
    _ridge(brush, base - 0.03, 0.05, 5, _far((120, 190, 110), time, 0.3), rng)
    _ridge(brush, base + 0.05, 0.035, 4, _lit((104, 190, 82), time), rng)
    _ridge(brush, base + 0.17, 0.025, 3, _lit((78, 166, 62), time), rng)
    for _ in range(16):
        x, y = rng.random(), rng.uniform(base + 0.14, 0.98)
        petal = _lit(rng.choice(((255, 255, 255), (255, 226, 70), (255, 150, 190), (250, 110, 90))), time)
        brush.line([(x, y), (x, y + 0.024)], _lit((44, 120, 50), time), 0.006)
        brush.ellipse((x, y), 0.013, 0.013, petal)


def _desert(brush: Brush, time: str, glow_x: float, rng: Random) -> None:
    base = HORIZONS["desert"]
    _ridge(brush, base - 0.01, 0.06, 6, _far((236, 190, 120), time, 0.25), rng)
    _ridge(brush, base + 0.07, 0.045, 4.5, _lit((240, 196, 116), time), rng)
    crest = _ridge(brush, base + 0.18, 0.03, 3.5, _lit((230, 178, 96), time), rng)
    brush.line([(x, y + 0.03) for x, y in crest], _lit((208, 154, 78), time), 0.008)
    brush.line([(x, y + 0.11) for x, y in crest], _lit((208, 154, 78), time), 0.008)
    for x in (rng.uniform(0.04, 0.2), rng.uniform(0.8, 0.96))[: rng.randint(1, 2)]:
        _cactus(brush, (x, base + rng.uniform(0.06, 0.12)), _lit((52, 128, 74), time))


def _cactus(brush: Brush, foot: Point, green: Colour) -> None:
    x, y = foot
    brush.line([(x, y), (x, y - 0.17)], green, 0.034)
    brush.ellipse((x, y - 0.17), 0.017, 0.017, green)
    brush.line([(x, y - 0.06), (x - 0.045, y - 0.06), (x - 0.045, y - 0.12)], green, 0.022)
    brush.line([(x, y - 0.085), (x + 0.045, y - 0.085), (x + 0.045, y - 0.14)], green, 0.022)


def _city(brush: Brush, time: str, glow_x: float, rng: Random) -> None:
    base = HORIZONS["city"]
    for share, low, high, width in ((0.5, 0.22, 0.42, 0.12), (0.08, 0.10, 0.32, 0.17)):
        x = -rng.uniform(0.0, 0.1)
        while x < 1.0:
            wide = width * rng.uniform(0.8, 1.2)
            wall = rng.choice(((128, 138, 168), (150, 128, 140), (116, 128, 150), (164, 146, 134)))
            _tower(
                brush,
                (x, base - rng.uniform(low, high), x + wide),
                base,
                _far(wall, time, share),
                time,
                share,
                rng,
            )
            x += wide
    brush.box(0, base, 1, 1, _lit((168, 166, 170), time))
    brush.box(0, base, 1, base + 0.025, _lit((206, 204, 204), time))
    for i in range(5):
        x = (i + 0.5) / 5
        brush.polygon(
            [(x - 0.05, 0.95), (x + 0.05, 0.95), (x + 0.055, 0.965), (x - 0.055, 0.965)],
            _lit((240, 236, 220), time),
        )


def _tower(
    brush: Brush,
    span: tuple[float, float, float],
    base: float,
    wall: Colour,
    time: str,
    share: float,
    rng: Random,
) -> None:
    left, top, right = span
    brush.box(left, top, right, base, wall)
    brush.box(right - 0.025, top, right, base, mix(wall, (10, 10, 40), 0.18))
    if share > 0.3:
        return
    pane = {"night": (255, 222, 110), "sunset": (255, 206, 130)}.get(time, mix(wall, (236, 246, 255), 0.65))
    y = top + 0.03
    while y < base - 0.05:
        for x in (left + 0.022, left + 0.072):
            if x + 0.03 < right - 0.025 and (time != "night" or rng.random() < 0.75):
                brush.box(x, y, x + 0.028, y + 0.032, pane)
        y += 0.062


def _snowfield(brush: Brush, time: str, glow_x: float, rng: Random) -> None:
    base = HORIZONS["snowfield"]
    white = (244, 248, 255)
    _ridge(brush, base - 0.02, 0.05, 5, _far((214, 226, 246), time, 0.25), rng)
    for _ in range(4):
        x = rng.choice((rng.uniform(0.0, 0.3), rng.uniform(0.7, 1.0)))
        _fir(brush, (x, base + rng.uniform(0.0, 0.06)), rng.uniform(0.16, 0.24), time)
    _ridge(brush, base + 0.08, 0.03, 4, _lit(mix(white, (190, 210, 240), 0.25), time), rng)
    _ridge(brush, base + 0.18, 0.025, 3, _lit(white, time), rng)
    for _ in range(14):
        brush.ellipse((rng.random(), rng.random() * 0.95), 0.008, 0.008, _lit((255, 255, 255), "noon"), 235)


def _fir(brush: Brush, foot: Point, height: float, time: str) -> None:
    x, y = foot
    brush.line([(x, y + 0.02), (x, y - height * 0.2)], _lit((96, 66, 46), time), 0.022)
    green, snow = _lit((40, 104, 84), time), _lit((246, 250, 255), time)
    for i in range(3):
        bottom, half = y - height * (0.12 + 0.26 * i), height * (0.36 - 0.08 * i)
        tip = bottom - height * 0.38
        brush.polygon([(x - half, bottom), (x, tip), (x + half, bottom)], green)
        brush.polygon(
            [(x - half * 0.5, tip + height * 0.19), (x, tip), (x + half * 0.5, tip + height * 0.19)], snow
        )


_PAINTERS: dict[str, Callable[[Brush, str, float, Random], None]] = {
    "sea": _sea,
    "mountains": _mountains,
    "meadow": _meadow,
    "desert": _desert,
    "city": _city,
    "snowfield": _snowfield,
}
