"""The eight subjects, each drawn into a box of height `h` that stands on (x, y)."""

from collections.abc import Callable
from random import Random

from engine.embedded.draw.brush import Brush, Colour, curve, mix
from engine.embedded.draw.palette import Paint

INK: Colour = (34, 30, 52)
CREAM: Colour = (255, 244, 214)


def draw_subject(
    brush: Brush, subject: str, paint: Paint, at: tuple[float, float, float], rng: Random
) -> None:
    """Draw a subject at `at` = (x of its middle, y of its foot, its height)."""
    _PAINTERS[subject](brush, paint, *at, rng)


def _sailboat(brush: Brush, p: Paint, x: float, y: float, h: float, rng: Random) -> None:
    side = rng.choice((-1, 1))
    deck = y - 0.20 * h
    brush.line([(x, deck), (x, y - h)], (96, 66, 44), 0.016)
    main = [
        (x + side * 0.03 * h, y - 0.97 * h),
        *curve(
            (x + side * 0.03 * h, y - 0.97 * h),
            (x + side * 0.44 * h, y - 0.60 * h),
            (x + side * 0.46 * h, deck - 0.05 * h),
        ),
        (x + side * 0.03 * h, deck - 0.05 * h),
    ]
    brush.outlined(main, p.base, p.edge)
    jib = [
        (x - side * 0.03 * h, y - 0.86 * h),
        *curve(
            (x - side * 0.03 * h, y - 0.86 * h),
            (x - side * 0.30 * h, y - 0.52 * h),
            (x - side * 0.36 * h, deck - 0.05 * h),
        ),
        (x - side * 0.03 * h, deck - 0.05 * h),
    ]
    brush.outlined(jib, p.light, p.edge)
    hull = [
        (x - 0.52 * h, deck),
        (x + 0.52 * h, deck),
        *curve((x + 0.52 * h, deck), (x + 0.42 * h, y), (x + 0.26 * h, y)),
        *curve((x - 0.26 * h, y), (x - 0.42 * h, y), (x - 0.52 * h, deck)),
    ]
    brush.outlined(hull, p.dark, p.edge)
    brush.line([(x - 0.47 * h, deck + 0.05 * h), (x + 0.47 * h, deck + 0.05 * h)], p.light, 0.016)


def _balloon(brush: Brush, p: Paint, x: float, y: float, h: float, rng: Random) -> None:
    r = 0.36 * h
    cy = y - h + r
    basket = y - 0.14 * h
    for dx in (-1, 1):
        brush.line([(x + dx * 0.24 * h, cy + 0.26 * h), (x + dx * 0.07 * h, basket)], INK, 0.008)
    skirt = [
        *curve((x - 0.345 * h, cy + 0.10 * h), (x - 0.26 * h, cy + 0.34 * h), (x - 0.09 * h, cy + 0.42 * h)),
        *curve((x + 0.09 * h, cy + 0.42 * h), (x + 0.26 * h, cy + 0.34 * h), (x + 0.345 * h, cy + 0.10 * h)),
    ]
    brush.outlined(skirt, p.base, p.edge)
    brush.ellipse((x, cy), r, r, p.base, edge=p.edge)
    brush.polygon(skirt, p.base)
    for rx, colour in ((0.62, p.light), (0.24, p.base)):
        brush.ellipse((x, cy + 0.005 * h), r * rx, r * 0.95, colour)
        brush.polygon(
            [
                (x - r * rx, cy + 0.04 * h),
                (x + r * rx, cy + 0.04 * h),
                (x + 0.09 * h * rx, cy + 0.41 * h),
                (x - 0.09 * h * rx, cy + 0.41 * h),
            ],
            colour,
        )
    brush.ellipse((x - 0.19 * h, cy - 0.15 * h), 0.055 * h, 0.085 * h, (255, 255, 255), 120)
    brush.box(x - 0.09 * h, basket, x + 0.09 * h, y, (150, 100, 54))
    brush.box(x - 0.10 * h, basket - 0.012 * h, x + 0.10 * h, basket + 0.03 * h, (110, 70, 40))


