"""LoRA files as people write them: `ink:0.8, "my style":0.5` behind a flag, `<lora:ink:0.8>` among the words.

Knows names and weights as text; knows no files.
"""

import re
from decimal import Decimal

from bot.requests import flag_syntax

HIGHEST = 2.0
MOST = 10
ALLOWED = f"NAME:-{HIGHEST:g}–{HIGHEST:g}"

Loras = tuple[tuple[str, float], ...]

_WEIGHT = rf"\s?:\s?[-+]?{flag_syntax.NUMBER}"
_BARE = r"\w(?:[\w.()\[\]+-]{0,200}[\w)\]])?"
_INSIDE = r"[:：]\s?[-+]?[0-9０-９.．]{1,9}\s?"
_QUOTED = "|".join(f"{left}[^{right}\n]{{1,200}}{right}" for left, right in flag_syntax.QUOTES.items())
_QUOTED_WITH_WEIGHT = "|".join(
    f"{left}[^{right}\n]{{1,200}}{_INSIDE}{right}" for left, right in flag_syntax.QUOTES.items()
)
# Behind a comma a weight is a must, and a name of digits would be a time or a ratio: words of the prompt may
# follow.
_FIRST = rf"(?:{_BARE}|{_QUOTED})(?:{_WEIGHT})?"
_NEXT = rf"(?:(?![0-9]+\s?:){_BARE}{_WEIGHT}|(?:{_QUOTED}){_WEIGHT}|{_QUOTED_WITH_WEIGHT})"
SHAPE = rf"{_FIRST}(?:[,、;]\s*{_NEXT})*"

_ITEM = re.compile(
    rf"(?:(?P<bare>{_BARE})|(?P<quoted>{_QUOTED}))(?:\s?:\s?(?P<weight>[-+]?{flag_syntax.NUMBER}))?"
)
_NAME_AND_WEIGHT = re.compile(rf"(.{{1,200}}?)\s*:\s?([-+]?{flag_syntax.NUMBER})\s?")
_TAG = re.compile(
    r"<\s?(?:lora|lyco)\s?:(?P<name>[^<>:\n]{1,200})(?P<rest>(?::[^<>:\n]{0,80}){0,8})>", re.IGNORECASE
)


def read(value: str) -> Loras:
    """Read what `SHAPE` matches; raises ValueError for a weight beyond the limit. Without one it is 1."""
    return tuple(_lora(item) for item in _ITEM.finditer(value))


def write(loras: Loras) -> str:
    """Return what `read` reads as these, every name in quotes that needs them."""
    return ",".join(f"{written(name)}:{Decimal(str(weight)):f}" for name, weight in loras)


def take_tags(text: str) -> tuple[str, Loras]:
    """Return the text without the tags among its words, and what they name; quoted ones stay.

    Raises `Refused` (`bad-value`) for a weight out of range.
    """
    rest, loras, end = "", list[tuple[str, float]](), 0
    for tag in _TAG.finditer(flag_syntax.normalize(text)):
        before = text[end : tag.start()]
        rest, end = (flag_syntax.joined(rest, before) if loras else before), tag.end()
        try:
            loras.append((text[slice(*tag.span("name"))].strip(), _tag_weight(tag["rest"])))
        except ValueError:
            raise flag_syntax.bad_value("--lora", text[tag.start() : end], ALLOWED) from None
    return (flag_syntax.joined(rest, text[end:]) if loras else text), tuple(loras)


def _tag_weight(rest: str) -> float:
    """Return the transformer's weight: the second of `:te:unet`, or the one there is, or by its name."""
    parts = [part.strip() for part in rest.split(":")[1:]]
    named = dict(part.split("=", 1) for part in parts if "=" in part)
    placed = [part for part in parts if "=" not in part]
    return _weight(named.get("unet") or (placed[:2] or ["1"])[-1])


def _lora(item: re.Match[str]) -> tuple[str, float]:
    if item["bare"]:
        return item["bare"], _weight(item["weight"] or "1")
    name = item["quoted"][1:-1]
    # Inside the quotes all is as it was typed: full-width digits and colons are read here.
    inside = _NAME_AND_WEIGHT.fullmatch(name.translate(flag_syntax.PLAIN))
    if item["weight"] or inside is None:
        return name.strip(), _weight(item["weight"] or "1")
    return name[: inside.end(1)].strip(), _weight(inside[2])


def _weight(number: str) -> float:
    weight = float(number)
    if not -HIGHEST <= weight <= HIGHEST:
        raise ValueError(number)
    return weight


def written(name: str) -> str:
    """Return a name as it stands behind the flag, in quotes where it needs them."""
    is_bare = re.fullmatch(_BARE, name) and not name.isdecimal() and name == flag_syntax.normalize(name)
    if is_bare:
        return name
    left, right = next(pair for pair in flag_syntax.QUOTES.items() if not {*pair} & {*name})
    return f"{left}{name}{right}"
