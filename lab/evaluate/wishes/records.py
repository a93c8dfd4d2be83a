"""The lists beside this file, one JSON record a line; `dev` may be looked at, the others are only run.

Knows the format and nothing of the optimizer.

A wording is English words or Chinese characters; `|` divides those of which any will do. In English `*` ends
a word that may go on, `a~b` is a, up to three words of the same clause, then b, and a plural is allowed.
Chinese counts where the model reads Chinese. `=` marks text that must stand so on every model, as a quote.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

HALVES = ("dev", "held_out")
SPLITS = (*HALVES, "fresh")
"""`fresh` was written when rules had been chosen by what they do to the counts of `held_out`."""
FAULTS = frozenset(
    {
        "label", "chatter", "please", "imagine", "example", "repetition", "cut", "subject lost",
        "subject added", "colours swapped", "time changed", "quote changed", "count changed", "place only",
    }
)  # fmt: skip
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user typed, and what is right: `whole` is a good English rewriting without additions.

    Without one of `must`, or with one of `must_not`, a prompt is wrong; without one of `lesser`, or with an
    addition of `against`, it is flawed. `refused` must be refused by the prompt or its negative prompt. In
    `against`, `#name` is a group of `score.GROUPS`.
    """

    wish: str
    kind: str
    whole: str
    must: tuple[str, ...]
    lesser: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What a language model might write for a wish, and one of `FAULTS` where it is bad."""

    wish: str
    rewriting: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FirstWish:
    """What a newcomer types first, and what must be seen, in English; nothing where any picture will do."""

    wish: str
    seen: tuple[str, ...]


def wishes(split: str) -> list[Wish]:
    """The wishes of a list, `must` and `lesser` with the synonyms of their wordings."""
    read = [Wish(**record) for record in _records(split)]
    return [replace(wish, must=_widened(wish.must), lesser=_widened(wish.lesser)) for wish in read]


def rewritings(grade: str, split: str) -> list[Rewriting]:
    """The `good` or `bad` rewritings of a half."""
    return [Rewriting(**record) for record in _records(f"rewritings_{grade}_{split}")]


def first_wishes(split: str) -> list[FirstWish]:
    """The 100 first wishes of a half."""
    return [FirstWish(**record) for record in _records(f"first_{split}")]


def _widened(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        "|".join(dict.fromkeys(chain(wordings, *(_synonyms().get(wording, ()) for wording in wordings))))
        for wordings in (item.split("|") for item in items)
    )


@cache
def _synonyms() -> dict[str, list[str]]:
    """All wordings of the groups that a wording is in."""
    groups: dict[str, list[str]] = {}
    for line in (FOLDER / "synonyms.txt").read_text(encoding="utf-8").splitlines()[1:]:
        for wording in line.split("|"):
            groups.setdefault(wording, []).extend(line.split("|"))
    return groups


def _records(name: str) -> Iterator[dict[str, Any]]:
    for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").split("\n"):
        if line:
            yield {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(line).items()}
