"""The colours of the world: of the subjects, and of the light at each time of day."""

from dataclasses import dataclass

from engine.embedded.draw.brush import Colour, mix, tint

PAINTS: dict[str, Colour] = {
    "red": (218, 38, 36),
    "orange": (250, 132, 16),
    "yellow": (255, 218, 40),
    "green": (46, 158, 62),
    "blue": (36, 96, 220),
    "purple": (130, 58, 180),
    "pink": (252, 140, 190),
    "white": (250, 250, 250),
    "black": (40, 40, 48),
    "brown": (126, 74, 38),
}


@dataclass(frozen=True)
class Light:
    """Light of one time of day: sky colours from the zenith to the horizon, and tints."""

    sky: tuple[Colour, ...]
    ground: tuple[float, float, float]
    subject: tuple[float, float, float]
    glow: Colour


LIGHTS: dict[str, Light] = {
    "dawn": Light(
        ((138, 168, 226), (214, 190, 222), (255, 206, 200), (255, 226, 190)),
        (0.98, 0.90, 0.92), (1.0, 0.97, 0.96), (255, 240, 190),
    ),
    "noon": Light(
        ((52, 140, 236), (112, 186, 250), (190, 228, 252)),
        (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (255, 240, 120),
    ),
    "sunset": Light(
        ((84, 62, 140), (196, 84, 116), (246, 128, 70), (255, 190, 80)),
        (0.86, 0.66, 0.58), (1.0, 0.93, 0.88), (255, 120, 50),
    ),
    "night": Light(
        ((8, 12, 44), (20, 30, 82), (44, 62, 124)),
        (0.42, 0.46, 0.66), (0.92, 0.93, 1.0), (250, 246, 214),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Paint:
    """The shades in which one subject is painted, already lit by the time of day."""

    base: Colour
    light: Colour
    dark: Colour
    edge: Colour


def paint(colour: str, time: str) -> Paint:
    """Shades of a named colour at a time of day. Black gets a pale rim, white a slate one."""
    by, pure = LIGHTS[time].subject, PAINTS[colour]
    dark = mix(pure, (10, 10, 40), 0.16 if colour == "white" else 0.34)
    edge = {"black": (150, 156, 190), "white": (116, 126, 160)}.get(colour, mix(pure, (16, 10, 40), 0.62))
    light = mix(pure, (255, 255, 255), 0.22 if colour == "black" else 0.38)
    return Paint(tint(pure, by), tint(light, by), tint(dark, by), edge)
