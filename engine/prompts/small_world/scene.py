"""From a prompt in Chinese or English to a scene, and from a scene to the prompt a model does best with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.embedded.vocabulary import NUMBERS, World
from engine.prompts.small_world.lexicon import PUNCTUATION, Item, Lexicon, Word
from engine.prompts.small_world.setting import (
    LOCATIVES,
    UNSAYING,
    begins_with_preposition,
    last,
    place_of,
    time_and_light,
)
from engine.prompts.small_world.sides import BEFORE_NOUNS, distance, positions, relation
from engine.prompts.text.clean import QUOTED
from engine.prompts.translate.english import article
from engine.prompts.translate.lexicon import bilingual_lexicon

NAMES = frozenset({"subject", "colour", "place", "time", "light", "weather", "style", "other", "unknown"})
AT = frozenset({"in", "on", "at", "by", "near", "across"})
"""Prepositions of places."""
WORN = frozenset({"in", "wearing", "穿", "穿着", "戴", "戴着"})


@dataclass(frozen=True, slots=True)
class Thing:
    """A subject, its colour and its side of the picture, where they were said, and how many there are."""

    subject: Word
    colour: Word | None = None
    position: Word | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Scene:
    """What was understood. `colour` is one said of nothing in particular, `denied` what shall not be.

    The first thing has the `relation` to the second.
    """

    things: tuple[Thing, ...] = ()
    colour: Word | None = None
    place: Word | None = None
    time: Word | None = None
    light: Word | None = None
    weather: Word | None = None
    style: Word | None = None
    distance: Word | None = None
    relation: Word | None = None
    denied: tuple[tuple[Word, ...], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was recognised."""
        return self == Scene()


def read(text: str, words: Lexicon) -> Scene:
    """What `text` says in the words of a lexicon; what is said twice counts once.

    A time replaces one before it, and so do a place, a light and the colour of the only subject where a later
    clause says nothing else: "a red boat at sunset, at night, blue". What stands in quotation marks is to be
    written, not drawn; it counts only where nothing else is said.
    """
    unquoted = QUOTED.sub(" , ", text)
    scene = _read(unquoted, words)
    return _read(text, words) if scene.is_empty and unquoted != text else scene


def _read(text: str, words: Lexicon) -> Scene:
    wanted, denied = _split_refusals(list(words.items(text)), words)
    alone = {group[0] for group in denied if len(group) == 1}
    unwanted = {(word.kind, word.key) for word in alone}
    kept = [item for item in wanted if (item.kind, item.word.key) not in unwanted]
    kept = without_scenery(kept, words)
    things, colour, related = _things(kept, words.world)
    weather, style = (last(kept, kind) for kind in ("weather", "style"))
    time, light = time_and_light(kept, words)
    if weather is not None and weather.key != "clear":
        light = None
    far = distance(kept) if len(things) == 1 else None
    return Scene(things, colour, place_of(kept, words), time, light, weather, style, far, related, denied)


def render(scene: Scene, world: World | None) -> str:
    """The canonical English prompt, such as `a red sailboat on the sea at sunset, in warm evening light`."""
    joiner = name(scene.relation, world) if scene.relation else "and"
    things = f" {joiner} ".join(_noun(thing, world) for thing in scene.things)
    colour = name(scene.colour, world) + "," if scene.colour else ""
    where = (scene.distance, scene.place, scene.time, scene.weather)
    parts = [colour, things, *(name(word, world) for word in where)]
    text = " ".join(part for part in parts if part).strip(",")
    parts = [text, name(scene.light, world), name(scene.style, world)]
    return (", " if world else " ").join(part for part in parts if part)


def denied_names(scene: Scene, world: World) -> tuple[str, ...]:
    """The English names of what shall not be in the picture, as a negative prompt lists them."""
    names = []
    for group in scene.denied:
        known = [word for word in group if word.kind not in {"other", "unknown"}]
        plain = [_bare(name(word, world) or word.key) for word in known]
        if plain:
            names.append(" ".join(plain))
    return tuple(dict.fromkeys(names))


