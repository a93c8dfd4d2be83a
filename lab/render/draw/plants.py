"""Tree, mushroom, cactus and flower."""

import math
from random import Random

from lab.render.draw.brush import Colour, curve, mix
from lab.render.draw.figure import Figure
from lab.render.draw.palette import Paint

CREAM: Colour = (255, 244, 214)
BARK: Colour = (116, 78, 48)


def tree(f: Figure, p: Paint, rng: Random) -> None:
    """A broad leafy tree with a forked trunk."""
    trunk = [
        *curve((-0.15, 0.0), (-0.06, 0.06), (-0.065, 0.42)), (0.065, 0.42),
        *curve((0.065, 0.42), (0.06, 0.06), (0.16, 0.0)),
    ]  # fmt: skip
    f.shape(trunk, p.lit(BARK))
    for end in ((-0.22, 0.60), (0.24, 0.58)):
        f.stroke([(0.0, 0.36), end], p.lit(BARK), 0.050)
    f.trace([(0.025, 0.04), (0.02, 0.36)], p.lit((86, 54, 34)), 0.040)
    puffs = [
        (-0.27, 0.53, 0.19),
        (0.27, 0.54, 0.19),
        (-0.20, 0.74, 0.20),
        (0.21, 0.73, 0.20),
        (0.0, 0.82, 0.18),
        (0.0, 0.58, 0.24),
    ]
    puffs = [(u + rng.uniform(-0.03, 0.03), v, r * rng.uniform(0.94, 1.06)) for u, v, r in puffs]
    for u, v, r in puffs:
        f.oval((u, v), r + 0.014, r + 0.014, p.edge, edge=False)
    for u, v, r in puffs:
        f.dot((u, v), r, r, p.base)
    for u, v, r in puffs:
        f.dot((u + 0.02, v - 0.45 * r), 0.72 * r, 0.36 * r, p.dark, 110)
        f.dot((u - 0.02, v + 0.34 * r), 0.60 * r, 0.44 * r, p.light, 190)


def mushroom(f: Figure, p: Paint, rng: Random) -> None:
    """A toadstool with a spotted cap, gills and a ring."""
    stem = [
        *curve((-0.13, 0.50), (-0.09, 0.2), (-0.19, 0.02)), (0.0, 0.0),
        *curve((0.19, 0.02), (0.09, 0.2), (0.13, 0.50)),
    ]  # fmt: skip
    f.shape(stem, p.lit(CREAM))
    f.mark([(0.04, 0.48), (0.13, 0.48), (0.17, 0.02), (0.06, 0.02)], p.lit((226, 204, 172)))
    f.oval((0.0, 0.43), 0.46, 0.095, p.lit((238, 214, 180)))
    for i in range(9):
        u = -0.36 + 0.09 * i
        f.trace([(u * 0.35, 0.43), (u, 0.37 + 0.16 * u * u)], p.lit((200, 170, 140)), 0.014)
    cap = [
        *curve((-0.50, 0.44), (-0.47, 1.02), (0.0, 1.0), 12),
        *curve((0.0, 1.0), (0.47, 1.02), (0.50, 0.44), 12),
        *curve((0.50, 0.44), (0.0, 0.60), (-0.50, 0.44), 12),
    ]
    f.shape(cap, p.base)
    f.mark(
        curve((-0.40, 0.60), (-0.34, 0.92), (-0.04, 0.95))
        + curve((-0.04, 0.95), (-0.28, 0.84), (-0.40, 0.60)),
        p.light,
        150,
    )
    dot = (250, 246, 240) if sum(p.base) < 630 else (222, 120, 120)
    for u, v, r in (
        (0.02, 0.83, 0.075),
        (-0.24, 0.68, 0.075),
        (0.27, 0.68, 0.07),
        (0.03, 0.62, 0.055),
        (-0.40, 0.52, 0.04),
        (0.42, 0.52, 0.04),
    ):
        f.dot((u, v), r, r * 0.86, p.lit(dot))


def cactus(f: Figure, p: Paint, rng: Random) -> None:
    """A ribbed cactus with two raised arms and a blossom."""
    left, right = rng.uniform(0.36, 0.46), rng.uniform(0.26, 0.36)
    for side, low, high in ((-1, left, left + 0.32), (1, right, right + 0.40)):
        arm = [(0.0, low), (side * 0.24, low + 0.02), (side * 0.29, low + 0.10), (side * 0.29, high)]
        _thick(f, arm, 0.135, p)
    _thick(f, [(0.0, 0.0), (0.0, 0.86)], 0.27, p)
    for du in (-0.065, 0.0, 0.065):
        f.trace([(du, 0.03), (du, 0.90)], p.dark, 0.022)
    f.trace([(-0.095, 0.05), (-0.095, 0.86)], p.light, 0.022)
    for i in range(8):
        for du in (-0.035, 0.035):
            f.trace([(du - 0.014, 0.12 + 0.1 * i), (du + 0.014, 0.13 + 0.1 * i)], p.lit(CREAM), 0.010)
    bloom = (255, 120, 150) if sum(p.base) < 600 else (236, 90, 90)
    for angle in range(5):
        at = (0.055 * math.cos(angle * 1.257), 0.985 + 0.035 * math.sin(angle * 1.257))
        f.oval(at, 0.045, 0.040, p.lit(bloom), edge=False)
    f.dot((0.0, 0.985), 0.028, 0.026, p.lit((255, 226, 90)))


def flower(f: Figure, p: Paint, rng: Random) -> None:
    """One large blossom of eight petals on a stalk with two leaves."""
    stalk, leaf = p.lit((62, 132, 58)), p.lit((88, 166, 70))
    f.stroke(curve((0.02, 0.0), (-0.05, 0.3), (0.0, 0.62)), stalk, 0.050)
    for side, v in ((-1, 0.10), (1, 0.20)):
        root, tip = (0.0, v), (side * 0.32, v + 0.20)
        outline = [*curve(root, (side * 0.10, v + 0.22), tip), *curve(tip, (side * 0.26, v), root)]
        f.shape(outline, leaf, edge=False)
        f.trace([root, (side * 0.24, v + 0.14)], stalk, 0.014)
    turn = rng.uniform(0, 0.78)
    for i in range(8):
        angle = turn + i * math.pi / 4
        u, v = 0.215 * math.cos(angle), 0.68 + 0.215 * math.sin(angle)
        f.oval((u, v), 0.112, 0.112, p.base if i % 2 else p.light)
    f.oval((0.0, 0.68), 0.135, 0.135, p.lit((120, 78, 36) if sum(p.base) > 480 else (255, 206, 70)))
    for i in range(7):
        at = (0.07 * math.cos(i * 0.9), 0.68 + 0.07 * math.sin(i * 0.9))
        f.dot(at, 0.016, 0.016, mix(p.lit(CREAM), p.lit((150, 90, 30)), 0.4))


def _thick(f: Figure, path: list[tuple[float, float]], width: float, p: Paint) -> None:
    """A rounded limb with an edge line."""
    for extra, fill in ((0.028, p.edge), (0.0, p.base)):
        f.stroke(path, fill, width + extra)
        half = (width + extra) / 2
        for end in path[1:]:
            f.oval(end, half, half, fill, edge=False)
