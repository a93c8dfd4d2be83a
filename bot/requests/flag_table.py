"""The table of flags: their names, the shape of their values, and what these mean.

One row of `FLAGS` is all there is to a flag. Knows parameters; knows no text around a value.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bot.requests import flag_syntax, lora_syntax
from bot.types import Params

HIGHEST_SEED = 2**64 - 1

Changes = Mapping[str, Any]

REST = r".+"
_INTEGER = r"[0-9]+"
_NUMBER = flag_syntax.NUMBER
_RATIO = rf"{_NUMBER}\s?:\s?{_NUMBER}|(?i:auto)|自动"
_AUTO = ("auto", "自动")
_SIZE = r"[0-9]+\s?[xX*]\s?[0-9]+"
_SEED = r"-1|[0-9]{1,20}|(?i:random)|随机|隨機"
_GUIDANCE = rf"{_NUMBER}|(?i:off)|关闭?(?!\w)"
_UNGUIDED = 1.0
_ON = ("on", "true", "开", "开启")
_SWITCH = r"(?i:on|off|true|false)(?![A-Za-z])|(?:开启?|关闭?)(?!\w)"
_LINKS = r"(?:https?://[!-~]+|[0-9]+|random)(?:\s+https?://[!-~]+)*"


@dataclass(frozen=True, slots=True)
class Flag:
    """A row: names without dashes, the value's shape (a regular expression), the legal values as shown.

    `read` turns a value of that shape into changed fields of `Params` and raises ValueError for an illegal
    one; `write` gives the value back, or None where there is nothing to say. With `bare` the value may be
    left out and is read as that. An `ignored` flag changes nothing and is reported. Where `add` names a field
    and how two of its values go together, a flag said twice means both; else the last one counts.
    """

    names: tuple[str, ...]
    shape: str
    allowed: str
    read: Callable[[str], Changes]
    write: Callable[[Params], str | None]
    bare: str | None = None
    ignored: bool = False
    add: tuple[str, Callable[[Any, Any], Any]] | None = None


def _number(name: str, field: str, of: type[int] | type[float], low: float, high: float) -> Flag:
    def read(value: str) -> Changes:
        number = of(value)
        if not low <= number <= high:
            raise ValueError(value)
        return {field: number}

    def write(params: Params) -> str | None:
        number = getattr(params, field)
        return None if number is None else str(number)

    return Flag((name,), _INTEGER if of is int else _NUMBER, f"{low}–{high}", read, write)


def _switch(name: str) -> Flag:
    return Flag(
        (name,),
        _SWITCH,
        "on, off",
        lambda value: {name: value.casefold() in _ON},
        lambda params: "on" if getattr(params, name) else "off",
        bare="on",
    )


def _read_ratio(value: str) -> Changes:
    if value.casefold() in _AUTO:
        return {"aspect": None, "width": None, "height": None}
    across, _, down = (part.strip() for part in value.partition(":"))
    if max(len(across), len(down)) > 6:
        raise ValueError(value)
    ratio = Fraction(across) / Fraction(down) if Fraction(down) else Fraction(0)
    if not Fraction(1, 4) <= ratio <= 4:
        raise ValueError(value)
    if across.isdecimal() and down.isdecimal():
        return {"aspect": f"{int(across)}:{int(down)}", "width": None, "height": None}
    return {"aspect": f"{ratio.numerator}:{ratio.denominator}", "width": None, "height": None}


def _write_ratio(params: Params) -> str | None:
    return params.aspect or ("auto" if params.width is None else None)


def _read_size(value: str) -> Changes:
    width, height = (int(side) for side in re.split(r"[xX*]", value))
    if not (64 <= width <= 4096 and 64 <= height <= 4096):
        raise ValueError(value)
    return {"aspect": None, "width": width, "height": height}


def _write_size(params: Params) -> str | None:
    return None if params.width is None else f"{params.width}x{params.height}"


def _read_seed(value: str) -> Changes:
    seed = int(value) if value.isdecimal() else None
    if seed is not None and seed > HIGHEST_SEED:
        raise ValueError(value)
    return {"seed": seed}


def _write_seed(params: Params) -> str | None:
    return None if params.seed is None else str(params.seed)


def _read_guidance(value: str) -> Changes:
    """Read a scale; 0 and "off" are what other programs call no guidance."""
    scale = float(value) if value[-1].isdecimal() else 0.0
    if scale and not _UNGUIDED <= scale <= 5.0:
        raise ValueError(value)
    return {"guidance_scale": scale or _UNGUIDED}


def _read_raw(value: str) -> Changes:
    return {"optimize": False, "enhance": False}


def _write_raw(params: Params) -> str | None:
    return None if params.optimize or params.enhance else ""


def _ignored(*names: str, shape: str = "") -> Flag:
    return Flag(names, shape, "", lambda value: {}, lambda params: None, bare="", ignored=True)


# The negative prompt comes last: what follows it belongs to it. `--raw` stands before the two it decides.
FLAGS: tuple[Flag, ...] = (
    Flag(("ar", "aspect"), _RATIO, "1:4–4:1, auto", _read_ratio, _write_ratio),
    Flag(("size",), _SIZE, "64x64–4096x4096", _read_size, _write_size),
    Flag(("seed",), _SEED, f"-1, 0–{HIGHEST_SEED}", _read_seed, _write_seed),
    _number("steps", "steps", int, 1, 50),
    _switch("fast"),
    Flag(("cfg",), _GUIDANCE, "0, 1.0–5.0", _read_guidance, lambda params: str(params.guidance_scale)),
    _number("count", "count", int, 1, 4),
    _number("strength", "strength", float, 0.05, 1.0),
    Flag(
        ("lora",),
        lora_syntax.SHAPE,
        lora_syntax.ALLOWED,
        lambda value: {"loras": lora_syntax.read(value)},
        lambda params: lora_syntax.write(params.loras) or None,
        add=("loras", operator.add),
    ),
    Flag(("raw",), "", "--raw", _read_raw, _write_raw, bare=""),
    _switch("optimize"),
    _switch("enhance"),
    _switch("spoiler"),
    _ignored("stylize", "s", shape=_NUMBER),
    _ignored("chaos", "c", shape=_NUMBER),
    _ignored("weird", "w", shape=_NUMBER),
    _ignored("quality", "q", shape=_NUMBER),
    _ignored("v", shape=_NUMBER),
    _ignored("niji", shape=_NUMBER),
    _ignored("iw", shape=_NUMBER),
    _ignored("sref", shape=_LINKS),
    _ignored("tile"),
    _ignored("relax"),
    _ignored("turbo"),
    Flag(
        ("no",),
        REST,
        "",
        lambda value: {"negative_prompt": value},
        lambda params: params.negative_prompt or None,
        add=("negative_prompt", "{}, {}".format),
    ),
)

BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