def _house(brush: Brush, p: Paint, x: float, y: float, h: float, rng: Random) -> None:
    w, eave = 0.40 * h, y - 0.52 * h
    side = rng.choice((-1, 1))
    brush.box(
        x + side * 0.26 * h - 0.05 * h, y - 0.96 * h, x + side * 0.26 * h + 0.05 * h, eave - 0.1 * h, p.dark
    )
    brush.outlined([(x - w, y), (x - w, eave), (x + w, eave), (x + w, y)], p.base, p.edge)
    brush.outlined([(x - 0.52 * h, eave), (x, y - h), (x + 0.52 * h, eave)], p.dark, p.edge)
    brush.line([(x - 0.40 * h, eave - 0.05 * h), (x + 0.40 * h, eave - 0.05 * h)], p.light, 0.010)
    brush.box(x - 0.085 * h, y - 0.30 * h, x + 0.085 * h, y, (104, 66, 40))
    brush.ellipse((x + 0.045 * h, y - 0.14 * h), 0.016 * h, 0.016 * h, (255, 214, 90))
    for dx in (-0.25, 0.25):
        left, top = x + dx * h - 0.085 * h, y - 0.41 * h
        brush.box(left - 0.014 * h, top - 0.014 * h, left + 0.184 * h, top + 0.184 * h, CREAM)
        brush.box(left, top, left + 0.17 * h, top + 0.17 * h, (255, 222, 120))
        brush.line([(left + 0.085 * h, top), (left + 0.085 * h, top + 0.17 * h)], CREAM, 0.008)
    brush.ellipse((x, y - 0.70 * h), 0.075 * h, 0.075 * h, CREAM)
    brush.ellipse((x, y - 0.70 * h), 0.055 * h, 0.055 * h, (255, 222, 120))


def _tree(brush: Brush, p: Paint, x: float, y: float, h: float, rng: Random) -> None:
    brush.polygon(
        [(x - 0.11 * h, y), (x - 0.055 * h, y - 0.45 * h), (x + 0.055 * h, y - 0.45 * h), (x + 0.11 * h, y)],
        (112, 74, 44),
    )
    brush.polygon(
        [(x + 0.02 * h, y), (x + 0.02 * h, y - 0.45 * h), (x + 0.055 * h, y - 0.45 * h), (x + 0.11 * h, y)],
        (86, 54, 34),
    )
    puffs = (
        (-0.23, 0.44, 0.20),
        (0.23, 0.45, 0.20),
        (-0.15, 0.68, 0.21),
        (0.17, 0.67, 0.20),
        (0.0, 0.78, 0.21),
        (0.0, 0.50, 0.24),
    )
    for dx, dy, r in puffs:
        brush.ellipse((x + dx * h, y - dy * h), r * h + 0.010, r * h + 0.010, p.edge)
    for dx, dy, r in puffs:
        brush.ellipse((x + dx * h, y - dy * h), r * h, r * h, p.base)
    brush.ellipse((x + 0.10 * h, y - 0.40 * h), 0.16 * h, 0.10 * h, p.dark, 150)
    brush.ellipse((x + 0.25 * h, y - 0.44 * h), 0.13 * h, 0.13 * h, p.dark, 150)
    for dx, dy, r in ((-0.12, 0.74, 0.12), (-0.22, 0.52, 0.09), (0.08, 0.82, 0.09)):
        brush.ellipse((x + dx * h, y - dy * h), r * h, r * h, p.light, 200)


