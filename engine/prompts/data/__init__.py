"""The word lists of this package: TOML files, each read once, simplified forms."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from engine import cjk

HAN = re.compile(f"[{cjk.HAN}]")
"""A Chinese character."""


@cache
def table(name: str) -> Mapping[str, Any]:
    """The contents of `name`.toml."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def words(name: str) -> frozenset[str]:
    """A list of words.toml."""
    return frozenset(table("words")[name].split())


def phrases() -> Mapping[str, Any]:
    """The contents of phrases.toml."""
    return table("phrases")


def simplified(text: str) -> str:
    """`text` with traditional Chinese characters written in their simplified forms."""
    return text.translate(simplified_forms())


@cache
def simplified_forms() -> Mapping[int, str]:
    """The simplified form of each traditional character, for `str.translate`."""
    pairs = table("traditional")["pairs"]
    return {ord(old): new for old, new in zip(pairs[::2], pairs[1::2], strict=True)}
