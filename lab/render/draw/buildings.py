"""House, lighthouse, windmill and bridge."""

import math
from random import Random

from lab.render.draw.brush import Colour, curve
from lab.render.draw.figure import Figure
from lab.render.draw.palette import Paint

CREAM: Colour = (255, 246, 222)
GLOW: Colour = (255, 222, 120)
WOOD: Colour = (112, 72, 44)


def house(f: Figure, p: Paint, rng: Random) -> None:
    """A cottage with a steep roof, chimney, door and two lit windows."""
    f.shape([(0.20, 0.62), (0.20, 0.99), (0.31, 0.99), (0.31, 0.55)], p.dark)
    f.mark([(0.185, 0.99), (0.325, 0.99), (0.325, 0.945), (0.185, 0.945)], p.edge)
    f.shape([(-0.40, 0.0), (-0.40, 0.52), (0.40, 0.52), (0.40, 0.0)], p.base)
    for v in (0.10, 0.20, 0.30, 0.40):
        f.trace([(-0.39, v), (0.39, v)], p.dark, 0.008, 120)
    f.shape([(-0.53, 0.49), (0.0, 1.0), (0.53, 0.49)], p.dark)
    for v in (0.60, 0.71, 0.82):
        half = 0.52 * (0.99 - v) / 0.5
        f.trace([(-half, v), (half, v)], p.edge, 0.012, 150)
    f.trace([(-0.52, 0.50), (0.0, 0.985), (0.52, 0.50)], p.light, 0.030)
    f.mark([(-0.095, 0.0), *curve((-0.095, 0.25), (0.0, 0.40), (0.095, 0.25), 7), (0.095, 0.0)], p.lit(WOOD))
    f.dot((0.055, 0.145), 0.016, 0.016, GLOW)
    for u in (-0.25, 0.25):
        f.mark([(u - 0.095, 0.16), (u - 0.095, 0.40), (u + 0.095, 0.40), (u + 0.095, 0.16)], p.lit(CREAM))
        f.mark([(u - 0.075, 0.18), (u - 0.075, 0.38), (u + 0.075, 0.38), (u + 0.075, 0.18)], GLOW)
        f.trace([(u, 0.18), (u, 0.38)], p.lit(CREAM), 0.018)
        f.trace([(u - 0.075, 0.28), (u + 0.075, 0.28)], p.lit(CREAM), 0.018)
    f.dot((0.0, 0.68), 0.078, 0.078, p.lit(CREAM))
    f.dot((0.0, 0.68), 0.056, 0.056, GLOW)


def lighthouse(f: Figure, p: Paint, rng: Random) -> None:
    """A tapering tower with bands, a gallery and a shining lantern."""
    f.shape([(-0.22, 0.0), (-0.125, 0.74), (0.125, 0.74), (0.22, 0.0)], p.base)
    pale = p.lit(CREAM) if sum(p.base) < 640 else p.dark
    for low, high in ((0.13, 0.28), (0.43, 0.58)):
        left, right = 0.215 - 0.128 * low, 0.215 - 0.128 * high
        f.mark([(-left, low), (-right, high), (right, high), (left, low)], pale)
    f.mark([(-0.055, 0.0), *curve((-0.055, 0.09), (0.0, 0.15), (0.055, 0.09), 6), (0.055, 0.0)], p.lit(WOOD))
    for v in (0.35, 0.65):
        f.dot((0.0, v), 0.026, 0.036, GLOW)
    f.shape([(-0.18, 0.74), (0.18, 0.74), (0.18, 0.78), (-0.18, 0.78)], p.dark)
    f.shape([(-0.095, 0.78), (-0.095, 0.90), (0.095, 0.90), (0.095, 0.78)], (255, 240, 160))
    for u in (-0.035, 0.035):
        f.trace([(u, 0.78), (u, 0.90)], p.edge, 0.014)
    f.shape([(-0.135, 0.90), (0.0, 1.0), (0.135, 0.90)], p.dark)
    f.stroke([(0.0, 0.99), (0.0, 1.06)], p.edge, 0.018)


def windmill(f: Figure, p: Paint, rng: Random) -> None:
    """A mill with a cap and four latticed sails."""
    f.shape([(-0.25, 0.0), (-0.145, 0.60), (0.145, 0.60), (0.25, 0.0)], p.base)
    f.mark([(0.04, 0.0), (0.03, 0.60), (0.145, 0.60), (0.25, 0.0)], p.dark, 90)
    f.shape(
        [
            *curve((-0.185, 0.58), (-0.16, 0.80), (0.0, 0.80)),
            *curve((0.0, 0.80), (0.16, 0.80), (0.185, 0.58)),
        ],
        p.dark,
    )
    f.mark([(-0.065, 0.0), *curve((-0.065, 0.14), (0.0, 0.24), (0.065, 0.14), 6), (0.065, 0.0)], p.lit(WOOD))
    for u, v in ((-0.09, 0.38), (0.09, 0.38)):
        f.dot((u, v), 0.034, 0.044, GLOW)
    hub, turn = (0.0, 0.66), rng.uniform(0.35, 1.2)
    for i in range(4):
        angle = turn + i * math.pi / 2
        du, dv = math.cos(angle), math.sin(angle)
        along = [(hub[0] + du * r, hub[1] + dv * r) for r in (0.05, 0.16, 0.43)]
        nu, nv = -dv * 0.105, du * 0.105
        (a, b), (c, d) = along[1], along[2]
        f.shape([(a, b), (c, d), (c + nu, d + nv), (a + nu, b + nv)], p.lit(CREAM), edge=True)
        for r in (0.23, 0.30, 0.37):
            u, v = hub[0] + du * r, hub[1] + dv * r
            f.trace([(u, v), (u + nu, v + nv)], p.lit((176, 140, 100)), 0.010)
        f.stroke([along[0], along[2]], p.lit(WOOD), 0.024)
    f.oval(hub, 0.045, 0.045, p.light)


def bridge(f: Figure, p: Paint, rng: Random) -> None:
    """A humped bridge on two arches with a railing, seen from the side."""
    top = curve((-0.98, 0.30), (0.0, 0.98), (0.98, 0.30), 15)
    under: list[tuple[float, float]] = [(0.98, 0.0), (0.86, 0.0)]
    for left, right in ((0.08, 0.80), (-0.80, -0.08)):
        middle, half = (left + right) / 2, (right - left) / 2
        arch = [
            (middle + half * math.cos(i * math.pi / 10), 0.40 * math.sin(i * math.pi / 10)) for i in range(11)
        ]
        under += [(arch[0][0], 0.0), *arch, (arch[-1][0], 0.0)]
    under += [(-0.86, 0.0), (-0.98, 0.0)]
    f.shape([*top, *under], p.base)
    for left, right in ((0.08, 0.80), (-0.80, -0.08)):
        middle, half = (left + right) / 2, (right - left) / 2
        rim = [
            (middle + (half + 0.035) * math.cos(i * math.pi / 10), 0.435 * math.sin(i * math.pi / 10))
            for i in range(11)
        ]
        f.trace(rim, p.dark, 0.050)
    f.trace([(u, v - 0.045) for u, v in top], p.light, 0.040)
    for i in range(9):
        u = -0.88 + 0.22 * i
        v = 0.64 - 0.34 * u * u
        f.stroke([(u, v - 0.02), (u, v + 0.15)], p.dark, 0.030)
    f.stroke([(u * 0.97, v + 0.155) for u, v in top], p.dark, 0.036)
