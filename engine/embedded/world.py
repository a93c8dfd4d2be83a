"""The little world the embedded model knows: its words, its scenes and what people say about them.

Knows vocabulary, captions and the one split between training and evaluation. Knows nothing of pixels.
"""

import zlib
from dataclasses import dataclass
from random import Random

SUBJECTS: tuple[str, ...] = ("sailboat", "balloon", "house", "tree", "cat", "rocket", "mushroom", "fish")
COLOURS: tuple[str, ...] = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown",
)  # fmt: skip
PLACES: tuple[str, ...] = ("sea", "mountains", "meadow", "desert", "city", "snowfield")
TIMES: tuple[str, ...] = ("dawn", "noon", "sunset", "night")

PLACE_PHRASES: dict[str, str] = {
    "sea": "on the sea",
    "mountains": "in the mountains",
    "meadow": "in a meadow",
    "desert": "in the desert",
    "city": "in the city",
    "snowfield": "in the snow",
}
TIME_PHRASES: dict[str, str] = {
    "dawn": "at dawn",
    "noon": "at noon",
    "sunset": "at sunset",
    "night": "at night",
}

SUBJECT_WORDS: dict[str, tuple[str, ...]] = {
    "sailboat": ("sailboat", "sailboat", "sailing boat", "boat"),
    "balloon": ("balloon", "hot-air balloon", "hot air balloon", "air balloon"),
    "house": ("house", "house", "cottage", "home"),
    "tree": ("tree",),
    "cat": ("cat", "cat", "kitten"),
    "rocket": ("rocket", "rocket", "spaceship"),
    "mushroom": ("mushroom",),
    "fish": ("fish",),
}
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "sea": (
        "on the sea",
        "on the sea",
        "on the ocean",
        "at sea",
        "by the sea",
        "on the water",
        "over the sea",
    ),
    "mountains": (
        "in the mountains",
        "in the mountains",
        "in the hills",
        "among the mountains",
        "near the hills",
    ),
    "meadow": (
        "in a meadow",
        "in a meadow",
        "in a field",
        "on the grass",
        "in the meadow",
        "in a green meadow",
    ),
    "desert": ("in the desert", "in the desert", "in the dunes", "among the dunes", "in a sandy desert"),
    "city": ("in the city", "in the city", "in a town", "in the town", "in a city"),
    "snowfield": ("in the snow", "in the snow", "in a snowfield", "on the snow", "in a snowy field"),
}
PLACE_STANDING: dict[str, tuple[str, ...]] = {
    "sea": ("floats on the sea", "is on the ocean", "drifts on the water"),
    "mountains": ("stands in the mountains", "is in the hills", "rests among the mountains"),
    "meadow": ("stands in a meadow", "is in a field", "rests on the grass"),
    "desert": ("stands in the desert", "is in the dunes", "rests among the dunes"),
    "city": ("stands in the city", "is in a town", "rests in the city"),
    "snowfield": ("stands in the snow", "is in a snowfield", "rests on the snow"),
}
TIME_WORDS: dict[str, tuple[str, ...]] = {
    "dawn": ("at dawn", "at dawn", "at sunrise", "in the morning", "in the early morning"),
    "noon": ("at noon", "at noon", "at midday", "during the day", "by day"),
    "sunset": ("at sunset", "at sunset", "at dusk", "in the evening"),
    "night": ("at night", "at night", "at midnight", "by night"),
}
LIGHT_PHRASES: dict[str, tuple[str, ...]] = {
    "dawn": ("in soft morning light", "in pale dawn light", "under a pale pink sky"),
    "noon": ("in bright daylight", "under a clear blue sky", "in the midday sun"),
    "sunset": ("in warm evening light", "under an orange sky", "in golden light"),
    "night": ("under a starry sky", "in moonlight", "under the stars"),
}
SIZES: tuple[str, ...] = ("", "", "", "little ", "small ", "big ", "lovely ")
STYLES: tuple[str, ...] = (
    "children's book illustration", "picture book style", "a cheerful picture", "storybook illustration",
    "clean shapes", "soft gentle colours", "a calm mood", "simple flat shading", "centred composition",
    "clear outlines", "warm and friendly", "wide open view", "the subject large in the foreground",
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """One picture to be: what, in which colour, where, when, and the seed of everything left open."""

    subject: str
    colour: str
    place: str
    time: str
    seed: int = 0

    @property
    def prompt(self) -> str:
        """The canonical full prompt, e.g. `a red sailboat on the sea at sunset`."""
        noun = f"{self.colour} {self.subject}"
        return f"{article(noun)} {noun} {PLACE_PHRASES[self.place]} {TIME_PHRASES[self.time]}"


def article(words: str) -> str:
    """`a` or `an`, whichever goes before `words`."""
    return "an" if words[0] in "aeiou" else "a"


def is_held_out(subject: str, colour: str, place: str, time: str) -> bool:
    """Whether this combination belongs to evaluation; training never sees it. About one in nine."""
    return zlib.crc32(f"{subject}/{colour}/{place}/{time}".encode()) % 9 == 0


def sample_scene(rng: Random, held_out: bool = False) -> Scene:
    """A random scene of the training side of the split, or of the evaluation side."""
    while True:
        words = (rng.choice(SUBJECTS), rng.choice(COLOURS), rng.choice(PLACES), rng.choice(TIMES))
        if is_held_out(*words) == held_out:
            return Scene(*words, seed=rng.getrandbits(32))


def caption(scene: Scene, rng: Random, complete: bool = False) -> str:
    """One of many true wordings of a scene, from two words to a full sentence.

    A `complete` wording names subject, colour, place and time; else some may be left out.
    """
    if rng.random() < 0.15:
        return scene.prompt
    noun = _noun(scene, rng, complete)
    where = rng.choice(PLACE_WORDS[scene.place]) if complete or rng.random() < 0.85 else ""
    when = rng.choice(TIME_WORDS[scene.time]) if complete or rng.random() < 0.8 else ""
    light = rng.choice(LIGHT_PHRASES[scene.time]) if rng.random() < 0.25 else ""
    text = rng.choice((_phrase, _phrase, _sentence, _tags))(noun, (scene.place, where), when, light, rng)
    if rng.random() < 0.08:
        text = f"{text.rstrip('.')}, {rng.choice(STYLES)}"
    return text[0].upper() + text[1:] if rng.random() < 0.3 else text


def long_caption(scene: Scene, rng: Random) -> str:
    """A true wording followed by several phrases on light and style, as a prompt enhancer writes."""
    phrases = [rng.choice(LIGHT_PHRASES[scene.time]), *rng.sample(STYLES, rng.randint(4, 7))]
    rng.shuffle(phrases)
    return ", ".join([caption(scene, rng).rstrip("."), *phrases])


def _noun(scene: Scene, rng: Random, complete: bool) -> str:
    colour = f"{scene.colour} " if complete or rng.random() < 0.94 else ""
    return f"{rng.choice(SIZES)}{colour}{rng.choice(SUBJECT_WORDS[scene.subject])}"


def _phrase(noun: str, place: tuple[str, str], when: str, light: str, rng: Random) -> str:
    first = rng.choice((f"{article(noun)} ", f"{article(noun)} ", "the ", ""))
    tail = [place[1], when] if rng.random() < 0.8 else [when, place[1]]
    return _join([first + noun, *tail]) + (f", {light}" if light else "")


def _sentence(noun: str, place: tuple[str, str], when: str, light: str, rng: Random) -> str:
    subject = f"{article(noun)} {noun}"
    standing = rng.choice(PLACE_STANDING[place[0]] if place[1] else ("is here", "waits"))
    if when and rng.random() < 0.5:
        return _join([f"{when[0].upper()}{when[1:]},", subject, standing, light]) + "."
    subject = subject[0].upper() + subject[1:]
    return _join([subject, standing, when, light]) + "."


def _tags(noun: str, place: tuple[str, str], when: str, light: str, rng: Random) -> str:
    parts = [noun, place[1], when, light]
    if rng.random() < 0.4:
        parts = [place[1], noun, when, light]
    if rng.random() < 0.2:
        parts = [when, noun, place[1], light]
    return ", ".join(part for part in parts if part)


def _join(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)
