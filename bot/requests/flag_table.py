"""The table of flags: their names, the shape of their values, what these mean, and what a form offers.

One row of `FLAGS` and its texts are all there is to a flag. Knows parameters; knows no text around a value.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bot.locales.texts import typed
from bot.requests import flag_syntax, lora_syntax
from bot.types import Params
from engine.types import MOST_GUIDANCE, MOST_STEPS, SEEDS

ASPECTS = ("1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "21:9")
"""The aspect ratios that are offered; others may be typed."""
MOST_PICTURES = 4
MOST_REQUESTS = 10
"""Of one message: what its braces and `--repeat` multiply to."""
STRENGTHS = (0.05, 1.0)
SIDES = (64, 4096)
LONGEST_NEGATIVE = 1000
"""Characters in a form's field; typed, it may be as long as a prompt."""

Changes = Mapping[str, Any]

REST = r".+"
_INTEGER = r"[0-9]+"
_NUMBER = flag_syntax.NUMBER


def _one_of(words: tuple[str, ...]) -> str:
    """Return a pattern for one of the words, where no other word goes on."""
    latin = "|".join(word for word in words if word.isascii())
    other = "|".join(word for word in words if not word.isascii())
    return rf"(?i:{latin})(?![A-Za-z])|(?:{other})(?!\w)"


_ON, _OFF, _AUTO, _RANDOM = (typed(f"typed-{name}") for name in ("on", "off", "auto", "random"))
_RATIO = rf"{_NUMBER}\s?[:xX*/]\s?{_NUMBER}|(?i:{'|'.join(_AUTO)})"
_SIZE = r"[0-9]+\s?[xX*]\s?[0-9]+"
_SEED = rf"-1|[0-9]{{1,20}}|(?i:{'|'.join(_RANDOM)})"
_GUIDANCE = rf"{_NUMBER}|{_one_of(_OFF)}"
_UNGUIDED = 1.0
_SWITCH = _one_of(_ON + _OFF)
_LINK = r"https?://[!-~]+(?:::[0-9.]+)?"
_LINKS = rf"(?:{_LINK}|[0-9]+(?:::[0-9.]+)?|random|loop)(?:\s+(?:{_LINK}|[0-9]{{3,}}(?:::[0-9.]+)?))*"
_CODES = r"(?:[A-Za-z0-9:.]*[0-9][A-Za-z0-9:.]*\s?){1,8}"
_STYLES = r"raw|cute|expressive|original|scenic|4[abc]|[A-Za-z0-9]*[0-9][A-Za-z0-9-]*"


@dataclass(frozen=True, slots=True)
class Values:
    """What a form offers: a number or a text's length from `low` to `high`, a switch, or `choices`."""

    type: type[int] | type[float] | type[str] | type[bool]
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """A row: names without dashes, the value's shape (a regular expression), the legal values in words.

    `read` turns a value of that shape into changed fields of `Params` and raises ValueError for an illegal
    one; `write` gives the value back, or None where there is nothing to say. With `bare` the value may be
    left out and is read as that. An `ignored` flag changes nothing and is reported. Where `add` names a field
    and how two of its values go together, a repeated flag means both; else the last one counts. With
    `values` a form has a field for it, named by the message `flag-NAME.name`.
    """

    names: tuple[str, ...]
    shape: str
    allowed: str
    read: Callable[[str], Changes]
    write: Callable[[Params], str | None]
    bare: str | None = None
    ignored: bool = False
    add: tuple[str, Callable[[Any, Any], Any]] | None = None
    values: Values | None = None


def _number(name: str, of: type[int] | type[float], low: float, high: float, *others: str) -> Flag:
    def read(value: str) -> Changes:
        number = of(value)
        if not low <= number <= high:
            raise ValueError(value)
        return {name: number}

    shape, allowed = _INTEGER if of is int else _NUMBER, f"{low}–{high}"
    return Flag(
        (name, *others),
        shape,
        allowed,
        read,
        lambda params: str(getattr(params, name)),
        values=None if others else Values(of, low, high),
    )


def _switch(name: str) -> Flag:
    return Flag(
        (name,),
        _SWITCH,
        "on, off",
        lambda value: {name: value.casefold() in _ON},
        lambda params: "on" if getattr(params, name) else "off",
        bare="on",
        values=Values(bool),
    )


def _read_ratio(value: str) -> Changes:
    if value.casefold() in _AUTO:
        return {"aspect": None, "width": None, "height": None}
    across, down = (part.strip() for part in re.split(r"[:xX*/]", value))
    if max(len(across), len(down)) > 6:
        raise ValueError(value)
    ratio = Fraction(across) / Fraction(down) if Fraction(down) else Fraction(0)
    if not Fraction(1, 4) <= ratio <= 4:
        raise ValueError(value)
    if across.isdecimal() and down.isdecimal():
        return {"aspect": f"{int(across)}:{int(down)}", "width": None, "height": None}
    return {"aspect": f"{ratio.numerator}:{ratio.denominator}", "width": None, "height": None}


