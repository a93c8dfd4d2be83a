"""The places: what lies between the sky and the subject, and what stands before it."""

import math
from collections.abc import Callable
from random import Random

from lab.render.draw import indoors, props, town, water
from lab.render.draw.brush import Brush, Colour, Point, curve, mix
from lab.render.draw.palette import Setting

HORIZONS: dict[str, float] = {
    "sea": 0.56, "lake": 0.56, "mountains": 0.64, "meadow": 0.60, "forest": 0.62,
    "desert": 0.60, "city": 0.66, "snowfield": 0.60, "island": 0.55, "garden": 0.60,
    "castle": 0.60, "kitchen": 0.68, "room": 0.66, "space": 0.70, "street": 0.64, "underwater": 0.74,
}  # fmt: skip


def draw_place(brush: Brush, place: str, setting: Setting, rng: Random) -> None:
    """Paint one place below and before the sky."""
    _PAINTERS[place](brush, setting, rng)


def draw_front(brush: Brush, place: str, setting: Setting, rng: Random) -> None:
    """Paint what is nearest, in the lower corners, over the feet of whatever stands there."""
    for side in (0, 1):
        if rng.random() < 0.75 and place in _FRONTS:
            x = rng.uniform(0.0, 0.13) * brush.wide
            foot = (x if side == 0 else brush.wide - x, brush.high + 0.01)
            _FRONTS[place](brush, foot, setting, rng)


def ridge(brush: Brush, y: float, height: float, waves: float, fill: Colour, rng: Random) -> list[Point]:
    """Ground with a wavy upper edge around `y`; returns that edge."""
    phase, other = rng.uniform(0, 6.28), rng.uniform(0, 6.28)
    points = []
    for i in range(29):
        x = i / 28 * brush.wide
        bump = math.sin(x * waves + phase) + 0.5 * math.sin(x * waves * 1.7 + other)
        points.append((x, y - height * bump / 1.5))
    brush.polygon([*points, (brush.wide, brush.high), (0.0, brush.high)], fill)
    return points


def _peaks(brush: Brush, setting: Setting, base: float, tall: float, distance: float, rng: Random) -> None:
    x = -rng.uniform(0.0, 0.2)
    while x < brush.wide + 0.1:
        height = tall * rng.uniform(0.7, 1.1)
        _peak(brush, (x, base - height), base + 0.03, setting, distance)
        x += height * rng.uniform(0.8, 1.3)


def _peak(brush: Brush, top: Point, base: float, setting: Setting, distance: float) -> None:
    x, y = top
    span, side = (base - y) * 0.80, 1 if setting.glow_x > x else -1
    rock = setting.far((112, 118, 148), distance)
    bright, shade = setting.far((146, 148, 170), distance), mix(rock, (20, 20, 60), 0.18)
    brush.polygon([(x - span, base), top, (x + span, base)], bright)
    brush.polygon([(x - side * span, base), top, (x + side * 0.05, y + (base - y) * 0.5), (x, base)], shade)
    cap, edge = 0.36, y + (base - y) * 0.36
    snow = [
        (x - span * cap, edge), top, (x + span * cap, edge), (x + span * 0.16, edge - 0.03),
        (x + span * 0.02, edge + 0.025), (x - span * 0.16, edge - 0.025),
    ]  # fmt: skip
    white = mix(setting.snow(), setting.light.haze, distance * 0.6)
    brush.polygon(snow, white)
    brush.polygon(
        [(x - side * span * cap, edge), top, (x - side * span * 0.1, edge - 0.01)],
        mix(white, (70, 84, 150), 0.22),
    )


def _mountains(brush: Brush, setting: Setting, rng: Random) -> None:
    base = setting.horizon
    _peaks(brush, setting, base, 0.34, 0.50, rng)
    _peaks(brush, setting, base, 0.24, 0.15, rng)
    ridge(brush, base + 0.01, 0.025, 7, setting.far((86, 132, 98), 0.15), rng)
    for _ in range(7):
        foot = (rng.uniform(0, brush.wide), base + rng.uniform(0.02, 0.07))
        props.fir(brush, foot, rng.uniform(0.07, 0.12), setting, 0.12)
    ridge(brush, base + 0.10, 0.02, 5, setting.ground((118, 156, 86)), rng)
    ridge(brush, base + 0.22, 0.02, 4, setting.ground((98, 142, 72)), rng)
    for _ in range(4):
        at = (rng.uniform(0, brush.wide), rng.uniform(base + 0.14, brush.high - 0.04))
        props.stone(brush, at, rng.uniform(0.018, 0.034), setting, rng)