def _split_refusals(items: list[Item], words: Lexicon) -> tuple[list[Item], tuple[tuple[Word, ...], ...]]:
    """Wanted items, and the names after each "no", "without" or 不要 up to where that clause ends."""
    wanted: list[Item] = []
    denied: list[tuple[Word, ...]] = []
    at = 0
    while at < len(items):
        if items[at].kind != "negator":
            wanted.append(items[at])
            at += 1
            continue
        end = _end_of_refusal(items, at + 1, words)
        denied += _groups(items[at + 1 : end])
        wanted.append(Item(PUNCTUATION, ","))
        at = end
    return wanted, tuple(dict.fromkeys(denied))


def _end_of_refusal(items: Sequence[Item], start: int, words: Lexicon) -> int:
    named = joined = False
    for at in range(start, len(items)):
        item = items[at]
        if item.kind in {"punctuation", "negator"}:
            return at
        if item.kind == "joiner":
            if named and _begins_anew(items, at):
                return at
            joined = True
            continue
        if item.kind in NAMES:
            if named and not joined and begins_with_preposition(item, words):
                return at
            named = named or item.kind != "colour"
            joined = False
        elif named and (item.kind == "stop" or item.text == "的"):
            return at
    return len(items)


def _begins_anew(items: Sequence[Item], at: int) -> bool:
    """Whether "and" is followed by an article or a count, which makes the next name wanted again."""
    is_and = items[at].text in {"and", "和", "plus", "还有"}
    following = items[at + 1] if at + 1 < len(items) else None
    return is_and and following is not None and following.kind in {"filler", "count"}


def _groups(items: Sequence[Item]) -> list[tuple[Word, ...]]:
    """Names that stand together: a subject with the colours before it, anything else alone."""
    groups: list[tuple[Word, ...]] = []
    colours: list[Word] = []
    for item in items:
        if item.kind == "colour":
            colours.append(item.word)
        elif item.kind in NAMES:
            groups.append((*colours, item.word))
            colours = []
    return groups + [(colour,) for colour in colours]


def without_scenery(items: Sequence[Item], words: Lexicon) -> list[Item]:
    """What says where another subject is, or what it wears, is none itself: "on a mountain", "in a dress"."""
    subjects = [at for at, item in enumerate(items) if item.kind == "subject"]
    found = list(items)
    for at in subjects if len(subjects) > 1 else ():
        scenery = words.scenery.get(items[at].text)
        lead = _lead(items, at)
        following = items[at + 1].text if at + 1 < len(items) else ""
        is_alone = scenery and scenery.kind == "weather" and not (at and items[at - 1].kind in BEFORE_NOUNS)
        if scenery and (is_alone or lead in AT or (following and following[0] in LOCATIVES)):
            found[at] = Item(scenery, items[at].text)
        elif lead in WORN and _is_clothing(items[at].word.key):
            found[at] = Item(Word("other", items[at].word.key), items[at].text)
    return found


def _lead(items: Sequence[Item], at: int) -> str:
    """The preposition or verb before a noun and its adjectives."""
    before = reversed(items[:at])
    return next((each.text for each in before if each.kind not in BEFORE_NOUNS or each.text in WORN), "")


def _is_clothing(subject: str) -> bool:
    entry = bilingual_lexicon().thing(subject.replace("-", " "))
    return entry is not None and entry.kind == "clothing"


def _things(items: Sequence[Item], world: World | None) -> tuple[tuple[Thing, ...], Word | None, Word | None]:
    """Subjects in order, each once per colour, the first colour that belongs to none, and the relation."""
    colours: dict[int, Word] = {}
    loose: Word | None = None
    coloured = [at for at, item in enumerate(items) if item.kind == "colour" and not _stands_alone(items, at)]
    replaced = len(coloured) != 1
    subjects = [at for at, item in enumerate(items) if item.kind == "subject"]
    owners = _owners(items)
    for at, item in enumerate(items):
        if item.kind != "colour":
            continue
        owner = at - 1 if _is_of_the_name_before(items, at) else owners[at + 1]
        if owner is None:
            free = [s for s in reversed(subjects) if s < at and s not in colours]
            free += [s for s in subjects if s > at and s not in colours]
            owner = free[0] if free else None
            if not replaced and len(subjects) == 1 and colours and _stands_alone(items, at):
                colours[subjects[0]], replaced = item.word, True
            loose = loose or (item.word if owner is None and not subjects else None)
        if owner is not None:
            colours.setdefault(owner, item.word)
    related = relation(items, subjects, world) if world else None
    if related:
        first = [related.first, related.second]
        subjects = [*first, *(at for at in subjects if at not in first)]
    sides = {} if related else positions(items, subjects)
    counts = _counts(items, owners, world) if world else {}
    things = _merged(
        [Thing(items[at].word, colours.get(at), sides.get(at), counts.get(at, 1)) for at in subjects]
    )
    return things, loose, Word("relation", related.key) if related and len(things) > 1 else None


