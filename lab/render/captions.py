"""Captions of a scene: many true wordings, from two words to two sentences."""

from random import Random

from lab.render.book.scene import BookScene
from lab.render.book.subjects import plural
from lab.render.book.vocabulary import NUMBERS, PLACE_WORDS, RELATIONS
from lab.render.book.vocabulary import STANDING as IN_MORE_PLACES
from lab.render.scene import Scene, Thing, article, opposite
from lab.render.vocabulary import (
    DISTANCE_WORDS,
    LIGHT_PHRASES,
    POSITION_WORDS,
    STYLE_WORDS,
    TIME_WORDS,
    WEATHER_WORDS,
)

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "grey": ("grey", "grey", "gray"),
    "turquoise": ("turquoise", "teal"),
}
STANDING: dict[str, tuple[str, ...]] = {
    "sea": ("floats on the sea", "is on the ocean", "drifts on the water"),
    "mountains": ("stands in the mountains", "is in the hills", "rests among the mountains"),
    "meadow": ("stands in a meadow", "is in a field", "rests on the grass"),
    "desert": ("stands in the desert", "is in the dunes", "rests among the dunes"),
    "city": ("stands in the city", "is in a town", "rests in the city"),
    "snowfield": ("stands in the snow", "is in a snowfield", "rests on the snow"),
    "lake": ("stands by a lake", "is at the lake", "rests on a quiet lake"),
    "forest": ("stands in the forest", "is in the woods", "rests among the trees"),
    "island": ("stands on an island", "is on the beach", "rests under the palms"),
    "garden": ("stands in a garden", "is in the garden", "rests among the flower beds"),
    **IN_MORE_PLACES,
}
WEATHER_SENTENCES: dict[str, tuple[str, ...]] = {
    "clear": ("The weather is fine.",),
    "rain": ("It is raining.", "Rain is falling."),
    "snow": ("It is snowing.", "Snowflakes are falling."),
    "fog": ("There is thick fog.", "Everything is veiled in mist."),
}
MOODS: tuple[str, ...] = (
    "children's book illustration", "picture book style", "a cheerful picture", "storybook illustration",
    "clean shapes", "soft gentle colours", "a calm mood", "simple flat shading", "centred composition",
    "clear outlines", "warm and friendly", "wide open view", "the subject large in the foreground",
)  # fmt: skip
ADJECTIVES: dict[str, tuple[str, ...]] = {
    "near": ("", "big ", "large ", "huge "),
    "middle": ("", "", "", "", "little ", "lovely ", "pretty "),
    "far": ("", "small ", "tiny ", "distant "),
}


def caption(scene: Scene, rng: Random, complete: bool = False) -> str:
    """One of many true wordings of a scene, from two words to two sentences.

    Weather, style, side and distance are named where they are not the usual ones (clear, flat, middle), so
    that what is left unsaid is as usual. A `complete` wording names every colour and side, place and time;
    else some may be left out.
    """
    if rng.random() < 0.15:
        return scene.prompt
    telling = _Telling(scene, rng, complete)
    if not complete and telling.usual and rng.random() < 0.12:
        return telling.nouns
    text = rng.choice((telling.phrase, telling.phrase, telling.sentence, telling.tags))()
    if rng.random() < 0.08:
        text = f"{text.rstrip('.')}, {rng.choice(_moods(scene))}"
    return text[0].upper() + text[1:] if rng.random() < 0.3 else text


def long_caption(scene: Scene, rng: Random) -> str:
    """A true wording followed by several phrases on light and style, as a prompt enhancer writes."""
    moods = _moods(scene)
    phrases = rng.sample(moods, min(len(moods), rng.randint(4, 7)))
    if scene.weather == "clear":
        phrases.append(rng.choice(LIGHT_PHRASES[scene.time]))
    rng.shuffle(phrases)
    return ", ".join([caption(scene, rng).rstrip("."), *phrases])


def stated(scene: Scene, text: str) -> frozenset[str]:
    """Which of subject, colour, place, time and side a wording of `scene` states; one thing needs no side."""
    low = f" {text.lower()} ".replace(",", " ").replace(".", " ")
    standing = tuple(phrase.split(" ", 1)[1] for phrase in STANDING[scene.place])
    colours = [COLOUR_WORDS.get(thing.colour, (thing.colour,)) for thing in scene.things]
    ways = {
        "place": (*PLACE_WORDS[scene.place], *standing),
        "time": (*TIME_WORDS[scene.time], *LIGHT_PHRASES[scene.time]),
        "side": ("left", "right"),
    }
    found = {what for what, phrases in ways.items() if any(f"{phrase} " in low for phrase in phrases)}
    found.add("subject")
    if scene.companion is None or not scene.is_beside:
        found.add("side")
    if all(not colour[0] or any(f" {word} " in low for word in colour) for colour in colours):
        found.add("colour")
    return frozenset(found)


def _moods(scene: Scene) -> tuple[str, ...]:
    """The moods that are true of a scene."""
    wrong = set()
    if scene.style != "flat":
        wrong |= {"simple flat shading", "clean shapes"}
    if scene.position != "middle" or scene.distance != "middle":
        wrong.add("centred composition")
    if scene.distance == "far" or scene.companion:
        wrong.add("the subject large in the foreground")
    return tuple(mood for mood in MOODS if mood not in wrong)


