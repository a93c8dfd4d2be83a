"""Where each subject of a prompt stands: on which side, how far away, before or under which other one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.embedded.vocabulary import World
from engine.prompts.small_world.lexicon import Item, Word

OPPOSITE = {"left": "right", "right": "left"}
BREAKS = frozenset({"punctuation", "joiner"})
NAMED = frozenset({"subject", "place", "other", "unknown"})
PREPOSITIONS = frozenset({"in", "on", "at", "by", "over", "near", "among", "under"})

FRONT = frozenset({"in front of", "前", "前面", "前方", "跟前"})
BEHIND = frozenset({"behind", "in back of", "后", "后面", "背后", "身后"})
UNDER = frozenset({"under", "below", "beneath", "underneath", "下", "下面", "底下", "之下"})
OVER = frozenset({"above", "over", "上空", "上方", "之上"})
BEFORE_NOUNS = frozenset({"filler", "vague", "modifier", "colour", "count"})
"""What stands between a preposition and its noun."""


@dataclass(frozen=True, slots=True)
class Relation:
    """The key of a relation, and the indices of the subject that has it and of the other one."""

    key: str
    first: int
    second: int


def relation(items: Sequence[Item], subjects: Sequence[int], world: World) -> Relation | None:
    """Which of two subjects is before or under which other, as far as a world draws that."""
    for at, item in enumerate(items):
        if item.kind == "stop" and item.text in FRONT | BEHIND | UNDER | OVER:
            noun, other = _sides(items, at, subjects)
            if noun is None or other is None:
                continue
            key = "front" if item.text in FRONT | BEHIND else "under"
            pair = (noun, other) if item.text in BEHIND | OVER else (other, noun)
            can_be = key != "under" or items[pair[1]].word.key in world.above
            if key in world.relations and can_be:
                return Relation(key, *pair)
    return None


def _sides(items: Sequence[Item], at: int, subjects: Sequence[int]) -> tuple[int | None, int | None]:
    """The subject that a preposition belongs to, in Chinese the one before it, and the one related to it."""
    before = [subject for subject in subjects if subject < at]
    after = [subject for subject in subjects if subject > at]
    if items[at].text.isascii():
        noun, other = next(iter(after), None), next(reversed(before), None)
        between = items[at + 1 : noun]
    else:
        noun, other = next(reversed(before), None), next(iter([*after, *before[-2:-1]]), None)
        between = items[at if noun is None else noun + 1 : at]
    return (noun if all(item.kind in BEFORE_NOUNS for item in between) else None), other


def positions(items: Sequence[Item], subjects: Sequence[int]) -> dict[int, Word]:
    """The side of each of `subjects`, indices of items, that has one; of two, the other's is opposite."""
    found: dict[int, Word] = {}
    for at, item in enumerate(items):
        if item.kind == "position":
            owner = _owner(items, at, [subject for subject in subjects if subject not in found])
            if owner is not None:
                found[owner] = item.word
    return found if len(subjects) == 1 else _opposed(found, subjects[:2])


def distance(items: Sequence[Item]) -> Word | None:
    """How far away the one subject is; `mountains in the distance` says nothing of it."""
    far_place = False
    found: Word | None = None
    for item in items:
        if item.kind == "distance" and not (far_place and item.word.key == "far"):
            found = item.word
        elif item.kind in NAMED:
            far_place = item.kind == "place" and item.text.split()[0] not in PREPOSITIONS
    return found


def _owner(items: Sequence[Item], at: int, subjects: Sequence[int]) -> int | None:
    """The subject that a side is said of: the one before it, else the one after it.

    In Chinese a side right after a subject is relative to it (房子左边有一只猫): it is another's.
    """
    before = [subject for subject in subjects if subject < at]
    after = [subject for subject in subjects if subject > at and not _is_broken(items, at, subject)]
    if before and before[-1] == at - 1 and not items[at].text.isascii() and len(subjects) > 1:
        return after[0] if after else before[-2] if len(before) > 1 else None
    if before and not _is_broken(items, before[-1], at):
        return before[-1]
    return next(iter([*after, *reversed(before)]), None)


def _is_broken(items: Sequence[Item], start: int, end: int) -> bool:
    return any(item.kind in BREAKS for item in items[start + 1 : end])


def _opposed(found: Mapping[int, Word], pair: Sequence[int]) -> dict[int, Word]:
    """Two sides that are opposite, as the first that was said wants it; none where neither was said."""
    sides = {subject: word for subject, word in found.items() if subject in pair and word.key in OPPOSITE}
    for subject, word in sides.items():
        (other,) = (each for each in pair if each != subject)
        return {subject: word, other: opposite(word)}
    return {}


def opposite(side: Word) -> Word:
    """The other side; the middle is opposite itself."""
    return replace(side, key=OPPOSITE.get(side.key, side.key), english="", exact=False)
