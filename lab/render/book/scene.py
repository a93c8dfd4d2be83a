"""A scene of the picture-book world: its subjects may keep their colours, be up to three, or overlap."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from lab.render.book.subjects import SUBJECTS, UNCOUNTED, plural
from lab.render.book.vocabulary import NUMBERS, PLACES, RELATIONS, SEALED
from lab.render.scene import Scene, Thing, is_evaluation
from lab.render.vocabulary import COLOURS, DISTANCES, POSITIONS, STYLES, TIMES, WEATHERS

ABOVE = frozenset(
    {"umbrella", "beach-umbrella", "tree", "palm-tree", "fir-tree", "lantern", "bird", "owl", "parrot"}
    | {name for name, subject in SUBJECTS.items() if subject.stance == "sky"}
)
"""What something else can be under."""
WORDS: dict[str, tuple[str, ...]] = {name: subject.words for name, subject in SUBJECTS.items()}
OWN = 0.45
"""Share of the subjects that keep their own colour, which captions leave unsaid."""
PAIRS, COUNTED = 0.26, 0.14


@dataclass(frozen=True)
class BookScene(Scene):
    """A scene of the picture-book world; a colour that is empty is the drawing's own.

    `count` is how many there are of one subject, 1 to 3. A companion stands `beside` the first subject; or
    the first is in `front` of it or `under` it, in the middle.
    """

    count: int = 1
    relation: str = "beside"

    @property
    def words(self) -> Mapping[str, tuple[str, ...]]:
        """What captions call each subject."""
        return WORDS

    @property
    def is_beside(self) -> bool:
        """Whether each of two subjects has a side."""
        return self.relation == "beside"

    def _nouns(self) -> str:
        if self.count > 1:
            thing = self.things[0]
            name = plural(WORDS[thing.subject][0])
            nouns = " ".join(filter(None, (NUMBERS[self.count], thing.colour, name)))
        elif self.companion and not self.is_beside:
            first, second = (thing.noun for thing in self.things)
            nouns = f"{first} {RELATIONS[self.relation]} {second}"
        else:
            nouns = super()._nouns()
        return nouns


def sample_book(rng: Random, held_out: bool = False, among: tuple[str, ...] = tuple(SUBJECTS)) -> BookScene:
    """A random scene with subjects `among` these, of the training or the evaluation side of the split."""
    while True:
        if is_evaluation(scene := _any_scene(rng, among)) == held_out:
            return scene


def _any_scene(rng: Random, among: tuple[str, ...]) -> BookScene:
    first, place = _thing(rng, among), rng.choice(PLACES)
    scene = BookScene(
        first.subject,
        first.colour,
        place,
        "night" if place == "space" else rng.choice(TIMES),
        seed=rng.getrandbits(32),
        weather="clear" if place in SEALED else rng.choices(WEATHERS, (64, 12, 12, 12))[0],
        style=rng.choices(STYLES, (68, 16, 16))[0],
    )
    kind = rng.random()
    if kind < PAIRS:
        return _accompanied(scene, rng, among)
    if kind < PAIRS + COUNTED and first.subject not in UNCOUNTED:
        return replace(scene, count=rng.choice((2, 3)))
    position = rng.choices(POSITIONS, (16, 68, 16))[0]
    return replace(scene, position=position, distance=rng.choices(DISTANCES, (24, 60, 16))[0])


def _thing(rng: Random, among: tuple[str, ...], other_than: str = "") -> Thing:
    name = rng.choice([name for name in among if name != other_than])
    is_own = not SUBJECTS[name].is_coloured or (rng.random() < OWN and not SUBJECTS[name].is_hand)
    return Thing(name, "" if is_own else rng.choice(COLOURS))


def _accompanied(scene: BookScene, rng: Random, among: tuple[str, ...]) -> BookScene:
    above = tuple(sorted(ABOVE.intersection(among) - {scene.subject}))
    relation = rng.choices(("beside", "front", "under"), (60, 20, 20 if above else 0))[0]
    other = _thing(rng, above if relation == "under" else among, scene.subject)
    position = rng.choice(("left", "right")) if relation == "beside" else "middle"
    return replace(scene, relation=relation, position=position, companion=other)