def _cat(brush: Brush, p: Paint, x: float, y: float, h: float, rng: Random) -> None:
    side = rng.choice((-1, 1))
    tail = curve(
        (x + side * 0.20 * h, y - 0.08 * h),
        (x + side * 0.62 * h, y - 0.04 * h),
        (x + side * 0.42 * h, y - 0.48 * h),
    )
    brush.line(tail, p.edge, 0.115 * h)
    brush.line(tail, p.base, 0.080 * h)
    brush.ellipse(tail[-1], 0.045 * h, 0.045 * h, p.light)
    brush.ellipse((x, y - 0.28 * h), 0.27 * h, 0.29 * h, p.base, edge=p.edge)
    brush.ellipse((x, y - 0.22 * h), 0.14 * h, 0.19 * h, p.light)
    for dx in (-0.11, 0.11):
        brush.ellipse((x + dx * h, y - 0.04 * h), 0.09 * h, 0.055 * h, p.base, edge=p.edge)
    cy = y - 0.66 * h
    for dx in (-1, 1):
        ear = [
            (x + dx * 0.28 * h, cy - 0.06 * h),
            (x + dx * 0.25 * h, y - h),
            (x + dx * 0.06 * h, cy - 0.17 * h),
        ]
        brush.outlined(ear, p.base, p.edge)
        brush.polygon(
            [
                (x + dx * 0.23 * h, cy - 0.12 * h),
                (x + dx * 0.225 * h, y - 0.92 * h),
                (x + dx * 0.12 * h, cy - 0.17 * h),
            ],
            (255, 170, 180),
        )
    brush.ellipse((x, cy), 0.30 * h, 0.23 * h, p.base, edge=p.edge)
    for dx in (-0.12, 0.12):
        brush.ellipse((x + dx * h, cy - 0.02 * h), 0.062 * h, 0.070 * h, (250, 252, 236))
        brush.ellipse((x + dx * h, cy - 0.01 * h), 0.036 * h, 0.052 * h, INK)
    brush.ellipse((x, cy + 0.085 * h), 0.035 * h, 0.024 * h, (255, 130, 150))


def _rocket(brush: Brush, p: Paint, x: float, y: float, h: float, rng: Random) -> None:
    foot = y - 0.18 * h
    for half, length, colour in ((0.13, 0.18, (255, 120, 30)), (0.08, 0.12, (255, 220, 80))):
        brush.polygon([(x - half * h, foot), (x, foot + length * h), (x + half * h, foot)], colour)
    for dx in (-1, 1):
        fin = [
            (x + dx * 0.15 * h, foot - 0.26 * h),
            (x + dx * 0.34 * h, foot - 0.02 * h),
            (x + dx * 0.34 * h, foot + 0.04 * h),
            (x + dx * 0.13 * h, foot - 0.03 * h),
        ]
        brush.outlined(fin, p.dark, p.edge)
    body = [
        *curve((x - 0.15 * h, foot), (x - 0.28 * h, y - 0.66 * h), (x, y - h)),
        *curve((x, y - h), (x + 0.28 * h, y - 0.66 * h), (x + 0.15 * h, foot)),
    ]
    brush.outlined(body, p.base, p.edge)
    shade = [
        *curve((x + 0.02 * h, foot), (x + 0.16 * h, y - 0.6 * h), (x, y - 0.97 * h)),
        *curve((x, y - 0.97 * h), (x + 0.26 * h, y - 0.66 * h), (x + 0.14 * h, foot)),
    ]
    brush.polygon(shade, p.dark, 130)
    brush.ellipse((x - 0.10 * h, y - 0.42 * h), 0.03 * h, 0.11 * h, p.light)
    brush.ellipse((x, y - 0.62 * h), 0.095 * h, 0.095 * h, CREAM, edge=p.edge)
    brush.ellipse((x, y - 0.62 * h), 0.062 * h, 0.062 * h, (120, 200, 240))
    brush.line([(x - 0.14 * h, foot - 0.04 * h), (x + 0.14 * h, foot - 0.04 * h)], p.edge, 0.018)