def _meadow(brush: Brush, setting: Setting, rng: Random) -> None:
    base, leaves = setting.horizon, rng.choice(props.LEAVES)
    ridge(brush, base - 0.03, 0.05, 5, setting.far((130, 186, 132), 0.42), rng)
    for _ in range(rng.randint(1, 3)):
        foot = (rng.uniform(0, brush.wide), base + 0.03)
        props.round_tree(brush, foot, rng.uniform(0.09, 0.14), setting, 0.3, leaves, rng)
    ridge(brush, base + 0.04, 0.035, 4, setting.far((118, 192, 92), 0.10), rng)
    ridge(brush, base + 0.14, 0.025, 3, setting.ground((92, 178, 72)), rng)
    ridge(brush, base + 0.27, 0.02, 3, setting.ground((74, 158, 60)), rng)
    for _ in range(16):
        y = rng.uniform(base + 0.10, brush.high)
        near = (y - base) / (brush.high - base)
        foot = (rng.uniform(0, brush.wide), y)
        props.blossom(brush, foot, 0.012 + 0.026 * near, setting, rng.choice(props.PETALS))


def _forest(brush: Brush, setting: Setting, rng: Random) -> None:
    base = setting.horizon
    leafy, leaves = rng.random() < 0.4, rng.choice(props.LEAVES)
    for distance, height, y in ((0.60, 0.34, 0.0), (0.38, 0.42, 0.02), (0.14, 0.46, 0.05)):
        ridge(brush, base + y - 0.02, 0.01, 5, setting.far((64, 112, 66), distance), rng)
        x = -rng.uniform(0.0, 0.1)
        while x < brush.wide + 0.05:
            tall, foot = height * rng.uniform(0.8, 1.2), (x, base + y + 0.01)
            if distance < 0.2 and 0.3 < x / brush.wide < 0.7:
                tall *= 0.55
            if leafy:
                props.round_tree(brush, foot, tall, setting, distance, leaves, rng)
            else:
                props.fir(brush, foot, tall, setting, distance)
            x += tall * rng.uniform(0.36, 0.52)
    ridge(brush, base + 0.06, 0.015, 4, setting.ground((76, 122, 62)), rng)
    ridge(brush, base + 0.20, 0.02, 3, setting.ground((60, 104, 54)), rng)
    for _ in range(9):
        at = (rng.uniform(0, brush.wide), rng.uniform(base + 0.12, brush.high))
        props.grass(brush, at, 0.03, setting.ground((92, 148, 66)), rng)


def _desert(brush: Brush, setting: Setting, rng: Random) -> None:
    base = setting.horizon
    x = rng.uniform(0, brush.wide)
    mesa = setting.far((206, 126, 88), 0.35)
    brush.polygon(
        [(x - 0.2, base + 0.03), (x - 0.13, base - 0.10), (x + 0.11, base - 0.10), (x + 0.18, base + 0.03)],
        mesa,
    )
    ridge(brush, base - 0.005, 0.045, 6, setting.far((240, 196, 128), 0.30), rng)
    for _ in range(rng.randint(1, 3)):
        props.cactus(brush, (rng.uniform(0, brush.wide), base + 0.045), setting, 0.1)
    for y, sand in ((0.06, (244, 202, 124)), (0.18, (232, 182, 100))):
        crest = ridge(brush, base + y, 0.04, rng.uniform(3, 5), setting.ground(sand), rng)
        lee = [(px, py + 0.012 + 0.05 * max(0.0, math.sin(px * 6))) for px, py in crest]
        brush.polygon([*crest, *reversed(lee)], mix(setting.ground(sand), (90, 50, 70), 0.22))
    for i in range(3):
        y = base + 0.26 + 0.05 * i
        arc = curve((0, y), (brush.wide * rng.uniform(0.3, 0.7), y - 0.03), (brush.wide, y + 0.01))
        brush.line(arc, setting.ground((212, 158, 82)), 0.006)


