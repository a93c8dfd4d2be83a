"""Sailboat, hot-air balloon, rocket, car and bicycle."""

import math
from random import Random

from lab.render.draw.brush import Colour, Point, curve, smooth
from lab.render.draw.figure import Figure
from lab.render.draw.palette import Paint

INK: Colour = (34, 30, 52)
CREAM: Colour = (255, 244, 214)
GLASS: Colour = (150, 210, 240)


def sailboat(f: Figure, p: Paint, rng: Random) -> None:
    """Hull, mast and two sails, all in the one colour."""
    deck = 0.20
    f.stroke([(0.0, deck), (0.0, 1.02)], p.lit((110, 76, 50)), 0.032)
    f.shape(
        [(0.035, 0.98), *curve((0.035, 0.98), (0.46, 0.62), (0.48, deck + 0.06)), (0.035, deck + 0.06)],
        p.base,
    )
    f.shape(
        [(-0.035, 0.88), *curve((-0.035, 0.88), (-0.30, 0.52), (-0.38, deck + 0.06)), (-0.035, deck + 0.06)],
        p.light,
    )
    for v in (0.42, 0.60):
        f.trace([(0.05, v), (0.46 - 0.45 * max(0.0, v - 0.36), v - 0.03)], p.dark, 0.016)
    f.shape(
        [(0.0, 1.03), (-0.15, 0.985), (0.0, 0.94)],
        p.lit((250, 90, 70)) if sum(p.base) > 500 else p.lit(CREAM),
        edge=False,
    )
    hull = [(-0.55, deck), (0.58, deck + 0.03), *curve((0.58, deck + 0.03), (0.44, 0.0), (0.24, -0.01)),
            *curve((-0.26, -0.01), (-0.44, 0.0), (-0.55, deck))]  # fmt: skip
    f.shape(hull, p.dark)
    f.trace([(-0.50, deck - 0.045), (0.53, deck - 0.020)], p.light, 0.034)
    for u in (-0.22, 0.0, 0.22):
        f.dot((u, 0.085), 0.028, 0.028, p.lit(CREAM))


def balloon(f: Figure, p: Paint, rng: Random) -> None:
    """A hot-air balloon: striped envelope, ropes, a basket."""
    for side in (-1, 1):
        f.stroke([(side * 0.18, 0.36), (side * 0.075, 0.13)], p.lit((90, 66, 50)), 0.016)
    envelope = smooth([(-0.09, 0.27), (-0.31, 0.46), (-0.375, 0.68), (-0.26, 0.92), (0.0, 1.0), (0.26, 0.92),
                       (0.375, 0.68), (0.31, 0.46), (0.09, 0.27)], 6)  # fmt: skip
    f.shape(envelope, p.base)
    for inner, outer in ((0.10, 0.24),):
        for side in (-1, 1):
            near = curve((side * 0.025, 0.28), (side * inner * 2.6, 0.72), (side * 0.02, 0.985), 10)
            far = curve((side * 0.02, 0.985), (side * outer * 2.6, 0.78), (side * 0.065, 0.28), 10)
            f.mark([*near, *far], p.light)
    f.mark(
        [
            (-0.30, 0.47),
            *curve((-0.30, 0.47), (0.0, 0.40), (0.30, 0.47)),
            (0.24, 0.40),
            *curve((0.24, 0.40), (0.0, 0.34), (-0.24, 0.40)),
        ],
        p.dark,
    )
    f.dot((-0.20, 0.80), 0.045, 0.075, (255, 255, 255), 110)
    f.shape([(-0.10, 0.14), (0.10, 0.14), (0.08, 0.0), (-0.08, 0.0)], p.lit((162, 110, 62)))
    f.trace([(-0.10, 0.13), (0.10, 0.13)], p.lit((112, 72, 42)), 0.030)
    for u in (-0.045, 0.0, 0.045):
        f.trace([(u, 0.11), (u * 0.8, 0.01)], p.lit((126, 82, 46)), 0.010)


def rocket(f: Figure, p: Paint, rng: Random) -> None:
    """A rocket on its flame: fins, porthole, nose."""
    for half, low, fill in ((0.13, -0.02, (255, 120, 30)), (0.075, 0.06, (255, 226, 90))):
        f.shape([(-half, 0.20), *curve((-half, 0.20), (-half * 0.8, 0.08), (0.0, low), 5),
                 *curve((0.0, low), (half * 0.8, 0.08), (half, 0.20), 5)], fill, edge=False)  # fmt: skip
    for side in (-1, 1):
        fin = [
            (side * 0.14, 0.46),
            *curve((side * 0.14, 0.46), (side * 0.36, 0.36), (side * 0.36, 0.12)),
            (side * 0.13, 0.22),
        ]
        f.shape(fin, p.dark)
    body = [
        (-0.14, 0.18),
        *curve((-0.14, 0.18), (-0.30, 0.66), (0.0, 1.0), 12),
        *curve((0.0, 1.0), (0.30, 0.66), (0.14, 0.18), 12),
    ]
    f.shape(body, p.base)
    f.mark(
        [*curve((0.03, 0.19), (0.16, 0.6), (0.0, 0.97)), *curve((0.0, 0.97), (0.28, 0.66), (0.13, 0.19))],
        p.dark,
        120,
    )
    f.mark(
        [*curve((-0.105, 0.78), (-0.06, 0.90), (0.0, 1.0)), *curve((0.0, 1.0), (0.06, 0.90), (0.105, 0.78))],
        p.light,
    )
    f.trace([(-0.125, 0.77), (0.125, 0.77)], p.edge, 0.018)
    f.dot((0.0, 0.60), 0.092, 0.092, p.lit(CREAM))
    f.dot((0.0, 0.60), 0.066, 0.066, p.lit((70, 130, 190)))
    f.dot((-0.02, 0.625), 0.024, 0.020, (240, 250, 255))
    f.trace([(-0.145, 0.245), (0.145, 0.245)], p.edge, 0.024)
    f.shape([(-0.03, 0.36), (0.03, 0.36), (0.022, 0.12), (-0.022, 0.12)], p.dark)