def _mushroom(brush: Brush, p: Paint, x: float, y: float, h: float, rng: Random) -> None:
    stem = [
        *curve((x - 0.13 * h, y - 0.48 * h), (x - 0.10 * h, y - 0.2 * h), (x - 0.19 * h, y)),
        *curve((x + 0.19 * h, y), (x + 0.10 * h, y - 0.2 * h), (x + 0.13 * h, y - 0.48 * h)),
    ]
    brush.outlined(stem, CREAM, (150, 126, 104))
    brush.polygon(
        [
            (x + 0.05 * h, y - 0.45 * h),
            (x + 0.13 * h, y - 0.45 * h),
            (x + 0.18 * h, y - 0.02 * h),
            (x + 0.06 * h, y - 0.02 * h),
        ],
        (222, 200, 168),
    )
    rim = y - 0.42 * h
    cap = [
        *curve((x - 0.48 * h, rim), (x - 0.46 * h, y - 1.02 * h), (x, y - h)),
        *curve((x, y - h), (x + 0.46 * h, y - 1.02 * h), (x + 0.48 * h, rim)),
        *curve((x + 0.48 * h, rim), (x, rim + 0.16 * h), (x - 0.48 * h, rim)),
    ]
    brush.outlined(cap, p.base, p.edge)
    brush.line(curve((x - 0.45 * h, rim), (x, rim + 0.13 * h), (x + 0.45 * h, rim)), p.dark, 0.035 * h)
    dot = mix(p.base, (255, 255, 255), 0.92) if sum(p.base) < 690 else (236, 150, 150)
    for dx, dy, r in ((0.0, 0.80, 0.085), (-0.24, 0.62, 0.07), (0.25, 0.64, 0.065), (0.03, 0.54, 0.05)):
        brush.ellipse((x + dx * h, y - dy * h), r * h, r * h * 0.85, dot)


def _fish(brush: Brush, p: Paint, x: float, y: float, h: float, rng: Random) -> None:
    side = rng.choice((-1, 1))
    cy, rx, ry = y - 0.50 * h, 0.46 * h, 0.32 * h
    back = x - side * 0.36 * h
    tail = [
        (back, cy),
        (x - side * 0.72 * h, cy - 0.30 * h),
        (x - side * 0.62 * h, cy),
        (x - side * 0.72 * h, cy + 0.30 * h),
    ]
    brush.outlined(tail, p.dark, p.edge)
    fin = [
        (x - side * 0.22 * h, cy - 0.24 * h),
        *curve(
            (x - side * 0.2 * h, cy - 0.26 * h),
            (x - side * 0.1 * h, cy - 0.56 * h),
            (x + side * 0.18 * h, cy - 0.26 * h),
        ),
    ]
    brush.outlined(fin, p.dark, p.edge)
    brush.ellipse((x, cy), rx, ry, p.base, edge=p.edge)
    brush.ellipse((x + side * 0.02 * h, cy + 0.13 * h), rx * 0.72, ry * 0.48, p.light)
    for dx in (-0.16, 0.02):
        arc = curve(
            (x + side * dx * h, cy - 0.20 * h),
            (x + side * (dx - 0.14) * h, cy),
            (x + side * dx * h, cy + 0.20 * h),
        )
        brush.line(arc, p.dark, 0.045 * h)
    eye = (x + side * 0.27 * h, cy - 0.07 * h)
    brush.ellipse(eye, 0.085 * h, 0.085 * h, (252, 252, 246))
    brush.ellipse((eye[0] + side * 0.015 * h, eye[1]), 0.045 * h, 0.045 * h, INK)
    brush.line(
        curve(
            (x + side * 0.30 * h, cy + 0.14 * h),
            (x + side * 0.36 * h, cy + 0.15 * h),
            (x + side * 0.40 * h, cy + 0.09 * h),
        ),
        p.edge,
        0.022 * h,
    )


_PAINTERS: dict[str, Callable[[Brush, Paint, float, float, float, Random], None]] = {
    "sailboat": _sailboat,
    "balloon": _balloon,
    "house": _house,
    "tree": _tree,
    "cat": _cat,
    "rocket": _rocket,
    "mushroom": _mushroom,
    "fish": _fish,
}
