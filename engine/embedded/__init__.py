"""A tiny model of Z-Image's own classes, trained from scratch on procedural picture-book scenes.

Importing it loads no tensor library.
"""

import json
import lzma
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.types import EngineError

NAME = "embedded"
"""What the configuration calls it."""

WEIGHTS: Path = Path(__file__).parent / "weights"
"""Folder in the layout of `diffusers.ZImagePipeline`, with the vocabulary that it was taught."""

VOCABULARY = "vocabulary.json"
NAMES = "names.txt.xz"
MOST_BYTES = 8_000_000
"""Of a vocabulary, and of the names in other languages."""


def vocabulary(folder: Path) -> dict[str, Any]:
    """Return what lies beside a limited model's weights: its words, its introduction, good prompts.

    Empty for a model that draws anything. Raises `EngineError("bad_input")` where the file is no such table.
    """
    file = folder / VOCABULARY
    if not file.exists():
        return {}
    try:
        told = json.loads(_read(file).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise EngineError("bad_input", f"{file} is not JSON: {error}") from error
    if not isinstance(told, dict) or not told:
        raise EngineError("bad_input", f"{file} must be a table; see the one beside the embedded model")
    return told


def names(folder: Path) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return what things and colours are called by Unicode's CLDR: by language, then English name, a list.

    The language "" has the names that are read in all of them. Raises `EngineError("bad_input")` where the
    file is no such table.
    """
    file = folder / NAMES
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    if not file.exists():
        return found
    unpacking = lzma.LZMADecompressor()
    try:
        text = unpacking.decompress(_read(file), MOST_BYTES).decode()
    except (lzma.LZMAError, ValueError) as error:
        raise EngineError("bad_input", f"{file} cannot be unpacked: {error}") from error
    if not unpacking.eof:
        raise EngineError("bad_input", f"{file} is cut off, or holds more than {MOST_BYTES} bytes")
    for english, *others in (line.split("\t") for line in text.split("\n")):
        for languages, _, name in (each.rpartition(":") for each in others):
            for language in languages.split(","):
                found[language][english].append(name)
    return found


def _read(file: Path) -> bytes:
    if (size := file.stat().st_size) > MOST_BYTES:
        raise EngineError("bad_input", f"{file} has {size} bytes, more than {MOST_BYTES}")
    return file.read_bytes()
