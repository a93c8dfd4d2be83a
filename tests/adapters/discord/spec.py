"""Holds calls against Discord's published OpenAPI file, where it and the validator are at hand."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

try:
    import jsonschema
except ModuleNotFoundError:
    jsonschema = None  # type: ignore[assignment]

SNOWFLAKES = 1 << 54
FILE = Path(__file__).parents[4] / "shared" / "specs" / "discord-openapi.json"


def is_at_hand() -> bool:
    """Say whether calls are really checked."""
    return jsonschema is not None and FILE.exists()


def violations(method: str, path: str, body: Any) -> list[str]:
    """Return what a call does that the specification does not allow."""
    if not is_at_hand() or path.startswith("/cdn"):
        return []
    for pattern, operations in _paths():
        if pattern.fullmatch(path) and method.lower() in operations:
            content = operations[method.lower()].get("requestBody", {}).get("content", {})
            if "application/json" not in content or body is None:
                return []
            found = _validator(json.dumps(content["application/json"]["schema"])).iter_errors(_written(body))
            return [f"{method} {path}: {error.json_path}: {error.message[:300]}" for error in found]
    return [f"{method} {path}: no such operation"]


def _written(told: Any, key: str = "") -> Any:
    """The same with snowflakes as text, since Discord takes them as integers too."""
    if isinstance(told, dict):
        return {name: _written(value, f"{key}.{name}") for name, value in told.items()}
    if isinstance(told, list):
        return [_written(value, key) for value in told]
    is_id = type(told) is int and (told > SNOWFLAKES or key.endswith("attachments.id"))
    return str(told) if is_id else told


@cache
def _told() -> Any:
    return json.loads(FILE.read_text("utf-8"))


@cache
def _paths() -> list[tuple[re.Pattern[str], Any]]:
    """Every path as a pattern, those without parameters first."""
    paths = sorted(_told()["paths"].items(), key=lambda entry: entry[0].count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations) for path, operations in paths]


@cache
def _validator(schema: str) -> Any:
    """A validator that takes keys that the file lacks, as Discord does."""
    lenient = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"additionalProperties": None})
    return lenient({**json.loads(schema), "components": _told()["components"]})
