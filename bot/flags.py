"""Flags inside a prompt: "a cat --ar 16:9 --seed 7 --no text" to parameters and back.

One row of `FLAGS` is all there is to a flag. Knows no platform and no model: whether a model can draw a size,
and whether a person may have it, is judged elsewhere.
"""

import operator
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from bot import flagtext
from bot.types import Params, Refused

PROMPT_LIMIT = 2000
TEXT_LIMIT = 4 * PROMPT_LIMIT
SHOWN_VALUE = 40
LORA_LIMIT = 2.0
FAST = "--fast"

Changes = Mapping[str, Any]

_INTEGER = r"[0-9]+"
_NUMBER = r"[0-9]*\.?[0-9]+"
_RATIO = rf"{_NUMBER}\s?:\s?{_NUMBER}|(?i:auto)|自动"
_AUTO = ("auto", "自动")
_SIZE = r"[0-9]+\s?[xX*]\s?[0-9]+"
_ON = ("on", "true", "开", "开启")
_SWITCH = r"(?i:on|off|true|false)(?![A-Za-z])|(?:开启?|关闭?)(?!\w)"
_LINKS = r"(?:https?://[!-~]+|[0-9]+|random)(?:\s+https?://[!-~]+)*"
# Behind a comma a weight is a must: without one the words of the prompt may follow.
_LORA = r"[0-9A-Za-z_][0-9A-Za-z_.-]*"
_LORAS = rf"{_LORA}(?:\s?:\s?-?{_NUMBER})?(?:,{_LORA}\s?:\s?-?{_NUMBER})*"
_REST = r".+"
# Where a value ends: not in front of more letters, and not in the middle of a longer number.
_END = r"(?![0-9A-Za-z_]|[-.:/*][0-9])"
_WORD = re.compile(r"\S+")
_EQUALS = re.compile(r"\s*(?P<sign>[=:]?)\s*")


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


def parse(text: str, defaults: Params) -> Params:
    """Return the parameters `text` asks for, everything unsaid from `defaults`.

    Raises `Refused`: unknown-flag, flag-needs-value, bad-value, empty-prompt, prompt-too-long.
    """
    if len(text) > TEXT_LIMIT:
        raise Refused("prompt-too-long", length=len(text), limit=PROMPT_LIMIT)
    plain = flagtext.plain(text)
    marks = flagtext.marks(plain, _BY_NAME)
    ends = [*(mark.start for mark in marks), len(text)]
    prompt, params, said = text[: ends[0]], replace(defaults, ignored=()), set[str]()
    for mark, end in zip(marks, ends[1:], strict=True):
        if mark.name not in _BY_NAME:
            raise Refused("unknown-flag", flag=f"--{mark.name}")
        flag = _BY_NAME[mark.name]
        value, place = _value(flag, mark, text[:end], plain[:end])
        params = _with(params, flag, mark.name, value, flag.names[0] in said)
        said.add(flag.names[0])
        prompt = flagtext.joined(prompt, text[place:end])
    params = settled(params, said)
    prompt, ratio = flagtext.take_ratio(_checked(replace(params, prompt=prompt.strip())).prompt)
    if ratio and said.isdisjoint({"ar", "size"}):
        params = assign(params, "ar", ratio)
    return _checked(replace(params, prompt=prompt.strip(flagtext.SEPARATORS + " \t\r\n\u3000")))


def assign(params: Params, name: str, value: str) -> Params:
    """Return `params` as if the flag `name` (no dashes) had this value; raises `Refused` (bad-value)."""
    flag = _BY_NAME[name]
    try:
        if not re.fullmatch(flag.shape, value):
            raise ValueError(value)
        return replace(params, **flag.read(value))
    except ValueError:
        shown = value if len(value) <= SHOWN_VALUE else value[: SHOWN_VALUE - 1] + "…"
        raise Refused("bad-value", flag=f"--{name}", value=shown, allowed=flag.allowed) from None


def settled(params: Params, said: Container[str]) -> Params:
    """Return `params` where steps among the flags `said` win over fast, which is then told as ignored."""
    if not (params.fast and "steps" in said):
        return params
    return replace(params, fast=False, ignored=(*params.ignored, FAST))


