"""The picture book's own places: a room, a kitchen table, under water, space, a street, a castle."""

import math
from random import Random

from lab.render.draw import props
from lab.render.draw.brush import Brush, Colour, Point, mix
from lab.render.draw.palette import Setting
from lab.render.draw.town import LAMPLIGHT

PAPERS: tuple[Colour, ...] = ((236, 214, 190), (198, 220, 214), (228, 204, 216))
AWNINGS: tuple[Colour, ...] = ((214, 74, 64), (58, 128, 190), (70, 150, 92), (236, 170, 60))
FRONTS: tuple[Colour, ...] = ((240, 220, 190), (226, 190, 170), (206, 214, 226), (232, 226, 204))


def room(brush: Brush, setting: Setting, rng: Random) -> None:
    """A papered wall with a window, a wooden floor and a rug."""
    base, wall = setting.horizon, setting.lit(rng.choice(PAPERS))
    brush.box(0, 0, brush.wide, base, wall)
    stripe = mix(wall, (255, 255, 255), 0.22)
    for column in range(math.ceil(brush.wide / 0.12)):
        brush.box(column * 0.12, 0, column * 0.12 + 0.05, base, stripe)
    side = rng.choice((0.2, 0.76))
    _window(brush, (side * brush.wide, 0.25), 0.26, 0.3, setting)
    _picture(brush, ((0.96 - side) * brush.wide, 0.22), setting, rng)
    floor = setting.lit((188, 138, 92))
    brush.box(0, base, brush.wide, brush.high, floor)
    for row in range(1, 5):
        y = base + (brush.high - base) * (row / 5) ** 1.4
        brush.line([(0, y), (brush.wide, y)], mix(floor, (60, 30, 10), 0.25), 0.004)
    brush.box(0, base - 0.018, brush.wide, base + 0.006, setting.lit((250, 246, 238)))
    rug = setting.lit(rng.choice(AWNINGS))
    brush.ellipse((brush.wide / 2, base + 0.2), 0.42 * brush.wide, 0.1, mix(rug, (255, 255, 255), 0.5))
    brush.ellipse((brush.wide / 2, base + 0.2), 0.37 * brush.wide, 0.08, rug)


def kitchen(brush: Brush, setting: Setting, rng: Random) -> None:
    """A tiled wall with a window and a shelf, and a table that fills the lower third."""
    base, tile = setting.horizon, setting.lit(mix(rng.choice(PAPERS), (255, 255, 255), 0.4))
    brush.box(0, 0, brush.wide, base, tile)
    joint = mix(tile, (90, 80, 90), 0.18)
    for row in range(round(base / 0.08)):
        brush.line([(0, row * 0.08), (brush.wide, row * 0.08)], joint, 0.003)
    for column in range(round(brush.wide / 0.08) + 1):
        brush.line([(column * 0.08, 0), (column * 0.08, base)], joint, 0.003)
    side = rng.choice((0.24, 0.72))
    _window(brush, (side * brush.wide, 0.24), 0.28, 0.26, setting)
    shelf = (0.96 - side) * brush.wide
    brush.box(shelf - 0.14, 0.30, shelf + 0.14, 0.318, setting.lit((146, 98, 62)))
    for index in range(4):
        x, tall = shelf - 0.11 + 0.07 * index, rng.uniform(0.05, 0.09)
        brush.box(x - 0.022, 0.30 - tall, x + 0.022, 0.30, setting.lit(rng.choice(AWNINGS)))
    top = setting.lit((206, 160, 108))
    brush.box(0, base, brush.wide, brush.high, top)
    for row in range(1, 4):
        y = base + (brush.high - base) * row / 4
        brush.line([(0, y), (brush.wide, y)], mix(top, (90, 50, 20), 0.2), 0.004)
    brush.box(0, base, brush.wide, base + 0.014, mix(top, (255, 255, 255), 0.3))