def _read_size(value: str) -> Changes:
    width, height = (int(side) for side in re.split(r"[xX*]", value))
    if not SIDES[0] <= min(width, height) <= max(width, height) <= SIDES[1]:
        raise ValueError(value)
    return {"aspect": None, "width": width, "height": height}


def _read_seed(value: str) -> Changes:
    seed = int(value) if value.isdecimal() else None
    if seed is not None and seed >= SEEDS:
        raise ValueError(value)
    return {"seed": seed}


def _read_guidance(value: str) -> Changes:
    """Read a scale; 0 and "off" are what other programs call no guidance."""
    scale = float(value) if value[-1].isdecimal() else 0.0
    if scale and not _UNGUIDED <= scale <= MOST_GUIDANCE:
        raise ValueError(value)
    return {"guidance_scale": scale or _UNGUIDED}


def _ignored(*names: str, shape: str = "") -> Flag:
    return Flag(names, shape, "", lambda value: {}, lambda params: None, bare="", ignored=True)


# Of Midjourney's versions 5 to 8.1 and niji 5 to 7, as its documentation lists them.
_MIDJOURNEY_NUMBERS = (
    *(
        ("stylize", "s"),
        ("chaos", "c"),
        ("weird", "w"),
        ("quality", "q"),
        ("version", "v"),
        ("niji",),
        ("iw",),
    ),
    *(("exp",), ("stop",), ("sameseed",), ("sw",), ("sv",), ("cw",), ("ow",), ("bs",)),
)
_MIDJOURNEY_SWITCHES = (
    *("tile", "relax", "turbo", "draft", "video", "loop", "hd", "sd", "public", "stealth", "creative"),
    *("uplight", "upbeta", "upanime", "test", "testp"),
)

# The negative prompt comes last: what follows it belongs to it. `--raw` stands before the two it decides.
FLAGS: tuple[Flag, ...] = (
    Flag(
        ("ar", "aspect"),
        _RATIO,
        "1:4–4:1, auto",
        _read_ratio,
        lambda params: params.aspect or ("auto" if params.width is None else None),
        values=Values(str, choices=ASPECTS),
    ),
    Flag(
        ("size",),
        _SIZE,
        "–".join(f"{side}x{side}" for side in SIDES),
        _read_size,
        lambda params: None if params.width is None else f"{params.width}x{params.height}",
    ),
    Flag(
        ("seed",),
        _SEED,
        f"-1, 0–{SEEDS - 1}",
        _read_seed,
        lambda params: None if params.seed is None else str(params.seed),
        values=Values(int, -1, SEEDS - 1),
    ),
    _number("steps", int, 1, MOST_STEPS),
    _switch("fast"),
    Flag(
        ("cfg",),
        _GUIDANCE,
        f"0, {_UNGUIDED}–{MOST_GUIDANCE}",
        _read_guidance,
        lambda params: str(params.guidance_scale),
        values=Values(float, 0.0, MOST_GUIDANCE),
    ),
    _number("count", int, 1, MOST_PICTURES),
    _number("strength", float, *STRENGTHS),
    Flag(
        ("lora",),
        lora_syntax.SHAPE,
        lora_syntax.ALLOWED,
        lambda value: {"loras": lora_syntax.read(value)},
        lambda params: lora_syntax.write(params.loras) or None,
        add=("loras", operator.add),
    ),
    Flag(
        ("raw",),
        "",
        "--raw",
        lambda value: {"optimize": False, "enhance": False},
        lambda params: None if params.optimize or params.enhance else "",
        bare="",
    ),
    _switch("optimize"),
    _switch("enhance"),
    _switch("spoiler"),
    _number("repeat", int, 1, MOST_REQUESTS, "r"),
    *(_ignored(*names, shape=_NUMBER) for names in _MIDJOURNEY_NUMBERS),
    *(_ignored(name, shape=_LINKS) for name in ("sref", "cref", "oref", "end")),
    *(_ignored(name) for name in _MIDJOURNEY_SWITCHES),
    _ignored("style", shape=_STYLES),
    _ignored("motion", shape="low|high"),
    _ignored("personalize", "profile", "p", shape=_CODES),
    Flag(
        ("no",),
        REST,
        "",
        lambda value: {"negative_prompt": value},
        lambda params: params.negative_prompt or None,
        add=("negative_prompt", "{}, {}".format),
        values=Values(str, 1, LONGEST_NEGATIVE),
    ),
)

BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
