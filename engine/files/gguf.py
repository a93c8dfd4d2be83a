"""What a GGUF file says of itself: the values before its tensors, checked against the file's length.

Reads no tensor. The format is llama.cpp's, version 2 or 3, little-endian:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from pathlib import Path
from typing import Any

from engine.files import shards

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


def values(file: Path) -> dict[str, Any]:
    """Return name → value; raises `EngineError("model_missing")` for a file that is none, or not whole."""
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _Reader(content).values()
    except struct.error as error:
        raise shards.missing(f"{file} cannot be read as GGUF (it ends too early)") from error
    except shards.UNREADABLE as error:
        raise shards.missing(f"{file} cannot be read as GGUF ({shards.reason(error)})") from error


class _Reader:
    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._at = 0

    def values(self) -> dict[str, Any]:
        magic, version, tensors, count = self._take("4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError("it does not begin as one of version 2 or 3")
        found = {self._string(): self._value(self._take("I")[0]) for _ in range(count)}
        last = 0
        for _ in range(tensors):
            self._string()
            (dimensions,) = self._take("I")
            *_, offset = self._take(f"{dimensions}QIQ")
            last = max(last, offset)
        if self._at + last >= len(self._content):
            raise ValueError("it ends before its last tensor")
        return found

    def _take(self, form: str) -> tuple[Any, ...]:
        taken = struct.unpack_from(f"<{form}", self._content, self._at)
        self._at += struct.calcsize(f"<{form}")
        return taken

    def _string(self) -> str:
        (length,) = self._take("Q")
        return str(self._take(f"{length}s")[0], "utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            inner, length = self._take("IQ")
            if inner in _SCALARS:
                return list(self._take(f"{length}{_SCALARS[inner]}"))
            return [self._value(inner) for _ in range(length)]
        return self._take(_SCALARS[kind])[0]
