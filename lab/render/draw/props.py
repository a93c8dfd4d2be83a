"""Small things that furnish a place: trees, grass, flowers, stones, boats' jetties."""

from random import Random

from lab.render.draw.brush import Brush, Colour, Point, curve, mix, smooth
from lab.render.draw.palette import Setting

LEAVES: tuple[tuple[Colour, Colour], ...] = (
    ((70, 142, 70), (104, 176, 84)),
    ((70, 142, 70), (104, 176, 84)),
    ((94, 150, 60), (140, 186, 76)),
    ((196, 120, 50), (226, 156, 70)),
    ((214, 140, 160), (240, 180, 196)),
)
PETALS: tuple[Colour, ...] = (
    (255, 255, 255),
    (255, 226, 70),
    (255, 150, 190),
    (250, 110, 90),
    (180, 120, 220),
)


def fir(
    brush: Brush, foot: Point, height: float, setting: Setting, distance: float, snowy: bool = False
) -> None:
    """A fir of three tiers, bright on the side of the light."""
    x, y = foot
    brush.line([(x, y), (x, y - height * 0.2)], setting.far((96, 66, 46), distance), height * 0.09)
    green = setting.far((44, 104, 76), distance)
    pale = setting.far((78, 138, 92), distance)
    side = 1 if setting.glow_x > x else -1
    for i in range(3):
        bottom, half = y - height * (0.12 + 0.26 * i), height * (0.30 - 0.06 * i)
        tip = bottom - height * 0.38
        brush.polygon([(x - half, bottom), (x, tip), (x + half, bottom)], green)
        brush.polygon([(x + side * half, bottom), (x, tip), (x + side * half * 0.3, bottom)], pale)
        if snowy or setting.weather == "snow":
            cap = mix(setting.snow(), setting.light.haze, distance)
            brush.polygon(
                [(x - half * 0.55, tip + height * 0.21), (x, tip), (x + half * 0.55, tip + height * 0.21)],
                cap,
            )


def round_tree(
    brush: Brush,
    foot: Point,
    height: float,
    setting: Setting,
    distance: float,
    leaves: tuple[Colour, Colour],
    rng: Random,
) -> None:
    """A leafy tree of a few puffs."""
    x, y = foot
    brush.line([(x, y), (x, y - height * 0.5)], setting.far((104, 74, 52), distance), height * 0.10)
    side = 1 if setting.glow_x > x else -1
    dark, pale = (setting.far(colour, distance) for colour in leaves)
    puffs = [(rng.uniform(-0.24, 0.24), rng.uniform(0.48, 0.82), rng.uniform(0.17, 0.23)) for _ in range(5)]
    for dx, dy, r in [*puffs, (0.0, 0.62, 0.27)]:
        brush.ellipse((x + dx * height, y - dy * height), r * height, r * height, dark)
    for dx, dy, r in puffs:
        at = (x + (dx + side * 0.05) * height, y - (dy + 0.05) * height)
        brush.ellipse(at, r * height * 0.62, r * height * 0.58, pale)


def palm(brush: Brush, foot: Point, height: float, lean: float, setting: Setting) -> None:
    """A palm that leans by `lean`, with five drooping leaves."""
    x, y = foot
    top = (x + lean, y - height)
    trunk = curve(foot, (x + lean * 0.15, y - height * 0.55), top)
    brush.line(trunk, setting.lit((138, 96, 60)), 0.028)
    brush.line([(px + 0.006, py) for px, py in trunk], setting.lit((176, 130, 84)), 0.010)
    for dx, dy in ((-0.17, 0.06), (-0.13, -0.05), (0.0, -0.09), (0.13, -0.05), (0.17, 0.06)):
        end = (top[0] + dx, top[1] + dy)
        bend = (top[0] + dx * 0.5, top[1] + dy - 0.09)
        under = curve(end, (bend[0], bend[1] + 0.055), top)
        brush.polygon([*curve(top, bend, end), *under], setting.ground((52, 148, 76)))
    brush.ellipse(top, 0.016, 0.016, setting.lit((120, 80, 50)))