class _Telling:
    """The parts of one wording, drawn once."""

    def __init__(self, scene: Scene, rng: Random, complete: bool) -> None:
        self.rng, self.scene = rng, scene
        self.count = scene.count if isinstance(scene, BookScene) else 1
        self.where = self._maybe(rng.choice(PLACE_WORDS[scene.place]), complete, 0.86)
        self.when = self._maybe(rng.choice(TIME_WORDS[scene.time]), complete, 0.82)
        self.weather = self._maybe(rng.choice(WEATHER_WORDS[scene.weather]), scene.weather != "clear", 0.06)
        self.style = self._maybe(rng.choice(STYLE_WORDS[scene.style]), scene.style != "flat", 0.15)
        lit = scene.weather == "clear" and rng.random() < 0.22
        self.light = rng.choice(LIGHT_PHRASES[scene.time]) if lit else ""
        self.distance = rng.choice(DISTANCE_WORDS[scene.distance])
        self.nouns = self._pair(complete) if scene.companion else self._single(complete)

    @property
    def usual(self) -> bool:
        """Whether subjects and colours may be all there is to say."""
        scene = self.scene
        return (scene.weather, scene.style, scene.distance) == ("clear", "flat", "middle") and (
            scene.position == "middle" or scene.companion is not None
        )

    def phrase(self) -> str:
        """E.g. `a red boat on the left at sea at dusk in the rain, watercolour`."""
        tail = [self.where, self.when] if self.rng.random() < 0.8 else [self.when, self.where]
        text = _join([self._opening() + self.nouns, self.distance, *tail, self.weather])
        if self.style and self.rng.random() < 0.3:
            return _listed([f"{self._style_of()} {text}", self.light])
        return _listed([text, self.light, self.style])

    def sentence(self) -> str:
        """One sentence, or two when the weather or the style gets its own."""
        subject, rng = self._opening("a") + self.nouns, self.rng
        standing = rng.choice(STANDING[self.scene.place]) if self.where else rng.choice(("is here", "waits"))
        if (self.scene.companion and self.scene.is_beside) or self.count > 1:
            standing = _plural(standing)
        own = bool(self.weather) and rng.random() < 0.4
        tail = [standing, self.distance, "" if own else self.weather, self.light]
        if self.when and rng.random() < 0.5:
            text = _join([f"{self.when},", subject, *tail])
        else:
            text = _join([subject, standing, self.distance, self.when, *tail[2:]])
        text = text[0].upper() + text[1:] + "."
        if own:
            text += " " + rng.choice(WEATHER_SENTENCES[self.scene.weather])
        return f"{text.rstrip('.')}, {self.style}." if self.style else text

    def tags(self) -> str:
        """Comma-separated parts in a free order."""
        parts = [self.nouns, self.distance, self.where, self.when, self.weather, self.light, self.style]
        if self.rng.random() < 0.4:
            self.rng.shuffle(parts)
        return _listed(parts)

    def _maybe(self, words: str, surely: bool, chance: float) -> str:
        return words if surely or self.rng.random() < chance else ""

    def _noun(self, thing: Thing, complete: bool) -> str:
        colour = self.rng.choice(COLOUR_WORDS.get(thing.colour, (thing.colour,)))
        is_spoken = complete or isinstance(self.scene, BookScene) or self.rng.random() < 0.95
        spoken = f"{colour} " if colour and is_spoken else ""
        size = self.rng.choice(ADJECTIVES[self.scene.distance])
        name = self.rng.choice(self.scene.words[thing.subject])
        if self.count > 1:
            return f"{NUMBERS[self.count]} {spoken}{plural(name)}"
        return f"{spoken}{name}" if size.strip() in name.split() else f"{size}{spoken}{name}"

    def _single(self, complete: bool) -> str:
        noun, position = self._noun(self.scene.things[0], complete), self.scene.position
        here = self._maybe(self.rng.choice(POSITION_WORDS[position]), position != "middle", 0.04)
        return _join([noun, here])

    def _pair(self, complete: bool) -> str:
        first, second = (self._noun(thing, complete) for thing in self.scene.things)
        if isinstance(self.scene, BookScene) and not self.scene.is_beside:
            return f"{first} {RELATIONS[self.scene.relation]} {article(second)} {second}"
        here, there = self.scene.position, opposite(self.scene.position)
        kind = self.rng.random()
        if complete or kind < 0.35:
            left, right = (self.rng.choice(POSITION_WORDS[side]) for side in (here, there))
            return f"{first} {left} and {article(second)} {second} {right}"
        if kind < 0.6:
            return f"{first} to the {here} of {article(second)} {second}"
        joiner = self.rng.choice(("and", "and", "and", "next to", "beside", "with"))
        return f"{first} {joiner} {article(second)} {second}"

    def _opening(self, always: str = "") -> str:
        chosen = always or self.rng.choice(("a", "a", "the", ""))
        if self.count > 1:
            chosen = ""
        elif chosen == "a":
            chosen = article(self.nouns)
        return f"{chosen} " if chosen else ""

    def _style_of(self) -> str:
        named = {
            "flat": "a flat illustration of",
            "watercolour": self.rng.choice(
                ("a watercolour of", "a watercolour painting of", "a watercolor of")
            ),
            "ink": self.rng.choice(("an ink drawing of", "a pen and ink drawing of", "an ink sketch of")),
        }
        return named[self.scene.style]


def _plural(standing: str) -> str:
    verb, rest = standing.split(" ", 1) if " " in standing else (standing, "")
    return _join([{"is": "are"}.get(verb, verb.removesuffix("s")), rest])


def _listed(parts: list[str]) -> str:
    return ", ".join(part for part in parts if part)


def _join(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)
