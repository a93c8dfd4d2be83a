"""What a free prompt is mainly about, by the bilingual lexicon."""

import re
from collections.abc import Sequence
from functools import cache

from engine.prompts.data import HAN, phrases, words
from engine.prompts.text.clean import QUOTED
from engine.prompts.translate.certain import certain
from engine.prompts.translate.lexicon import MODIFIERS, NAMES, Entry, bilingual_lexicon, nouns

KINDS = {
    "people": "people", "person": "people", "animal": "animals", "plant": "nature", "nature": "nature",
    "weather": "nature", "food": "food", "machine": "machines", "building": "architecture",
    "place": "architecture", "interior": "interiors", "object": "product", "clothing": "product",
}  # fmt: skip
"""From kinds of words to kinds of pictures."""
BEINGS = frozenset({"people", "person", "animal"})
ACCESSORIES = frozenset({"clothing", "weather"})
DESCRIBING = MODIFIERS | {"measure", "skip", "vague", "time", "style", "camera"}
OPEN = NAMES | {"nature", "weather"}
"""What has a light of its own, or is known by its name."""
NAME = re.compile(r"\b[A-Z]\w+ [A-Z]\w")


def kind_of(prompt: str) -> str:
    """Return people, architecture, nature, machines, animals, food, interiors, product, text or other.

    The first being decides; else the first thing that is more than an accessory, or the food in it. `text`
    is what is mainly lettering or design, such as a logo. What enhancement adds does not count.
    """
    plain = _added().sub(" ", QUOTED.sub(" ", prompt))
    if mentions(plain, "kinds", "text"):
        return "text"
    things = [
        thing
        for thing in _things(plain)
        if thing.kind in KINDS and thing.english not in words("carriers") | words("parts")
    ]
    beings = [thing for thing in things if thing.kind in BEINGS]
    solid = [thing for thing in things if thing.kind not in ACCESSORIES]
    main = next(iter([*beings, *solid, *things]), None)
    if main is not None and main.kind == "object":
        main = next((thing for thing in solid if thing.kind == "food"), main)
    if main is None and mentions(plain, "kinds", "people"):
        return "people"
    return KINDS[main.kind] if main else "other"


def sole_subject(prompt: str) -> Entry | None:
    """Return the one thing that a prompt shows, None where it says anything of where, how many or what else.

    Every word has to be known, and no name: what an addition may contradict could hide in an unknown one.
    """
    if NAME.search(QUOTED.sub(" ", prompt)):
        return None
    plain = _phrases().sub(" ", QUOTED.sub(" ☐ ", prompt).casefold())
    if HAN.search(plain):
        return _sole([(token.text, token.entries) for token in certain(bilingual_lexicon().segment(plain))])
    words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*|[^\s,.!]", plain)
    return _sole([(words[at], (thing,) if thing else ()) for at, _, thing in nouns(words, _undescribed)])


def _undescribed(name: str) -> Entry | None:
    """The noun that an English name stands for, where it begins with no word that describes one."""
    return None if name.partition(" ")[0] in _describing() else bilingual_lexicon().thing(name)


def _sole(pieces: Sequence[tuple[str, tuple[Entry, ...]]]) -> Entry | None:
    things: list[Entry] = []
    for word, entries in pieces:
        kinds = {entry.kind for entry in entries}
        if word in words("beside_one") or word in _describing() or kinds & DESCRIBING:
            continue
        thing = next((entry for entry in entries if entry.kind in KINDS), None)
        if thing is None or thing.kind in OPEN or thing.english in words("parts"):
            return None
        if thing.english not in words("carriers"):
            things.append(thing)
    return things[0] if len(things) == 1 else None


@cache
def _describing() -> frozenset[str]:
    """English words that say how a thing looks, or what it does alone."""
    names = _names(MODIFIERS | {"doing", "style", "camera"})
    return frozenset(name for name in names if " " not in name) - words("relating")


@cache
def _phrases() -> re.Pattern[str]:
    """Phrases that say so, or when."""
    phrases = [name for name in _names(MODIFIERS | {"style", "camera", "time"}) if " " in name]
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(phrases, key=len, reverse=True)))})\b")


def _names(kinds: frozenset[str]) -> set[str]:
    entries = [entry for _, entry in bilingual_lexicon().named(kinds)]
    return {name.casefold() for entry in entries for name in (entry.english, *entry.others)}


def is_drawn(prompt: str) -> bool:
    """Whether a prompt asks for a drawn or painted look, onto which nothing photographic may be put."""
    return mentions(QUOTED.sub(" ", prompt), "precise", "style")


def mentions(text: str, table: str, name: str) -> bool:
    """Whether a text has one of the words listed in phrases.toml under `table` and `name`."""
    return says(text, phrases()[table][name])


def says(text: str, words: str) -> bool:
    """Whether a text has one of `words`, separated by `|`: Latin ones whole, Chinese ones anywhere."""
    return _pattern(words).search(text.casefold()) is not None


def _things(text: str) -> list[Entry]:
    if not HAN.search(text):
        return list(bilingual_lexicon().things(text))
    entries = (token.of(frozenset(KINDS)) for token in bilingual_lexicon().segment(text))
    return [entry for entry in entries if entry is not None]


@cache
def _added() -> re.Pattern[str]:
    tables = phrases()["additions"].values()
    added = {phrase for table in tables for phrases_of_kind in table.values() for phrase in phrases_of_kind}
    return re.compile("|".join(map(re.escape, sorted(added, key=len, reverse=True))))


@cache
def _pattern(words: str) -> re.Pattern[str]:
    latin = [word for word in words.split("|") if word.isascii()]
    chinese = [word for word in words.split("|") if not word.isascii()]
    whole = [rf"\b(?:{'|'.join(map(re.escape, latin))})\b"] if latin else []
    return re.compile("|".join([*whole, *chinese]))
