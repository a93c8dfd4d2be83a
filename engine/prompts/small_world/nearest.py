"""What a limited world does not know of a prompt, and the subjects of that world that come nearest.

By the bilingual lexicon's kinds of things and the table `nearest` in phrases.toml.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from engine.embedded.vocabulary import World
from engine.prompts.data import HAN, phrases, table
from engine.prompts.small_world.lexicon import PART, Item
from engine.prompts.translate.lexicon import NOUNS, Entry, bilingual_lexicon

PLACES = frozenset({"nature", "building", "interior", "place"})
BACKGROUND = frozenset({"nature", "interior", "place", "weather", "light", "clothing"})
BEINGS = frozenset({"people", "animal"})
MOST = 3
"""How many subjects are told as near."""
SUFFIX = 4
"""Letters of the shortest word that another one may end with: a catfish is a fish."""


def unknown_things(items: Sequence[Item]) -> Iterator[tuple[str, Entry | None]]:
    """The things a prompt names that its world does not know: what they are called, and their meaning."""
    for item in items:
        if item.kind == "other" and item.word.key:
            yield item.text, _entry(item.word.key)
        elif item.word == PART or (item.kind in {"unknown", "other"} and len(item.text) > 1):
            yield item.text, None


def _entry(name: str) -> Entry | None:
    """What an English name is, perhaps written as one word, or else its last word."""
    known = (
        bilingual_lexicon().thing(each) for each in (name, name.replace(" ", ""), name.rpartition(" ")[2])
    )
    return next((entry for entry in known if entry), None)


def nearest(
    things: Sequence[tuple[str, Entry | None]], world: World, drawn: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Return the first of these things that can be a subject, and the keys of what comes nearest, best first.

    By what it is (a corgi is drawn as a dog), by its name (a whale as a fish), then by what that ends with (a
    cargo ship as a sailboat), by its kind (any other animal as a cat), and what is like the best of these.
    Beside a subject that is `drawn` already only a being that is certainly another one. None where nothing is
    near.
    """
    for name, entry in things:
        if entry is None or len(drawn) > 1 or (drawn and entry.kind not in BEINGS):
            continue
        sure = [*_named(entry, world), *_listed(entry, world)]
        if entry.kind in BACKGROUND and not _named(entry, world):
            continue
        if drawn:
            if sure and sure[0] not in drawn:
                return name, sure[:1]
            continue
        near = list(dict.fromkeys(_near(entry, sure, world)))
        return (name, near[:MOST]) if near else ("", [])
    return "", []


def name_of(key: str, world: World, language: str) -> str:
    """What a subject of a world is called in `zh`, `ja` or else English."""
    if language == "zh":
        return _chinese(world).get(key, world.subjects[key][0])
    japanese = table("scenes")["japanese"].get(key) if language == "ja" else None
    return japanese or world.subjects[key][0]


@cache
def _chinese(world: World) -> dict[str, str]:
    """The first Chinese name of each subject."""
    texts = {
        key: next(text for listed in groups.values() for text in listed if HAN.search(text))
        for key, groups in table("scenes")["subjects"].items()
        if set(groups) & set(world.subjects.get(key, ()))
    }
    keys = {word.replace("-", " "): key for key, words in world.subjects.items() for word in words}
    for chinese, entry in bilingual_lexicon().named(NOUNS):
        texts.setdefault(keys.get(entry.english.removeprefix("the ").replace("-", " "), ""), chinese)
    return texts


def _near(thing: Entry, sure: Sequence[str], world: World) -> list[str]:
    near = phrases()["nearest"]
    if _names(thing) & set(near["none"].split("|")):
        return []
    keys = [key for key in (*sure, *near["kinds"].get(thing.kind, "").split()) if key in world.subjects]
    also = near["also"].get(keys[0], "").split() if keys else []
    return [*keys, *(key for key in also if key in world.subjects)]


def _named(thing: Entry, world: World) -> list[str]:
    """The subjects that a thing is one of, by what the lexicon calls it besides."""
    return [key for key, words in world.subjects.items() if {*thing.others}.intersection(words)]


def _listed(thing: Entry, world: World) -> list[str]:
    """The subjects that have the name of a thing, or what it ends with, in the table of what is near."""
    table = phrases()["nearest"]["names"]
    ends = {name[at:] for name in _names(thing) for at in range(1, len(name) - SUFFIX + 1)}
    heads = {end for end in ends if (entry := bilingual_lexicon().thing(end)) and entry.kind == thing.kind}
    ordered = dict.fromkeys(key for key in (*table, *world.subjects) if key in world.subjects)
    listed = {key: {key, *table.get(key, "").split("|")} for key in ordered}
    return [key for each in (_names(thing), heads) for key, names in listed.items() if each & names]


def _names(thing: Entry) -> set[str]:
    return {thing.english.removeprefix("the ").casefold(), *thing.others}
