"""The places by the water: the open sea, a lake between hills, an island's beach."""

import math
from random import Random

from lab.render.draw import props
from lab.render.draw.brush import Brush, Colour, Point, curve, mix, smooth
from lab.render.draw.palette import Setting


def sea(brush: Brush, setting: Setting, rng: Random) -> None:
    """Open water to the horizon, rows of waves, the light's path on it."""
    top = setting.horizon
    near, far = setting.lit((16, 92, 170)), setting.lit((72, 168, 218))
    brush.gradient(top, brush.high, (mix(far, setting.light.haze, 0.55), far, near))
    _glitter(brush, setting, top, rng)
    for row in range(6):
        share = row / 5
        y = top + 0.04 + (brush.high - top - 0.08) * share**1.4
        for _ in range(5 - row // 2):
            wave(
                brush,
                (rng.uniform(0, brush.wide), y + rng.uniform(-0.01, 0.01)),
                0.03 + 0.05 * share,
                mix(far, (255, 255, 255), 0.5),
            )


def lake(brush: Brush, setting: Setting, rng: Random) -> None:
    """Still water that mirrors the hills behind it; a grassy shore in front."""
    top = setting.horizon
    hills = [
        _hills(top, 0.17, rng, brush.wide, setting.far((96, 130, 156), 0.45)),
        _hills(top, 0.09, rng, brush.wide, setting.far((74, 128, 92), 0.15)),
    ]
    for points, fill in hills:
        brush.polygon(points, fill)
    shallow, deep = setting.lit((122, 196, 214)), setting.lit((40, 120, 160))
    brush.gradient(top, brush.high, (mix(shallow, setting.light.haze, 0.6), shallow, deep))
    for points, fill in hills:
        mirrored = [(x, top + (top - y) * 0.7) for x, y in points]
        brush.polygon(mirrored, mix(fill, shallow, 0.45))
    for _ in range(4):
        props.fir(brush, (rng.uniform(0, brush.wide), top + 0.005), rng.uniform(0.06, 0.11), setting, 0.2)
    _glitter(brush, setting, top, rng)
    for _ in range(7):
        x, y, half = rng.uniform(0, brush.wide), rng.uniform(top + 0.05, brush.high), rng.uniform(0.04, 0.12)
        brush.line([(x - half, y), (x + half, y)], mix(shallow, (255, 255, 255), 0.5), 0.004, 150)
    for _ in range(rng.randint(2, 4)):
        x, y = rng.uniform(0, brush.wide), rng.uniform(top + 0.22, brush.high)
        brush.ellipse((x, y), 0.036, 0.012, setting.ground((70, 146, 84)))


def island(brush: Brush, setting: Setting, rng: Random) -> None:
    """A sandy beach with palms in a turquoise sea."""
    top = setting.horizon
    far, near = setting.lit((70, 178, 214)), setting.lit((64, 208, 206))
    brush.gradient(top, brush.high, (mix(far, setting.light.haze, 0.5), far, near, near))
    _glitter(brush, setting, top, rng)
    for _ in range(6):
        wave(
            brush,
            (rng.uniform(0, brush.wide), rng.uniform(top + 0.03, top + 0.12)),
            0.035,
            mix(far, (255, 255, 255), 0.5),
        )
    middle, y = brush.wide / 2 + rng.uniform(-0.05, 0.05), top + 0.13
    foam, sand = setting.lit((236, 250, 250)), setting.ground((246, 218, 152))
    beach(brush, (middle, y + 0.26), brush.wide * 0.58, 0.265, foam)
    beach(brush, (middle, y + 0.28), brush.wide * 0.56, 0.265, sand)
    beach(brush, (middle, y + 0.40), brush.wide * 0.50, 0.26, mix(sand, setting.ground((214, 170, 100)), 0.5))
    for side in rng.sample((-1, 1), rng.randint(1, 2)):
        foot = (middle + side * brush.wide * rng.uniform(0.36, 0.42), y + rng.uniform(0.08, 0.14))
        props.palm(brush, foot, rng.uniform(0.30, 0.44), -side * rng.uniform(-0.02, 0.06), setting)
    for _ in range(4):
        at = (middle + rng.uniform(-0.4, 0.4) * brush.wide, rng.uniform(y + 0.15, brush.high))
        brush.ellipse(at, 0.010, 0.007, setting.lit(rng.choice(((255, 250, 240), (240, 170, 150)))))


def beach(brush: Brush, centre: Point, rx: float, ry: float, fill: Colour) -> None:
    """A flat round of sand or foam."""
    brush.ellipse(centre, rx, ry, fill)


def wave(brush: Brush, at: Point, width: float, fill: Colour) -> None:
    """One crest, as a child draws it."""
    x, y = at
    arcs = [*curve((x - width, y), (x - width / 2, y - width * 0.45), (x, y), 6)]
    arcs += curve((x, y), (x + width / 2, y - width * 0.45), (x + width, y), 6)
    brush.line(arcs, fill, 0.006, 190)


def pond(brush: Brush, at: Point, rx: float, setting: Setting) -> None:
    """A pond with a pale rim, for what swims on land."""
    x, y = at
    water = mix(setting.lit((70, 164, 214)), setting.light.haze, 0.18)
    brush.ellipse((x, y), rx, rx * 0.27, mix(setting.ground((120, 112, 90)), water, 0.25))
    brush.ellipse((x, y + 0.006), rx * 0.96, rx * 0.25, water)
    for dx, dy, half in ((-0.5, 0.08, 0.2), (0.45, -0.05, 0.22), (0.1, 0.16, 0.3)):
        line = [(x + (dx - half) * rx, y + dy * rx), (x + (dx + half) * rx, y + dy * rx)]
        brush.line(line, mix(water, (255, 255, 255), 0.5), 0.005, 170)


def rock(brush: Brush, at: Point, rx: float, setting: Setting, rng: Random) -> None:
    """A low rock washed by foam, for what stands at sea."""
    x, y = at
    brush.ellipse((x, y + 0.055), rx * 1.14, 0.042, setting.lit((226, 242, 250)), 170)
    shape = [
        (-1.0, 0.05),
        (-0.86, -0.02),
        (0.0, -0.035),
        (0.86, -0.02),
        (1.0, 0.05),
        (0.5, 0.075),
        (-0.5, 0.075),
    ]
    outline = smooth([(x + u * rx, y + v + 0.01) for u, v in shape])
    brush.polygon(outline, setting.ground((116, 110, 112)))
    top = [(-0.9, 0.0), (0.0, -0.03), (0.9, 0.0), (0.0, 0.022)]
    brush.polygon(smooth([(x + u * rx, y + v + 0.008) for u, v in top]), setting.ground((160, 154, 146)))


def front_foam(brush: Brush, foot: Point, setting: Setting, rng: Random) -> None:
    """A breaking crest in the corner."""
    x, y = foot
    brush.ellipse((x, y + 0.01), 0.14, 0.035, setting.lit((206, 232, 246)), 150)
    brush.ellipse((x, y + 0.02), 0.10, 0.03, setting.lit((244, 250, 254)), 190)


def _hills(top: float, height: float, rng: Random, wide: float, fill: Colour) -> tuple[list[Point], Colour]:
    phase, other = rng.uniform(0, 6.28), rng.uniform(0, 6.28)
    points: list[Point] = []
    for i in range(25):
        x = i / 24 * wide
        bump = 1.0 + 0.6 * math.sin(x * 5 + phase) + 0.4 * math.sin(x * 9 + other)
        points.append((x, top - height * bump / 2))
    return [*points, (wide, top + 0.004), (0.0, top + 0.004)], fill


def _glitter(brush: Brush, setting: Setting, top: float, rng: Random) -> None:
    """The path of light on the water below sun or moon."""
    if setting.weather != "clear":
        return
    for i in range(9):
        share = i / 8
        x, y = setting.glow_x + rng.uniform(-0.02, 0.02), top + 0.012 + 0.30 * share**1.3
        brush.ellipse(
            (x, y),
            0.03 + 0.05 * share * rng.uniform(0.6, 1.2),
            0.004 + 0.003 * share,
            setting.light.glow,
            170,
        )
