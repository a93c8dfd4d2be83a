"""A scene of the small world, and the split of all scenes between training and evaluation."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from engine.prompts.translate.english import article as indefinite
from lab.render.book.vocabulary import PLACE_PHRASES
from lab.render.vocabulary import (
    COLOURS,
    DISTANCE_PHRASES,
    DISTANCES,
    PLACES,
    POSITION_PHRASES,
    POSITIONS,
    STYLE_PHRASES,
    STYLES,
    SUBJECT_WORDS,
    SUBJECTS,
    TIME_PHRASES,
    TIMES,
    WEATHER_PHRASES,
    WEATHERS,
)

SKIES, BACKDROPS, MODELS = 3, 3, 2
"""How many skies there are, how many sets of each place, and how many models of each subject."""

MANY = (
    "pancakes fries blueberries cherries grapes headphones sunglasses scissors noodles fireworks popcorn "
    "spaghetti sushi honey ice bread broccoli corn fire yarn rice milk juice wine cheese luggage"
)
"""Names of things of which one says `some`."""


@dataclass(frozen=True)
class Thing:
    """One subject with its colour."""

    subject: str
    colour: str

    @property
    def noun(self) -> str:
        """E.g. `a red sailboat`, or `a sailboat` in the colour that it has."""
        words = f"{self.colour} {self.subject.replace('-', ' ')}".strip()
        return f"{article(words)} {words}"


@dataclass(frozen=True)
class Scene:
    """One picture to be: what, in which colour, where, when, and the seed that picks the scenery.

    With a `companion` there are two subjects; the first is on the left or right, the companion opposite.
    """

    subject: str
    colour: str
    place: str
    time: str
    seed: int = 0
    weather: str = "clear"
    style: str = "flat"
    position: str = "middle"
    distance: str = "middle"
    companion: Thing | None = None

    @property
    def words(self) -> Mapping[str, tuple[str, ...]]:
        """What captions call each subject."""
        return SUBJECT_WORDS

    @property
    def is_beside(self) -> bool:
        """Whether each of two subjects has a side."""
        return True

    @property
    def things(self) -> tuple[Thing, ...]:
        """The subjects, the first one first."""
        first = Thing(self.subject, self.colour)
        return (first, self.companion) if self.companion else (first,)

    @property
    def sky(self) -> int:
        """Which sky: where clouds, sun and rain stand."""
        return self.seed % SKIES

    @property
    def backdrop(self) -> int:
        """Which set of the place: how its hills, trees and houses stand."""
        return self.seed // SKIES % BACKDROPS

    @property
    def models(self) -> tuple[int, int]:
        """Which model the first subject is of, and the second."""
        rest = self.seed // (SKIES * BACKDROPS)
        return rest % MODELS, rest // MODELS % MODELS

    @property
    def prompt(self) -> str:
        """The canonical full prompt, e.g. `a red sailboat on the sea at sunset`."""
        where = [PLACE_PHRASES[self.place], TIME_PHRASES[self.time], WEATHER_PHRASES[self.weather]]
        words = [self._nouns(), DISTANCE_PHRASES[self.distance], *where]
        text = " ".join(word for word in words if word)
        return f"{text}, {STYLE_PHRASES[self.style]}" if STYLE_PHRASES[self.style] else text

    def _nouns(self) -> str:
        first, *others = (thing.noun for thing in self.things)
        here = POSITION_PHRASES[self.position]
        if not others:
            return f"{first} {here}" if here else first
        return f"{first} {here} and {others[0]} {POSITION_PHRASES[opposite(self.position)]}"


def opposite(position: str) -> str:
    """The other side of the picture."""
    return {"left": "right", "right": "left"}[position]


def article(words: str) -> str:
    """`a`, `an` or `some`, whichever goes before `words`."""
    if words.rpartition(" ")[2] in MANY.split():
        return "some"
    return indefinite(words)


def is_held_out(subject: str, colour: str, place: str, time: str) -> bool:
    """Whether this combination belongs to evaluation; training never sees it. About one in nine."""
    return zlib.crc32(f"{subject}/{colour}/{place}/{time}".encode()) % 9 == 0


def is_evaluation(scene: Scene) -> bool:
    """The split: whether any subject is a held-out combination with its colour, place and time."""
    return any(is_held_out(thing.subject, thing.colour, scene.place, scene.time) for thing in scene.things)


def sample_scene(rng: Random, held_out: bool = False) -> Scene:
    """A random scene of the training side of the split, or of the evaluation side."""
    while True:
        if is_evaluation(scene := _any_scene(rng)) == held_out:
            return scene


def sample_pair(rng: Random, held_out: bool = False) -> Scene:
    """A random scene of two different subjects in two different colours, from one side of the split."""
    while True:
        if is_evaluation(scene := _accompanied(_any_scene(rng), rng)) == held_out:
            return scene


def _any_scene(rng: Random) -> Scene:
    words = (rng.choice(SUBJECTS), rng.choice(COLOURS), rng.choice(PLACES), rng.choice(TIMES))
    weather = rng.choices(WEATHERS, (55, 15, 15, 15))[0]
    style = rng.choices(STYLES, (56, 22, 22))[0]
    scene = Scene(*words, seed=rng.getrandbits(32), weather=weather, style=style)
    if rng.random() < 0.28:
        return _accompanied(scene, rng)
    position = rng.choices(POSITIONS, (22, 56, 22))[0]
    return replace(scene, position=position, distance=rng.choices(DISTANCES, (22, 56, 22))[0])


def _accompanied(scene: Scene, rng: Random) -> Scene:
    other = Thing(
        rng.choice([subject for subject in SUBJECTS if subject != scene.subject]),
        rng.choice([colour for colour in COLOURS if colour != scene.colour]),
    )
    return replace(scene, position=rng.choice(("left", "right")), distance="middle", companion=other)