def car(f: Figure, p: Paint, rng: Random) -> None:
    """A small round car seen from the side, driving right."""
    cabin = smooth([(-0.42, 0.40), (-0.30, 0.70), (-0.02, 0.78), (0.22, 0.70), (0.40, 0.42)], 6)
    f.shape(cabin, p.base)
    f.mark([(-0.33, 0.45), (-0.245, 0.655), (-0.03, 0.705), (-0.03, 0.45)], p.lit(GLASS))
    f.mark([(0.03, 0.45), (0.03, 0.705), (0.18, 0.655), (0.31, 0.45)], p.lit(GLASS))
    f.mark([(-0.20, 0.45), (-0.12, 0.66), (-0.07, 0.675), (-0.14, 0.45)], (255, 255, 255), 120)
    body = smooth(
        [
            (-0.72, 0.16),
            (-0.73, 0.34),
            (-0.58, 0.46),
            (0.0, 0.47),
            (0.50, 0.44),
            (0.72, 0.34),
            (0.74, 0.17),
            (0.0, 0.13),
        ]
    )
    f.shape(body, p.base)
    f.mark([(-0.70, 0.20), (0.72, 0.20), (0.70, 0.15), (-0.70, 0.15)], p.dark)
    f.trace([(-0.56, 0.40), (0.54, 0.385)], p.light, 0.036)
    f.trace([(0.0, 0.45), (0.0, 0.20)], p.edge, 0.012)
    f.trace([(-0.12, 0.335), (-0.05, 0.335)], p.edge, 0.024)
    f.dot((0.66, 0.315), 0.045, 0.052, p.lit((255, 240, 150)))
    f.dot((-0.69, 0.31), 0.030, 0.045, p.lit((230, 60, 50)))
    for u in (-0.42, 0.42):
        f.dot((u, 0.165), 0.195, 0.195, p.dark)
        f.oval((u, 0.15), 0.158, 0.158, INK)
        f.dot((u, 0.15), 0.082, 0.082, p.lit((206, 210, 220)))
        f.dot((u, 0.15), 0.030, 0.030, INK)


def bicycle(f: Figure, p: Paint, rng: Random) -> None:
    """A bicycle from the side: two spoked wheels, a frame, saddle, handlebar and basket."""
    rear, front, crank = (-0.46, 0.30), (0.48, 0.30), (-0.06, 0.30)
    seat, head = (-0.17, 0.74), (0.35, 0.78)
    for hub in (rear, front):
        _wheel(f, hub, 0.28, p)
    for path in ([rear, crank, head, (seat[0] + 0.02, 0.66), rear], [crank, seat], [head, front]):
        f.stroke(path, p.edge, 0.074)
    for path in ([rear, crank, head, (seat[0] + 0.02, 0.66), rear], [crank, seat], [head, front]):
        f.stroke(path, p.base, 0.050)
    f.stroke([head, (0.32, 0.93), (0.19, 0.97)], p.lit((70, 74, 90)), 0.040)
    f.shape(smooth([(-0.31, 0.79), (-0.05, 0.78), (-0.08, 0.72), (-0.26, 0.72)], 4), p.lit((76, 50, 40)))
    f.shape([(0.40, 0.90), (0.68, 0.90), (0.63, 0.70), (0.44, 0.70)], p.base)
    for v in (0.76, 0.83):
        f.trace([(0.43, v), (0.65, v)], p.dark, 0.018)
    f.oval(crank, 0.062, 0.062, p.lit((190, 196, 206)), edge=False)
    f.stroke([(crank[0] - 0.06, 0.16), (crank[0] + 0.06, 0.16)], INK, 0.030)
    f.stroke([crank, (crank[0], 0.16)], INK, 0.022)


def _wheel(f: Figure, hub: Point, radius: float, p: Paint) -> None:
    u, v = hub
    ring = [
        (u + radius * math.cos(i * math.pi / 14), v + radius * math.sin(i * math.pi / 14)) for i in range(29)
    ]
    for i in range(6):
        angle = i * math.pi / 6
        du, dv = radius * math.cos(angle), radius * math.sin(angle)
        f.stroke([(u - du, v - dv), (u + du, v + dv)], p.lit((206, 210, 220)), 0.010)
    f.stroke(ring, p.lit((52, 50, 66)), 0.058)
    f.stroke([(u + (x - u) * 0.88, v + (y - v) * 0.88) for x, y in ring], p.base, 0.026)
    f.oval(hub, 0.035, 0.035, p.lit((190, 196, 206)), edge=False)
