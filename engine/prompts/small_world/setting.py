"""Where and when a prompt plays, and which of two statements about it holds: the later one, mostly."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from engine.prompts.small_world.lexicon import Item, Lexicon, Word

UNSAYING = frozenset({"filler", "vague", "modifier", "stop", "verb"})
SETTING = UNSAYING | {"place", "time", "light", "weather", "style"}
LOCATIVES = frozenset("里上中下边间")
ANY_TIME = frozenset({"day", "days"})
"""Times that hardly say one: "a rainy day at sunset"."""


def place_of(items: Sequence[Item], words: Lexicon) -> Word | None:
    """The first place, or the last that a clause of its own puts in its stead."""
    place: Word | None = None
    for clause in clauses(items):
        named = _first(clause, "place")
        if named and (place is None or _is_setting(clause, words)):
            place = named
    return place


def time_and_light(items: Sequence[Item], words: Lexicon) -> tuple[Word | None, Word | None]:
    """The last time said, or implied by the light, and the last light that is true then."""
    time: Word | None = None
    lights: list[Word] = []
    for clause in clauses(items):
        times = [item for item in clause if item.kind == "time"]
        clear = [item for item in times if item.text not in ANY_TIME]
        lights += (shone := [item.word for item in clause if item.kind == "light"])
        if clear or (times and time is None):
            time = (clear or times)[-1].word
        elif shone and not times and time is not None and _is_setting(clause, words):
            time = _time_of(shone[-1]) if time.key not in {light.key for light in shone} else time
    if time is None and lights:
        time = _time_of(lights[0])
    return time, next((light for light in reversed(lights) if time and light.key == time.key), None)


def _time_of(light: Word) -> Word:
    return replace(light, kind="time", english="", exact=False)


def _is_setting(clause: Sequence[Item], words: Lexicon) -> bool:
    """Whether a clause says only where or when, with a preposition: it replaces what was said before."""
    if any(item.kind not in SETTING for item in clause):
        return False
    return any(
        item.kind == "stop" or item.text[-1] in LOCATIVES or begins_with_preposition(item, words)
        for item in clause
    )


def clauses(items: Sequence[Item]) -> list[list[Item]]:
    """Items between punctuation."""
    parts = groupby(items, lambda item: item.kind == "punctuation")
    return [list(clause) for is_mark, clause in parts if not is_mark]


def last(items: Sequence[Item], kind: str) -> Word | None:
    """The last word of a kind."""
    return next((item.word for item in reversed(items) if item.kind == kind), None)


def _first(items: Sequence[Item], kind: str) -> Word | None:
    return next((item.word for item in items if item.kind == kind), None)


def begins_with_preposition(item: Item, words: Lexicon) -> bool:
    """Whether a word is a phrase such as `in the snow`."""
    first, space, _ = item.text.partition(" ")
    return bool(space) and next(words.items(first)).kind == "stop"