def _snowfield(brush: Brush, setting: Setting, rng: Random) -> None:
    base = setting.horizon
    ridge(brush, base - 0.03, 0.05, 5, setting.far((206, 218, 240), 0.35), rng)
    for _ in range(rng.randint(3, 7)):
        x = rng.choice((rng.uniform(0.0, 0.36), rng.uniform(0.64, 1.0))) * brush.wide
        props.fir(brush, (x, base + rng.uniform(0.02, 0.06)), rng.uniform(0.12, 0.22), setting, 0.12, True)
    for y, share in ((0.06, 0.30), (0.17, 0.12), (0.30, 0.0)):
        drift = setting.snow(share)
        crest = ridge(brush, base + y, 0.028, rng.uniform(3, 5), drift, rng)
        brush.line(crest, mix(drift, (120, 140, 210), 0.18), 0.007)


def _garden(brush: Brush, setting: Setting, rng: Random) -> None:
    base, leaves = setting.horizon, rng.choice(props.LEAVES[2:])
    for _ in range(4):
        foot = (rng.uniform(0, brush.wide), base + 0.01)
        props.round_tree(brush, foot, rng.uniform(0.16, 0.26), setting, 0.25, leaves, rng)
    hedge = setting.far((66, 128, 70), 0.10)
    x = 0.0
    while x < brush.wide + 0.05:
        brush.ellipse((x, base + 0.02), 0.06, rng.uniform(0.05, 0.075), hedge)
        x += 0.07
    props.picket(brush, base + 0.08, setting)
    brush.box(0, base + 0.075, brush.wide, brush.high, setting.ground((106, 182, 84)))
    middle = brush.wide * rng.uniform(0.4, 0.6)
    path = [
        (middle - 0.03, base + 0.075),
        (middle + 0.03, base + 0.075),
        (middle + 0.24, brush.high),
        (middle - 0.24, brush.high),
    ]
    brush.polygon(path, setting.ground((226, 206, 170)))
    for side in (-1, 1):
        for row in range(5):
            y = base + 0.11 + row * 0.058
            for column in range(3):
                x = middle + side * (0.10 + row * 0.045 + column * 0.105 + rng.uniform(-0.02, 0.02))
                petal = props.PETALS[(row + column) % len(props.PETALS)]
                props.blossom(brush, (x, y + 0.02), 0.022 + 0.006 * row, setting, petal)


def _front_grass(brush: Brush, foot: Point, setting: Setting, rng: Random) -> None:
    props.grass(brush, foot, rng.uniform(0.09, 0.15), setting.ground((48, 122, 48)), rng)


def _front_blossoms(brush: Brush, foot: Point, setting: Setting, rng: Random) -> None:
    _front_grass(brush, foot, setting, rng)
    for _ in range(2):
        at = (foot[0] + rng.uniform(-0.06, 0.06), foot[1])
        props.blossom(brush, at, rng.uniform(0.06, 0.10), setting, rng.choice(props.PETALS))


def _front_stones(brush: Brush, foot: Point, setting: Setting, rng: Random) -> None:
    props.stone(brush, (foot[0], foot[1] - 0.03), rng.uniform(0.04, 0.08), setting, rng)


def _front_drift(brush: Brush, foot: Point, setting: Setting, rng: Random) -> None:
    brush.ellipse((foot[0], foot[1]), rng.uniform(0.16, 0.26), rng.uniform(0.03, 0.06), setting.snow())


def _front_reeds(brush: Brush, foot: Point, setting: Setting, rng: Random) -> None:
    props.reeds(brush, foot, rng.uniform(0.16, 0.26), setting, rng)


_PAINTERS: dict[str, Callable[[Brush, Setting, Random], None]] = {
    "sea": water.sea,
    "lake": water.lake,
    "mountains": _mountains,
    "meadow": _meadow,
    "forest": _forest,
    "desert": _desert,
    "city": town.city,
    "snowfield": _snowfield,
    "island": water.island,
    "garden": _garden,
    "castle": indoors.castle,
    "kitchen": indoors.kitchen,
    "room": indoors.room,
    "space": indoors.space,
    "street": indoors.street,
    "underwater": indoors.underwater,
}
_FRONTS: dict[str, Callable[[Brush, Point, Setting, Random], None]] = {
    "sea": water.front_foam,
    "lake": _front_reeds,
    "mountains": _front_stones,
    "meadow": _front_blossoms,
    "forest": _front_grass,
    "desert": _front_stones,
    "city": town.front_lamp,
    "snowfield": _front_drift,
    "island": _front_grass,
    "garden": _front_blossoms,
    "castle": _front_blossoms,
    "street": town.front_lamp,
}
