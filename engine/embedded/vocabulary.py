"""What a limited model can draw: the vocabulary beside its weights, and its names in other languages."""

import json
import lzma
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from engine.embedded import WEIGHTS
from engine.types import EngineError

FILE = "vocabulary.json"
NAMES = "names.txt.xz"
MOST_BYTES = 8_000_000
"""Of either file, unpacked."""
NUMBERS = ("a", "two", "three")
"""How the counts of a kind begin that a world may have."""
SECTIONS = (
    "subjects", "colours", "places", "times", "lights", "weathers", "styles", "positions", "distances",
)  # fmt: skip
"""The kinds of words that a world has."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "weathers": ("clear",), "positions": ("left", "right"), "distances": ("far",), "introduction": ("en",),
}  # fmt: skip
"""Keys that no world can be without."""
NAMED = ("subjects", "places", "times", "lights")
"""Tables of which each key has a first word."""
Words = Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class World:
    """What a limited model can draw: for each key its words, the one that suits it best first.

    `lights` are phrases that are true at a time in clear weather, the plainest first; `colours` are keys and
    words in one. What is usual (clear weather, flat colours, the middle) has an empty first word.

    `suits` has the places and times that suit a subject, and the times that suit a place. Of a subject with a
    plural there may be up to `most`; of those in `some` one says "some". Those `uncoloured` keep their own
    colours. Two subjects may have one of the `relations`, "under" only beneath what can be `above`; the
    `sealed` places have no weather. By language, `introduction` says in a sentence what can be drawn;
    `prompts` are good ones, each with its Chinese. The names in other languages lie in `folder`.
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
    introduction: Mapping[str, str]
    prompts: Mapping[str, str]
    plurals: Mapping[str, str] = field(default_factory=dict)
    most: int = 1
    some: Sequence[str] = ()
    uncoloured: Sequence[str] = ()
    relations: Words = field(default_factory=dict)
    above: Sequence[str] = ()
    sealed: Sequence[str] = ()
    folder: Path | None = None

    @cached_property
    def names(self) -> Mapping[str, Words]:
        """What English names are in each language, "" for all of them, from Unicode's CLDR.

        Raises `EngineError("bad_input")` where the file is no such table.
        """
        return _names(self.folder / NAMES) if self.folder and (self.folder / NAMES).exists() else {}


def world_of(vocabulary: object, folder: Path | None = None) -> World:
    """Return the world that a vocabulary describes; raises `EngineError("bad_input")` where it is wrong."""
    entries = vocabulary if isinstance(vocabulary, dict) else {}
    known: dict[str, Any] = {}
    for each in fields(World)[:-1]:
        is_right, kind = CHECKS.get(each.name, TABLE)
        if each.name in entries:
            if not is_right(entries[each.name]):
                raise _wrong(f"{each.name} must be {kind}", folder)
            if lacking := [key for key in NEEDED.get(each.name, ()) if key not in entries[each.name]]:
                raise _wrong(f"{each.name} must have {', '.join(lacking)}", folder)
            known[each.name] = entries[each.name]
        elif each.default is MISSING and each.default_factory is MISSING:
            raise _wrong(f"{each.name} must be {kind}", folder)
    if empty := [key for name in NAMED for key, words in known[name].items() if not words[0].strip()]:
        raise _wrong(f"{empty[0]} must have a first word", folder)
    if dark := set(known["times"]) - set(known["lights"]):
        raise _wrong(f"lights must have {', '.join(sorted(dark))}", folder)
    return World(**known, folder=folder)


def world_in(folder: Path) -> World | None:
    """Return the world of the model in a folder, None where it draws anything.

    Raises `EngineError("bad_input")` where its vocabulary is wrong.
    """
    return _read(folder) if (folder / FILE).exists() else None


def embedded_world() -> World:
    """Return the world of the embedded model."""
    return _read(WEIGHTS)


@cache
def _read(folder: Path) -> World:
    try:
        return world_of(json.loads(_bytes(folder / FILE).decode("utf-8-sig")), folder)
    except (ValueError, RecursionError) as error:
        raise EngineError("bad_input", f"{folder / FILE} is not JSON: {error}") from error


def _names(file: Path) -> Mapping[str, Words]:
    """The names of each language: a line for an English name, the others behind it, tabs between."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    unpacking = lzma.LZMADecompressor()
    try:
        text = unpacking.decompress(_bytes(file), MOST_BYTES).decode()
    except (lzma.LZMAError, ValueError) as error:
        raise EngineError("bad_input", f"{file} cannot be unpacked: {error}") from error
    if not unpacking.eof:
        raise EngineError("bad_input", f"{file} is cut off, or holds more than {MOST_BYTES} bytes")
    for english, *others in (line.split("\t") for line in text.split("\n")):
        for languages, _, name in (each.rpartition(":") for each in others):
            for language in languages.split(","):
                found[language][english].append(name)
    return found


def _bytes(file: Path) -> bytes:
    if (size := file.stat().st_size) > MOST_BYTES:
        raise EngineError("bad_input", f"{file} has {size} bytes, more than {MOST_BYTES}")
    return file.read_bytes()


def _wrong(what: str, folder: Path | None) -> EngineError:
    return EngineError("bad_input", f"{folder / FILE if folder else FILE}: {what}")


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


TABLE: tuple[Callable[[object], bool], str] = (_words, "a table with a list of words for each key")
CHECKS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "suits": (_suits, "tables of places and times, each with lists"),
    "most": (_count, f"a number from 1 to {len(NUMBERS)}"),
    **dict.fromkeys(("introduction", "prompts", "plurals"), (_texts, "a table of texts")),
    **dict.fromkeys(("colours", "some", "uncoloured", "above", "sealed"), (_strings, "a list of words")),
}
"""What each entry is that is no table of lists of words."""