def underwater(brush: Brush, setting: Setting, rng: Random) -> None:
    """Blue water that darkens with depth, rays of light, bubbles, sand with weeds."""
    top, deep = setting.lit((120, 214, 232)), setting.lit((16, 74, 148))
    brush.gradient(0.0, brush.high, (mix(top, setting.light.sky[-1], 0.25), mix(top, deep, 0.5), deep))
    for _ in range(4):
        x, half = rng.uniform(0, brush.wide), rng.uniform(0.03, 0.07)
        ray = [(x - half, 0.0), (x + half, 0.0), (x + half + 0.18, brush.high), (x - half + 0.06, brush.high)]
        brush.polygon(ray, mix(top, (255, 255, 255), 0.5), 36)
    base, sand = setting.horizon, setting.lit((224, 202, 150))
    _waves(brush, base, mix(sand, deep, 0.45), rng)
    _waves(brush, base + 0.1, mix(sand, deep, 0.2), rng)
    for _ in range(9):
        foot = (rng.uniform(0, brush.wide), base + rng.uniform(0.03, 0.3))
        weed = setting.lit(rng.choice(((46, 140, 92), (90, 168, 80), (206, 84, 110))))
        tall = rng.uniform(0.08, 0.2)
        line = [(foot[0] + 0.018 * math.sin(i * 1.4), foot[1] - tall * i / 5) for i in range(6)]
        brush.line(line, weed, 0.014)
    for _ in range(14):
        at, radius = (rng.uniform(0, brush.wide), rng.uniform(0.05, base)), rng.uniform(0.006, 0.018)
        brush.ellipse(at, radius, radius, mix(top, (255, 255, 255), 0.6), 150)


def space(brush: Brush, setting: Setting, rng: Random) -> None:
    """Stars and a veil of gas over the grey ground of a moon."""
    brush.gradient(0.0, brush.high, ((8, 8, 30), (22, 18, 62), (48, 30, 96)))
    veil = rng.choice(((150, 70, 170), (60, 120, 190), (190, 90, 110)))
    for _ in range(5):
        at = (rng.uniform(0, brush.wide), rng.uniform(0.05, 0.5))
        brush.halo(at, rng.uniform(0.14, 0.28), veil, 0.22)
    for _ in range(round(70 * brush.wide)):
        at, radius = (rng.uniform(0, brush.wide), rng.uniform(0, 0.8)), rng.choice((0.0025, 0.004, 0.006))
        brush.ellipse(at, radius, radius, (255, 252, 236), rng.choice((170, 255)))
    base = setting.horizon
    _waves(brush, base, (104, 104, 124), rng)
    _waves(brush, base + 0.1, (138, 138, 154), rng)
    for _ in range(8):
        x, y = rng.uniform(0, brush.wide), rng.uniform(base + 0.1, brush.high)
        size = rng.uniform(0.02, 0.06)
        brush.ellipse((x, y), size, size * 0.36, (112, 112, 130))
        brush.ellipse((x, y + size * 0.08), size * 0.84, size * 0.26, (92, 92, 112))


def street(brush: Brush, setting: Setting, rng: Random) -> None:
    """A row of shops with striped awnings along a cobbled street."""
    base, x = setting.horizon, -rng.uniform(0.0, 0.1)
    dark = setting.time in {"night", "sunset"} or setting.weather in {"rain", "fog"}
    while x < brush.wide:
        wide, tall = rng.uniform(0.22, 0.32), rng.uniform(0.34, 0.5)
        _shop(brush, (x, base - tall, x + wide, base), setting, dark, rng)
        x += wide
    brush.box(0, base, brush.wide, base + 0.035, setting.ground((206, 202, 196)))
    stone = setting.ground((158, 150, 148))
    brush.box(0, base + 0.035, brush.wide, brush.high, stone)
    for row in range(5):
        y = base + 0.07 + row * 0.065
        for column in range(round(brush.wide / 0.1) + 1):
            at = (column * 0.1 + 0.05 * (row % 2), y)
            brush.ellipse(at, 0.036, 0.016, mix(stone, (255, 255, 255), 0.16))


def castle(brush: Brush, setting: Setting, rng: Random) -> None:
    """Green hills, and a castle with red roofs on one of them."""
    base, side = setting.horizon, rng.choice((0.24, 0.76))
    hill = (side * brush.wide, base - 0.14)
    brush.ellipse((hill[0], base + 0.16), 0.42, 0.30, setting.far((96, 160, 92), 0.3))
    _castle(brush, hill, setting)
    for distance, y in ((0.2, 0.02), (0.0, 0.14)):
        _waves(brush, base + y, setting.far((92, 168, 78), distance), rng)
    path = setting.ground((222, 200, 158))
    for index in range(7):
        y, near = base + 0.05 + 0.055 * index, index / 6
        x = brush.wide / 2 + (hill[0] - brush.wide / 2) * (1 - near) ** 2
        brush.ellipse((x, y), 0.03 + 0.1 * near, 0.034, path)
    for _ in range(8):
        foot = (rng.uniform(0, brush.wide), rng.uniform(base + 0.16, brush.high))
        props.blossom(brush, foot, 0.028, setting, rng.choice(props.PETALS))


