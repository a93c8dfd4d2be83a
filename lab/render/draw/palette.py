"""The colours of the world: of the subjects, and of the light at each time of day and in each weather."""

from dataclasses import dataclass, replace
from functools import cache

from lab.render.draw.brush import Colour, Strength, mix, tint

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
    "grey": (146, 150, 158),
    "turquoise": (38, 200, 192),
}
SNOW: Colour = (242, 246, 253)
NIGHTSHADE: Colour = (12, 12, 44)


@dataclass(frozen=True)
class Light:
    """Light of one time in one weather.

    `sky` runs from the zenith to the horizon; `ground` and `subject` are tints; `haze` is what distance
    fades into; `shadow` is how long a standing thing's shadow is, in its heights; `rim` how strongly its edge
    towards the light shines.
    """

    sky: tuple[Colour, ...]
    ground: Strength
    subject: Strength
    glow: Colour
    haze: Colour
    shadow: float
    rim: float


TIMES: dict[str, Light] = {
    "dawn": Light(
        ((138, 168, 226), (214, 190, 222), (255, 206, 200), (255, 226, 190)),
        (0.98, 0.90, 0.92), (1.0, 0.97, 0.96), (255, 240, 190), (250, 214, 206), 0.34, 0.45,
    ),
    "noon": Light(
        ((52, 140, 236), (112, 186, 250), (190, 228, 252)),
        (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (255, 244, 160), (190, 224, 248), 0.16, 0.25,
    ),
    "sunset": Light(
        ((84, 62, 140), (196, 84, 116), (246, 128, 70), (255, 190, 80)),
        (0.86, 0.66, 0.58), (1.0, 0.92, 0.86), (255, 170, 80), (246, 150, 96), 0.40, 0.60,
    ),
    "night": Light(
        ((8, 12, 44), (20, 30, 82), (44, 62, 124)),
        (0.40, 0.45, 0.66), (0.80, 0.84, 1.0), (250, 246, 214), (44, 62, 118), 0.24, 0.85,
    ),
}  # fmt: skip
CLOUDED: dict[str, Colour] = {
    "dawn": (206, 184, 196),
    "noon": (170, 184, 198),
    "sunset": (176, 116, 108),
    "night": (30, 36, 60),
}
MISTS: dict[str, Colour] = {
    "dawn": (240, 216, 214),
    "noon": (222, 230, 234),
    "sunset": (242, 180, 136),
    "night": (66, 76, 114),
}


@cache
def light(time: str, weather: str) -> Light:
    """The light of a time of day, dimmed, greyed or veiled by the weather."""
    clear = TIMES[time]
    if weather == "rain":
        sky = tuple(mix(colour, mix(CLOUDED[time], (20, 30, 60), 0.22), 0.72) for colour in clear.sky)
        red, green, blue = clear.ground
        ground = (0.80 * red, 0.80 * green, 0.80 * blue)
        return replace(clear, sky=sky, ground=ground, haze=sky[-1], shadow=0.0, rim=clear.rim * 0.5)
    if weather == "snow":
        sky = tuple(mix(colour, mix(CLOUDED[time], MISTS[time], 0.4), 0.55) for colour in clear.sky)
        return replace(clear, sky=sky, haze=sky[-1], shadow=0.0, rim=clear.rim * 0.6)
    if weather == "fog":
        sky = tuple(mix(colour, MISTS[time], 0.70) for colour in clear.sky)
        return replace(clear, sky=sky, haze=MISTS[time], shadow=0.0, rim=clear.rim * 0.5)
    return clear


@dataclass(frozen=True)
class Setting:
    """Where and when a picture is painted; `glow_x` and `horizon` in units of the canvas."""

    time: str
    weather: str
    light: Light
    glow_x: float
    horizon: float

    def lit(self, colour: Colour) -> Colour:
        """A thing's colour in this light."""
        return tint(colour, self.light.ground)

    def ground(self, colour: Colour) -> Colour:
        """A colour of ground or leaves in this light, under snow when it snows."""
        return mix(self.lit(colour), self.snow(), 0.62) if self.weather == "snow" else self.lit(colour)

    def snow(self, shade: float = 0.0) -> Colour:
        """Snow in this light, paler than other ground; `shade` makes it bluer."""
        red, green, blue = (
            0.55 * part + 0.45 * (0.45 if self.time == "night" else 1.0) for part in self.light.ground
        )
        return tint(mix(SNOW, (164, 186, 230), shade), (red, green, blue))

    def far(self, colour: Colour, distance: float) -> Colour:
        """A colour of the landscape at a distance of 0 (here) to 1 (lost in the haze)."""
        veil = 0.30 if self.weather == "fog" else 0.12 if self.weather in {"rain", "snow"} else 0.0
        return mix(self.ground(colour), self.light.haze, min(0.95, distance + veil * (0.4 + distance)))


@dataclass(frozen=True)
class Paint:
    """The shades in which one subject is painted, already lit."""

    base: Colour
    light: Colour
    dark: Colour
    edge: Colour
    by: Strength

    def lit(self, colour: Colour) -> Colour:
        """Any other colour of the subject in the same light."""
        return tint(colour, self.by)


def paint(colour: str, by: Light) -> Paint:
    """Shades of a named colour in a light. Black gets a pale edge, white a slate one."""
    pure = PAINTS[colour]
    dark = mix(pure, (10, 10, 40), 0.16 if colour == "white" else 0.30)
    edge = {"black": (132, 140, 176), "white": (116, 126, 160)}.get(colour, mix(pure, (16, 10, 40), 0.62))
    pale = mix(pure, (255, 255, 255), 0.20 if colour == "black" else 0.36)
    base, pale, dark, edge = (tint(shade, by.subject) for shade in (pure, pale, dark, edge))
    return Paint(base, pale, dark, edge, by.subject)
