"""Cat, fish and bird."""

from random import Random

from lab.render.draw.brush import Colour, curve, smooth
from lab.render.draw.figure import Figure
from lab.render.draw.palette import Paint

INK: Colour = (30, 26, 48)
EYE: Colour = (252, 252, 240)
ROSE: Colour = (255, 150, 164)


def cat(f: Figure, p: Paint, rng: Random) -> None:
    """A sitting cat that looks at us: tail, paws, a face with eyes, nose and whiskers."""
    tail = curve((0.20, 0.07), (0.66, 0.02), (0.44, 0.46), 12)
    f.stroke(tail, p.edge, 0.125)
    f.stroke(tail, p.base, 0.092)
    f.oval(tail[-1], 0.050, 0.050, p.light, edge=False)
    body = smooth(
        [(-0.26, 0.04), (-0.25, 0.28), (-0.15, 0.50), (0.15, 0.50), (0.25, 0.28), (0.26, 0.04), (0.0, 0.0)]
    )
    f.shape(body, p.base)
    f.dot((0.0, 0.26), 0.13, 0.19, p.light)
    for du in (-0.10, 0.10):
        f.oval((du, 0.045), 0.085, 0.052, p.base)
    for side in (-1, 1):
        f.shape([(side * 0.29, 0.72), (side * 0.27, 1.0), (side * 0.05, 0.86)], p.base)
        f.mark([(side * 0.24, 0.78), (side * 0.235, 0.93), (side * 0.11, 0.85)], p.lit(ROSE))
    head = smooth(
        [(-0.33, 0.62), (-0.27, 0.80), (0.0, 0.88), (0.27, 0.80), (0.33, 0.62), (0.17, 0.46), (-0.17, 0.46)]
    )
    f.shape(head, p.base)
    for du in (-0.08, 0.0, 0.08):
        f.trace([(du, 0.86), (du * 0.8, 0.79)], p.dark, 0.030)
    f.dot((0.0, 0.555), 0.13, 0.075, p.light)
    for side in (-1, 1):
        f.dot((side * 0.145, 0.68), 0.070, 0.074, EYE)
        f.dot((side * 0.138, 0.675), 0.040, 0.062, INK)
        f.dot((side * 0.138 - 0.016, 0.70), 0.015, 0.018, (255, 255, 255))
        f.trace(curve((0.0, 0.565), (side * 0.03, 0.52), (side * 0.08, 0.535), 5), INK, 0.016)
        for dv in (-0.02, 0.02):
            f.stroke([(side * 0.16, 0.57 + dv), (side * 0.40, 0.575 + 2.2 * dv)], p.light, 0.010)
    f.mark([(-0.035, 0.600), (0.035, 0.600), (0.0, 0.560)], p.lit((240, 110, 130)))


def fish(f: Figure, p: Paint, rng: Random) -> None:
    """A leaping fish with fins, scales and a round eye, looking right."""
    tail = smooth([(-0.34, 0.50), (-0.66, 0.78), (-0.58, 0.50), (-0.66, 0.22)], 4)
    f.shape(tail, p.dark)
    f.shape([(-0.22, 0.74), *curve((-0.20, 0.76), (-0.06, 1.06), (0.20, 0.76))], p.dark)
    f.shape([(-0.08, 0.26), *curve((-0.08, 0.26), (-0.16, 0.04), (0.10, 0.24))], p.dark)
    body = smooth(
        [
            (-0.46, 0.50),
            (-0.24, 0.74),
            (0.10, 0.80),
            (0.40, 0.66),
            (0.52, 0.50),
            (0.38, 0.33),
            (0.08, 0.22),
            (-0.24, 0.28),
        ]
    )
    f.shape(body, p.base)
    f.mark(smooth([(-0.30, 0.36), (0.06, 0.26), (0.38, 0.38), (0.08, 0.43)]), p.light)
    for column in range(3):
        for row in range(3):
            u, v = -0.24 + 0.15 * column, 0.42 + 0.12 * row - 0.02 * column
            f.trace(curve((u, v + 0.06), (u - 0.075, v), (u, v - 0.06), 6), p.dark, 0.020)
    f.trace(curve((0.22, 0.72), (0.13, 0.52), (0.22, 0.32)), p.dark, 0.034)
    f.mark(smooth([(0.06, 0.48), (-0.12, 0.40), (-0.12, 0.56)], 4), p.dark)
    f.dot((0.335, 0.575), 0.078, 0.082, EYE)
    f.dot((0.35, 0.575), 0.046, 0.052, INK)
    f.dot((0.365, 0.595), 0.015, 0.017, (255, 255, 255))
    f.trace(curve((0.36, 0.40), (0.43, 0.395), (0.47, 0.45), 5), p.edge, 0.022)


def bird(f: Figure, p: Paint, rng: Random) -> None:
    """A round bird on thin legs with wing, tail and beak, looking right."""
    legs = p.lit((226, 132, 44))
    for du in (-0.06, 0.10):
        f.stroke([(du, 0.26), (du + 0.01, 0.015)], legs, 0.032)
        f.stroke([(du - 0.06, 0.015), (du + 0.10, 0.015)], legs, 0.030)
    f.shape([(-0.26, 0.44), (-0.80, 0.58), (-0.76, 0.42), (-0.68, 0.34), (-0.24, 0.28)], p.dark)
    f.shape([(0.40, 0.86), (0.66, 0.77), (0.38, 0.71)], p.lit((250, 166, 40)))
    body = smooth([(-0.38, 0.46), (-0.20, 0.66), (0.00, 0.76), (0.06, 0.94), (0.24, 1.0), (0.42, 0.92),
                   (0.46, 0.74), (0.40, 0.48), (0.22, 0.26), (-0.10, 0.22), (-0.32, 0.32)])  # fmt: skip
    f.shape(body, p.base)
    f.mark(
        smooth([(0.42, 0.62), (0.38, 0.44), (0.20, 0.27), (0.02, 0.30), (0.16, 0.46), (0.30, 0.64)]), p.light
    )
    wing = smooth([(0.10, 0.60), (-0.14, 0.62), (-0.44, 0.40), (-0.50, 0.28), (-0.18, 0.32), (0.06, 0.42)])
    f.shape(wing, p.dark)
    for du, dv in ((0.0, 0.0), (-0.10, 0.045)):
        f.trace(curve((-0.36 - du, 0.34 + dv), (-0.16, 0.42 + dv), (0.02, 0.50 + dv), 6), p.base, 0.022)
    f.dot((0.27, 0.845), 0.060, 0.062, EYE)
    f.dot((0.285, 0.845), 0.036, 0.042, INK)
    f.dot((0.295, 0.860), 0.012, 0.013, (255, 255, 255))