def _counts(items: Sequence[Item], owners: Sequence[int | None], world: World) -> dict[int, int]:
    """How many there are of each subject that a number stands before, as many as a world draws of it."""
    found: dict[int, int] = {}
    for at, item in enumerate(items):
        owner = owners[at + 1] if item.kind == "count" else None
        if owner is not None and items[owner].word.key in world.plurals:
            found[owner] = min(int(item.word.key) if item.word.key.isdigit() else world.most, world.most)
    return found


def _owners(items: Sequence[Item]) -> list[int | None]:
    """For each place, the index of the name that a colour right before it is of, as in "red wooden boat".

    None where the phrase ends without a name.
    """
    owners: list[int | None] = [None] * (len(items) + 1)
    for index in reversed(range(len(items))):
        kind, after = items[index].kind, owners[index + 1]
        if kind in {"subject", "place", "time", "light", "weather", "style", "other"}:
            owners[index] = index
        elif kind == "unknown":
            owners[index] = index if after is None else after
        elif (kind == "joiner" and index + 1 < len(items) and items[index + 1].kind == "colour") or (
            kind in {"filler", "vague", "modifier", "colour"} and items[index].text != "the"
        ):
            owners[index] = after
    return owners


def _is_of_the_name_before(items: Sequence[Item], at: int) -> bool:
    """Whether the colour at `at` stands behind its thing, as in Spanish."""
    before = items[at - 1] if at else items[at]
    return items[at].word.foreign and before.word.foreign and before.kind in {"subject", "other"}


def _merged(things: Sequence[Thing]) -> tuple[Thing, ...]:
    """Each subject once per colour; one named again without a colour is the same one."""
    found: dict[tuple[str, str], Thing] = {}
    for thing in things:
        found.setdefault((thing.subject.key, thing.colour.key if thing.colour else ""), thing)
    coloured = {key for key, colour in found if colour}
    return tuple(thing for (key, colour), thing in found.items() if colour or key not in coloured)


def _stands_alone(items: Sequence[Item], at: int) -> bool:
    """Whether a clause says nothing but the colour at `at`."""
    for side in (reversed(items[:at]), items[at + 1 :]):
        other = next((item for item in side if item.kind not in UNSAYING or item.kind == "punctuation"), None)
        if other is not None and other.kind != "punctuation":
            return False
    return True


def _noun(thing: Thing, world: World | None) -> str:
    subject = thing.subject.key
    called = world.plurals[subject] if world and thing.count > 1 else name(thing.subject, world)
    noun = " ".join(word for word in (name(thing.colour, world), called) if word)
    first = "some" if world and subject in world.some else article(noun)
    number = NUMBERS[thing.count - 1] if thing.count > 1 else first
    side = name(thing.position, world)
    return f"{number} {noun}{' ' if side else ''}{side}"


def name(word: Word | None, world: World | None) -> str:
    """A word's first wording in a world, or of a light the one that it was found as."""
    if word is None or world is None:
        return word.english if word else ""
    table = getattr(world, f"{word.kind}s", None)
    wordings: Sequence[str] = table[word.key] if isinstance(table, Mapping) else (word.key,)
    return word.english if word.kind == "light" and word.english in wordings else wordings[0]


def _bare(phrase: str) -> str:
    """A phrase without its preposition and article: `in the snow` → `snow`."""
    words = phrase.split()
    while len(words) > 1 and words[0] in {"in", "on", "at", "by", "under", "the", "a", "an"}:
        words = words[1:]
    return " ".join(words)