def cactus(brush: Brush, foot: Point, setting: Setting, distance: float) -> None:
    """A small far cactus of the landscape, in a dusty green."""
    x, y = foot
    green = setting.far((84, 128, 92), 0.25 + distance)
    brush.line([(x, y), (x, y - 0.11)], green, 0.022)
    brush.ellipse((x, y - 0.11), 0.011, 0.011, green)
    brush.line([(x, y - 0.04), (x - 0.03, y - 0.04), (x - 0.03, y - 0.08)], green, 0.014)


def grass(brush: Brush, foot: Point, size: float, colour: Colour, rng: Random) -> None:
    """A tuft of blades."""
    x, y = foot
    for _ in range(6):
        lean = rng.uniform(-0.6, 0.6) * size
        start = x + rng.uniform(-0.35, 0.35) * size
        tip = (start + lean, y - size * rng.uniform(0.6, 1.0))
        half = 0.07 * size
        brush.polygon([(start - half, y), tip, (start + half, y)], colour)


def blossom(brush: Brush, foot: Point, size: float, setting: Setting, petal: Colour) -> None:
    """A flower of five petals on a stalk."""
    x, y = foot
    brush.line([(x, y), (x, y - size)], setting.lit((58, 128, 54)), size * 0.16)
    for dx, dy in ((0, -0.26), (0.25, -0.08), (0.15, 0.21), (-0.15, 0.21), (-0.25, -0.08)):
        at = (x + dx * size, y - size + dy * size)
        brush.ellipse(at, 0.19 * size, 0.19 * size, setting.lit(petal))
    core = (240, 160, 40) if petal[2] > 100 else (255, 244, 210)
    brush.ellipse((x, y - size), 0.15 * size, 0.15 * size, setting.lit(core))


def stone(brush: Brush, foot: Point, size: float, setting: Setting, rng: Random) -> None:
    """A rounded stone, pale on top."""
    x, y = foot
    outline = [
        (-1.0, 0.1),
        (-0.7, -0.5),
        (0.0, -0.8 + rng.uniform(-0.1, 0.1)),
        (0.75, -0.45),
        (1.0, 0.1),
        (0.0, 0.3),
    ]
    brush.polygon([(x + u * size, y + v * size) for u, v in smooth(outline)], setting.ground((122, 122, 130)))
    side = 1 if setting.glow_x > x else -1
    brush.ellipse(
        (x + side * 0.22 * size, y - 0.34 * size), 0.45 * size, 0.22 * size, setting.ground((172, 172, 176))
    )


def reeds(brush: Brush, foot: Point, size: float, setting: Setting, rng: Random) -> None:
    """Reeds with brown heads."""
    x, y = foot
    for _ in range(5):
        dx, height = rng.uniform(-0.05, 0.05), size * rng.uniform(0.6, 1.0)
        brush.line([(x + dx, y), (x + dx * 1.3, y - height)], setting.ground((84, 124, 62)), 0.006)
        brush.ellipse((x + dx * 1.3, y - height), 0.009, 0.026, setting.lit((112, 72, 44)))


def picket(brush: Brush, y: float, setting: Setting) -> None:
    """A white picket fence from side to side, its foot at `y`."""
    white = setting.lit((244, 240, 232))
    shade = mix(white, (60, 60, 110), 0.25)
    for rail in (0.028, 0.062):
        brush.box(0, y - rail - 0.010, brush.wide, y - rail, shade)
    x = -0.02
    while x < brush.wide:
        points = [(x, y), (x, y - 0.08), (x + 0.014, y - 0.098), (x + 0.028, y - 0.08), (x + 0.028, y)]
        brush.polygon(points, white)
        x += 0.052