def _castle(brush: Brush, foot: Point, setting: Setting) -> None:
    x, y = foot
    wall, roof = setting.far((196, 190, 196), 0.1), setting.far((200, 70, 66), 0.05)
    shade, lit = mix(wall, (30, 20, 70), 0.22), setting.time in {"night", "sunset"}
    brush.box(x - 0.13, y - 0.09, x + 0.13, y + 0.03, wall)
    for dx, half, tall in (
        (-0.13, 0.032, 0.17),
        (0.13, 0.032, 0.17),
        (-0.045, 0.03, 0.22),
        (0.05, 0.036, 0.28),
    ):
        brush.box(x + dx - half, y - tall, x + dx + half, y + 0.03, mix(wall, (255, 255, 255), 0.12))
        brush.box(x + dx + half * 0.3, y - tall, x + dx + half, y + 0.03, shade)
        brush.polygon(
            [(x + dx - half * 1.3, y - tall), (x + dx, y - tall - 0.09), (x + dx + half * 1.3, y - tall)],
            roof,
        )
        pane = LAMPLIGHT if lit else mix(wall, (24, 30, 70), 0.7)
        brush.box(x + dx - 0.009, y - tall + 0.03, x + dx + 0.009, y - tall + 0.062, pane)
    brush.ellipse((x, y + 0.01), 0.026, 0.04, mix(wall, (40, 24, 20), 0.75))


def _shop(
    brush: Brush, box: tuple[float, float, float, float], setting: Setting, dark: bool, rng: Random
) -> None:
    left, top, right, base = box
    wall, cloth = setting.far(rng.choice(FRONTS), 0.05), setting.lit(rng.choice(AWNINGS))
    brush.box(left, top, right, base, wall)
    brush.box(right - 0.012, top, right, base, mix(wall, (20, 10, 40), 0.25))
    roof = setting.snow() if setting.weather == "snow" else setting.far((156, 84, 72), 0.1)
    brush.polygon(
        [(left - 0.01, top), (left + 0.03, top - 0.06), (right - 0.03, top - 0.06), (right + 0.01, top)], roof
    )
    pane = LAMPLIGHT if dark else setting.lit((206, 232, 246))
    for part in (0.28, 0.72):
        x = left + part * (right - left)
        for y in (top + 0.04, top + 0.13):
            if y < base - 0.2:
                brush.box(x - 0.026, y, x + 0.026, y + 0.055, pane)
    brush.box(left + 0.03, base - 0.10, right - 0.03, base - 0.012, pane)
    stripes = 6
    for index in range(stripes):
        x, step = left + 0.015, (right - left - 0.03) / stripes
        colour = cloth if index % 2 else setting.lit((252, 250, 246))
        brush.box(x + index * step, base - 0.15, x + (index + 1) * step, base - 0.09, colour)
        brush.ellipse((x + (index + 0.5) * step, base - 0.09), step / 2, 0.016, colour)


def _window(brush: Brush, centre: Point, wide: float, tall: float, setting: Setting) -> None:
    """A window in which the sky of the time shows, a lamp's light around it by night."""
    (x, y), sky = centre, setting.light.sky
    frame, left, top = setting.lit((252, 250, 244)), centre[0] - wide / 2, centre[1] - tall / 2
    brush.box(left - 0.016, top - 0.016, left + wide + 0.016, top + tall + 0.016, frame)
    bands = 8
    for index in range(bands):
        place = index / (bands - 1) * (len(sky) - 1)
        low = min(int(place), len(sky) - 2)
        colour = mix(sky[low], sky[low + 1], place - low)
        brush.box(left, top + tall * index / bands, left + wide, top + tall * (index + 1) / bands, colour)
    glow = (x + wide * 0.22, y - tall * (0.2 if setting.time in {"noon", "night"} else -0.3))
    brush.ellipse(glow, 0.026, 0.026, setting.light.glow)
    brush.line([(x, top), (x, top + tall)], frame, 0.012)
    brush.line([(left, y), (left + wide, y)], frame, 0.012)


def _picture(brush: Brush, centre: Point, setting: Setting, rng: Random) -> None:
    x, y = centre
    brush.box(x - 0.09, y - 0.075, x + 0.09, y + 0.075, setting.lit((150, 104, 60)))
    brush.box(x - 0.075, y - 0.06, x + 0.075, y + 0.06, setting.lit((226, 238, 240)))
    brush.ellipse((x, y + 0.02), 0.05, 0.03, setting.lit(rng.choice(AWNINGS)))


def _waves(brush: Brush, y: float, fill: Colour, rng: Random) -> None:
    """Ground with a softly waved edge around `y`."""
    phase = rng.uniform(0, 6.28)
    edge = [(i / 24 * brush.wide, y - 0.016 * math.sin(i * 0.42 + phase)) for i in range(25)]
    brush.polygon([*edge, (brush.wide, brush.high), (0.0, brush.high)], fill)
