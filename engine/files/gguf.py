"""GGUF files: the values before their tensors, and where each tensor lies, checked against the file's length.

Reads no weight. The format is llama.cpp's, version 2 or 3, little-endian:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The `gguf` package has a reader, too, which builds
an array for each of a tokenizer's hundred thousand words: seconds for what is asked of a file here.
"""

import math
import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

from engine.files import shards
from engine.files.shards import Shape

MAGIC = b"GGUF"
ARCHITECTURE = "general.architecture"
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_ALIGNMENT = 32


class Stored(NamedTuple):
    """A tensor of a file: its type's name (Q4_K, F16, …), its shape, where its bytes begin, and their number.

    In the last axis of a quantised one a block of numbers shares its scales.
    """

    type: str
    shape: Shape
    offset: int
    length: int


class Content(NamedTuple):
    """What a file says of itself."""

    values: dict[str, Any]
    tensors: dict[str, Stored]


def values(file: Path) -> dict[str, Any]:
    """Return name → value; raises as `read` does."""
    return read(file).values


def read(file: Path) -> Content:
    """Return everything but the weights.

    Raises `EngineError("model_missing")` for a file that is none, or not whole.
    """
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _Reader(content).read()
    except struct.error as error:
        raise shards.missing(f"{file} cannot be read as GGUF (it ends too early)") from error
    except shards.UNREADABLE as error:
        raise shards.missing(f"{file} cannot be read as GGUF ({shards.reason(error)})") from error


class _Reader:
    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._at = 0

    def read(self) -> Content:
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        magic, version, tensors, count = self._take("4sIQQ")
        if magic != MAGIC or version not in (2, 3):
            raise ValueError("it does not begin as one of version 2 or 3")
        values = {self._string(): self._value(self._take("I")[0]) for _ in range(count)}
        found = {}
        for _ in range(tensors):
            name, (dimensions,) = self._string(), self._take("I")
            *sides, number, offset = self._take(f"{dimensions}QIQ")
            # The file has the fastest axis first.
            shape, kind = tuple(reversed(sides)), GGMLQuantizationType(number)
            block, size = GGML_QUANT_SIZES[kind]
            numbers = math.prod(sides)
            if numbers % block or (shape and shape[-1] % block):
                raise ValueError(f"{name} has no whole number of {kind.name} blocks")
            found[name] = Stored(kind.name, shape, offset, numbers // block * size)
        alignment = int(values.get("general.alignment", _ALIGNMENT))
        start = -(-self._at // alignment) * alignment
        placed = {name: each._replace(offset=start + each.offset) for name, each in found.items()}
        whole = max((each.offset + each.length for each in placed.values()), default=0)
        if whole > len(self._content):
            raise ValueError(f"it has {len(self._content):,} bytes and should have {whole:,}")
        return Content(values, placed)

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