def named(text: str) -> set[str]:
    """Return the flags that a text says, by their first names."""
    return {_BY_NAME[mark.name].names[0] for mark in flagtext.marks(flagtext.plain(text), _BY_NAME)}


def value(params: Params, name: str) -> str:
    """Return what the flag `name` (no dashes) would have to say for these parameters; empty where nothing."""
    return _BY_NAME[name].write(params) or ""


def render(params: Params, defaults: Params | None = None) -> str:
    """Return the line that `parse` reads back, with the same defaults, as equal parameters.

    A fast wish's steps, which only bound it, are left to the defaults: said, they would win.
    """
    base = defaults or Params("")
    words = [params.prompt, *params.ignored]
    for flag in FLAGS:
        value = flag.write(params)
        told = value != flag.write(base)
        if flag.names[0] == "steps":
            told = not params.fast and (told or FAST in params.ignored)
        if value is not None and told:
            words.append(f"--{flag.names[0]} {value}".rstrip())
            base = replace(base, **flag.read(value))
    return " ".join(words)


def _value(flag: Flag, mark: flagtext.Mark, text: str, plain: str) -> tuple[str | None, int]:
    """Return the value behind a mark, None where it is left out, and where the prompt goes on.

    A value of the wrong shape is returned as it is, to be refused by what reads it.
    """
    gap = _EQUALS.match(plain, mark.end)
    assert gap is not None
    if flag.shape == _REST:
        return " ".join(text[gap.end() :].split()).strip(flagtext.SEPARATORS + " ") or None, len(text)
    if found := re.compile(f"(?:{flag.shape}){_END}").match(plain, gap.end()):
        return found[0] or None, found.end() if found[0] else mark.end
    if flag.bare is not None and not gap["sign"]:
        return None, mark.end
    wrong = _WORD.match(text, gap.end())
    return (wrong[0], wrong.end()) if wrong else (None, len(text))


def _with(params: Params, flag: Flag, name: str, value: str | None, repeated: bool) -> Params:
    if flag.ignored:
        return replace(params, ignored=(*params.ignored, f"--{name} {value or ''}".rstrip()))
    if value is None:
        if flag.bare is None:
            raise Refused("flag-needs-value", flag=f"--{name}")
        value = flag.bare
    changed = assign(params, name, value)
    if flag.add is not None and repeated:
        field, joined = flag.add
        return replace(changed, **{field: joined(getattr(params, field), getattr(changed, field))})
    return changed


def _checked(params: Params) -> Params:
    if not params.prompt:
        raise Refused("empty-prompt")
    length = max(len(params.prompt), len(params.negative_prompt))
    if length > PROMPT_LIMIT:
        raise Refused("prompt-too-long", length=length, limit=PROMPT_LIMIT)
    return params


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


def _read_loras(value: str) -> Changes:
    """Read `NAME:WEIGHT,NAME:WEIGHT`; one name may stand without its weight, which is 1."""
    found = []
    for item in value.split(","):
        name, _, weight = (part.strip() for part in item.partition(":"))
        if not -LORA_LIMIT <= float(weight or 1) <= LORA_LIMIT:
            raise ValueError(value)
        found.append((name, float(weight or 1)))
    return {"loras": tuple(found)}


def _write_loras(params: Params) -> str | None:
    return ",".join(f"{name}:{weight}" for name, weight in params.loras) or None


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
    _number("seed", "seed", int, 0, 2**32 - 1),
    _number("steps", "steps", int, 1, 50),
    _switch("fast"),
    _number("cfg", "guidance_scale", float, 1.0, 5.0),
    _number("count", "count", int, 1, 4),
    _number("strength", "strength", float, 0.05, 1.0),
    Flag(("lora",), _LORAS, "NAME:-2–2", _read_loras, _write_loras, add=("loras", operator.add)),
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
        _REST,
        "",
        lambda value: {"negative_prompt": value},
        lambda params: params.negative_prompt or None,
        add=("negative_prompt", "{}, {}".format),
    ),
)

_BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
