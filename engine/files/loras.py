"""The LoRA files of a folder: their names, and their trigger words as the metadata have them."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

SUFFIX = ".safetensors"
TRIGGERS = ("modelspec.trigger_phrase", "trigger_phrase", "trigger_words", "trigger_word", "trained_words")
"""Where trainers and model sites write a file's trigger words; the first has the words of ModelSpec."""
COUNTS = "ss_tag_frequency"
"""Where kohya's trainer counts the tags of the captions, by folder."""
MOST = 3
"""So many tags may be in every caption and still count as trigger words."""


@dataclass(frozen=True, slots=True)
class LoraFolder:
    """A folder and its subfolders; without a path it is empty."""

    path: Path | None = None

    def files(self) -> dict[str, Path]:
        """Return the files by their names, sorted; those of subfolders include their path."""
        folder = self.path
        found = sorted(folder.rglob(f"*{SUFFIX}")) if folder else []
        named = {file.relative_to(folder): file for file in found} if folder else {}
        return {
            normal(place.with_suffix("").as_posix()): file
            for place, file in named.items()
            if not any(part.startswith(".") for part in place.parts)
        }

    def triggers(self) -> dict[str, str]:
        """Return the trigger words of every file by its name, empty where it has none."""
        return {name: _triggers(path) for name, path in self.files().items()}


def normal(name: str) -> str:
    """Return a name as one spelling: macOS takes letters with accents apart."""
    return unicodedata.normalize("NFC", name)


def _triggers(path: Path) -> str:
    try:
        with safe_open(path, "np") as file:
            found: Mapping[str, str] = file.metadata() or {}
    except (OSError, SafetensorError):  # drawing with it says why
        return ""
    for key in TRIGGERS:
        if words := _words(_parsed(found.get(key, ""))):
            return words
    return ", ".join(_in_every_caption(_parsed(found.get(COUNTS, ""))))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _words(value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    return ", ".join(filter(None, (" ".join(part.split()) for part in parts if isinstance(part, str))))


def _in_every_caption(counts: Any) -> list[str]:
    """Return the tags that are counted as often as the most frequent, where they stand out by that."""
    tags = dict[str, int]()
    for folder in counts.values() if isinstance(counts, dict) else ():
        for tag, count in folder.items() if isinstance(folder, dict) else ():
            if isinstance(count, int):
                name = " ".join(tag.split())
                tags[name] = tags.get(name, 0) + count
    most = max(tags.values(), default=0)
    found = [tag for tag, count in tags.items() if count == most]
    return found if most > 1 and len(found) <= MOST else []
