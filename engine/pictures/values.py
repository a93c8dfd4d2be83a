"""Single values as other programs write them into JSON and texts, taken only where they make sense."""

import json
import re
from collections.abc import Mapping
from typing import Any

from engine.types import SEEDS

Fields = dict[str, Any]
"""Values for fields of `Parameters`."""
Json = Mapping[str, Any]

MOST = 10**6
NUMBER = r"-?\d{1,20}(?:\.\d{1,20})?"

_SIZE = re.compile(r"\D{0,2}(\d{1,6})\s?[x×,]\s?(\d{1,6})\D?")


def named(program: str, written: Json, scale: str = "guidance_scale", **names: str) -> Fields:
    """Return the fields that a program writes one by one; `names` has those it calls something else."""

    def value(field: str) -> Any:
        return written.get(names.get(field, field))

    return {
        "program": program,
        "prompt": text(value("prompt")),
        "negative_prompt": text(written.get(names.get("negative", "negative_prompt"))),
        "width": whole(value("width")),
        "height": whole(value("height")),
        "steps": whole(value("steps")),
        "guidance_scale": number(written.get(scale)) or 1.0,
        "seed": seed(value("seed")),
        "model": text(value("model")),
    }


def json_object(text: str) -> dict[str, Any]:
    """Return a JSON object; empty for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text(value: object) -> str:
    """Return a text without space around it; empty for anything else."""
    return value.strip() if isinstance(value, str) else ""


def sized(text: str | None) -> Fields:
    """Return width and height of `512x768` or `(512, 768)`; nothing for anything else."""
    size = _SIZE.match(text or "")
    return {"width": int(size[1]), "height": int(size[2])} if size else {}


def number(value: object) -> float | None:
    """Return a finite number, written as one or as digits in a text."""
    if isinstance(value, str):
        return float(value) if re.fullmatch(NUMBER, value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < SEEDS else None


def whole(value: object) -> int:
    """Return a count from 0 on; 0 for anything else."""
    return min(max(0, int(number(value) or 0)), MOST)


def seed(value: object) -> int:
    """Return a seed; beside `whole` it keeps all 64 bits."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,20}", value):
        value = int(value)
    return value if type(value) is int and 0 <= value < SEEDS else 0
