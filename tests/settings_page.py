"""Makes docs/configuration.md of the settings' checks and defaults and the words of config.example.toml.

`python -m tests.settings_page` writes the page; a test compares it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bot.policy.role_limits import RoleLimits
from bot.setup.config import CHECKS, PREFIX, Config, ConfigError
from bot.setup.schema import Schema

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "configuration.md"
INTRODUCTION = f"""# Configuration

*Made from the program by `python -m tests.settings_page`; do not edit.*

A setting stands in `config.toml` below the name of its section, or in the environment, which wins:
`{PREFIX}WEB__PORT=8080` is `[web] port = 8080`; a list is written `a,b` there. An unknown name or a value
that cannot be used stops the start with one line.
[config.example.toml](../config.example.toml) has the same as a file to copy.
"""
HEAD = "| setting | value | default | what it does |\n|---|---|---|---|"
NO_SETTING_TAKES = (object(), "\0", ["/ /"], 10**12, {"x": 10**12})
"""Of each type a value that only a setting without limits takes."""


def page() -> str:
    """Return the page's text."""
    words = _words((ROOT / "config.example.toml").read_text("utf-8"))
    parts = [INTRODUCTION, _section("", Config, words)]
    for item in fields(Config):
        if is_dataclass(value := getattr(Config(), item.name)):
            parts.append(_section(item.name, type(value), words))
    parts.insert(-3, _section("rules", RoleLimits, words))
    return "\n".join(parts)


def _section(name: str, kind: type, words: Mapping[str, str]) -> str:
    """Return a section's heading, what it is about, and its table."""
    rows = []
    for item in fields(kind):
        key = f"{name}.{item.name}" if name else item.name
        default = item.default if item.default_factory is MISSING else item.default_factory()
        if is_dataclass(default) or key == "rules":
            continue
        shown = "" if default is None else f"`{_toml(default)}`"
        about = words.get(key) or words.get(f"limits.{item.name}", "")
        rows.append(f"| `{item.name}` | {_must_be(key, kind, item.name)} | {shown} | {about} |")
    about = f"{words[name]}\n\n" if words.get(name) else ""
    return f"## {name or 'Above all sections'}\n\n{about}{HEAD}\n" + "\n".join(rows) + "\n"


def _must_be(key: str, kind: type, name: str) -> str:
    """Return what a setting takes, as the program's own refusal puts it."""
    hint = get_type_hints(kind)[name]
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint))
    refusals = []
    for value in NO_SETTING_TAKES:
        try:
            Schema(CHECKS, str).read(kind, {name: value}, key.removesuffix(name))
        except ConfigError as error:
            refusals += [text for _, must_be, text in (str(error).rpartition(" must be "),) if must_be]
    # The first one is of the type; where another value has it, the next one is of the limits.
    return next((text for text in refusals if text != refusals[0]), refusals[0])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {each}' for name, each in value.items())} }}" if value else "{}"
    if isinstance(value, tuple | frozenset):
        return json.dumps(sorted(value))
    return json.dumps(str(value) if isinstance(value, Path) else value)


def _words(example: str) -> dict[str, str]:
    """Return what the example says of each section and setting, by its dotted key."""
    found: dict[str, str] = {}
    section = last = ""
    above: list[str] = []
    for line in example.splitlines():
        if match := re.match(r"(?:# )?\[+([\w.]+)\]+(?:\s+# (.*))?$", line):
            section = last = match[1]
            found[last] = " ".join(filter(None, (*above, match[2])))
        elif match := re.match(r"(?:# )?(\w+) = [^#]*(?:# (.*))?$", line):
            last = f"{section}.{match[1]}" if section else match[1]
            found[last] = " ".join(filter(None, (*above, match[2])))
        elif match := re.match(r"\s+# (.*)", line):
            found[last] += f" {match[1]}"
            continue
        elif line.startswith("# "):
            above.append(line[2:])
            continue
        above = []
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
