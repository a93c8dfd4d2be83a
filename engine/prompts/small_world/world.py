"""What a limited model can draw: the vocabulary beside its weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from engine import embedded
from engine.types import EngineError

Words = Mapping[str, Sequence[str]]


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _words(value: object) -> bool:
    return isinstance(value, dict) and all(_strings(each) and each for each in value.values())


def _texts(value: object) -> bool:
    return isinstance(value, dict) and _strings(list(value.values()))


def _suits(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"places", "times"} and all(map(_words, value.values()))


def _count(value: object) -> bool:
    return type(value) is int and 1 <= value <= len(NUMBERS)


NUMBERS = ("a", "two", "three")
"""How the counts of a kind begin that a world may have."""
CHECKS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "colours": (_strings, "a list of words"),
    "suits": (_suits, "tables of places and times, each with lists"),
    "plurals": (_texts, "a table of words"),
    "most": (_count, f"a number from 1 to {len(NUMBERS)}"),
    **dict.fromkeys(("some", "uncoloured", "above", "sealed"), (_strings, "a list of words")),
}
"""What each entry is that is no table of lists of words."""
TABLE = (_words, "a table with a list of words for each key")


@dataclass(frozen=True, eq=False)
class World:
    """What a limited model can draw: for each key its words, the one that suits it best first.

    `lights` are phrases that are true at a time in clear weather, the plainest first; `colours` are keys and
    words in one. What is usual (clear weather, flat colours, the middle) has an empty first word.

    `suits` has the places and times that suit a subject, and the times that suit a place. Of a subject with a
    plural there may be up to `most`; of those in `some` one says "some". Those `uncoloured` keep their own
    colours. Two subjects may have one of the `relations`, "under" only beneath what can be `above`; the
    `sealed` places have no weather. `names` has by language, "" for all of them, what English names are
    there.
    """

    subjects: Words
    colours: Sequence[str]
    places: Words
    times: Words
    lights: Words
    weathers: Words
    styles: Words
    positions: Words
    distances: Words
    suits: Mapping[str, Words]
    plurals: Mapping[str, str] = field(default_factory=dict)
    most: int = 1
    some: Sequence[str] = ()
    uncoloured: Sequence[str] = ()
    relations: Words = field(default_factory=dict)
    above: Sequence[str] = ()
    sealed: Sequence[str] = ()
    names: Mapping[str, Words] = field(default_factory=dict)


SECTIONS = tuple(each.name for each in fields(World))[:9]
"""The kinds of words that a world has."""


def world_of(told: Mapping[str, Any]) -> World:
    """Return the world that a vocabulary describes; raises `EngineError("bad_input")` where it is wrong."""
    known = {}
    for each in fields(World)[:-1]:
        is_right, kind = CHECKS.get(each.name, TABLE)
        if each.name in told and is_right(told[each.name]):
            known[each.name] = told[each.name]
        elif each.name in told or (each.default is MISSING and each.default_factory is MISSING):
            raise EngineError("bad_input", f"{embedded.VOCABULARY}: {each.name} must be {kind}")
    return World(**known)


def world_in(folder: Path) -> World | None:
    """Return the world of the model in a folder, None where it draws anything.

    Raises `EngineError("bad_input")` where its vocabulary is wrong.
    """
    return _read(folder) if (folder / embedded.VOCABULARY).exists() else None


def embedded_world() -> World:
    """Return the world of the embedded model."""
    return _read(embedded.WEIGHTS)


@cache
def _read(folder: Path) -> World:
    return replace(world_of(embedded.vocabulary(folder)), names=embedded.names(folder))
