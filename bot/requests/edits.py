"""What is drawn of a picture beyond its edge, or anew within it, and the arguments of `/zoom` and `/pan`.

Knows words; looks up no job.
"""

import re
from dataclasses import dataclass
from typing import Literal

from bot.locales.texts import typed
from bot.requests import flag_syntax
from bot.types import Action, Edit
from engine.types import Mask

ViewVerb = Literal["zoom", "pan"]


@dataclass(frozen=True, slots=True)
class View:
    """A picture seen from `zoom` times as far, or moved by shares of its sides.

    `strength` is how much of what the edge continues is drawn anew: a moved picture goes on as it is.
    """

    zoom: float = 1.0
    right: float = 0.0
    down: float = 0.0
    strength: float = 1.0


QUARTER = 0.25
VIEWS: dict[Edit, View] = {
    "zoom 1.5": View(1.5),
    "zoom 2": View(2.0),
    "pan left": View(right=-QUARTER, strength=0.6),
    "pan right": View(right=QUARTER, strength=0.6),
    "pan up": View(down=-QUARTER, strength=0.6),
    "pan down": View(down=QUARTER, strength=0.6),
}
BRUSH = 1.0
"""Strength of what is drawn anew within a picture."""
VALUES: dict[ViewVerb, dict[str, tuple[str, ...]]] = {
    "zoom": {"1.5": ("1.5",), "2": ("2",)},
    "pan": {name: typed(f"typed-{name}") for name in ("left", "right", "up", "down")},
}
"""What each command takes, the words for it, and the first of them where nothing is said."""
_NUMBER = re.compile(r"#?([0-9]{1,18})")
_ZOOM = re.compile(
    r"(?<![0-9a-z.])(?:[x×]\s*([0-9.]+)|([0-9.]+)\s*(?:[x×]|倍)|([0-9]+\.[0-9]+))(?![0-9a-z])", re.I
)
_CHANGE = re.compile(
    r"(?:#?(?P<job>[0-9]{1,18})(?:\s+(?P<picture>[1-4])(?=\s))?(?:\s+|$))?(?P<words>.*)", re.S
)
_PAN = re.compile(r"[^\W\d_]+")


def mask(edit: Edit) -> Mask:
    """Return what the engine draws where a picture is transparent, "" where none is."""
    if edit in VIEWS:
        return "around" if edit.startswith("zoom") else "beside"
    return "part" if edit == "brush" else ""


def named(verb: ViewVerb, value: str) -> Edit:
    """Return what a button means; raises `Refused` (`bad-value`) for a view there is none of."""
    for edit in VIEWS:
        if edit == f"{verb} {value}":
            return edit
    raise flag_syntax.bad_value(f"/{verb}", value, ", ".join(VALUES[verb]))


def read_change(rest: str) -> tuple[int | None, int, str]:
    """Read `17 2 make it night`: the job, its picture from 0 and the instruction; a job need not be named."""
    found = _CHANGE.match(rest)
    assert found is not None
    job = int(found["job"]) if found["job"] else None
    return job, int(found["picture"] or 1) - 1, found["words"]


def read_view(verb: ViewVerb, rest: str, job: int) -> Action:
    """Read `17 2 x1.5` or `17 left`: the job, its picture from 1 and the view; `job` where none is named.

    Raises `Refused` (`bad-value`) for a view there is none of.
    """
    pattern = _ZOOM if verb == "zoom" else _PAN
    found = pattern.search(rest)
    word = next(filter(None, found.groups() or (found[0],)), "") if found else ""
    value = next((name for name, words in VALUES[verb].items() if word.casefold() in words), "")
    if word and not value:
        raise flag_syntax.bad_value(f"/{verb}", word, ", ".join(VALUES[verb]))
    numbers = [int(number) for number in _NUMBER.findall(pattern.sub(" ", rest))]
    index = max(0, numbers[1] - 1) if len(numbers) > 1 else 0
    return Action(verb, numbers[0] if numbers else job, index, value or next(iter(VALUES[verb])))


def is_view(verb: ViewVerb, rest: str) -> bool:
    """Say whether a text holds nothing but what a command for a view takes."""
    words = "|".join(map(re.escape, sum(VALUES[verb].values(), ())))
    known = _ZOOM if verb == "zoom" else re.compile(rf"(?:{words})(?!\w)")
    return not re.sub(r"[\s#0-9]", "", known.sub(" ", rest, count=1))
