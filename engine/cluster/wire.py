"""Tasks and events as bytes between machines: what they say as JSON, their files raw behind it.

A message is a list of values. Knows the dataclasses of the port and never runs what it reads. Whatever is not
as it should be is a `ValueError`.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from engine.runtime.messages import Failed
from engine.types import Event, Generate, Optimize, Picture, Progress, PromptReady, Task, Upscale

VERSION = 2
"""Grows with every change after which machines of two versions do not understand each other."""
FILES: dict[type, str] = {Generate: "init_image", Upscale: "image", Progress: "preview", Picture: "png"}
"""The field of each kind that is sent raw."""

Value = Task | Event | Failed
_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Generate, Optimize, Upscale, PromptReady, Progress, Picture, Failed)
}
_LENGTH = struct.Struct(">I")
_Heads = list[tuple[str, msgspec.Raw, int | None]]


def file_of(value: Value) -> bytes | None:
    """Return the file that a task or event carries."""
    name = FILES.get(type(value))
    file: bytes | None = getattr(value, name) if name else None
    return file


def with_file(value: Any, file: bytes) -> Any:
    """Return a task or event with another file."""
    return replace(value, **{FILES[type(value)]: file})


def pack(values: Sequence[Value]) -> bytes:
    """Return tasks, events or failures as bytes; raises `ValueError` for a text that cannot be encoded."""
    heads: list[tuple[str, Value, int | None]] = []
    files: list[bytes] = []
    for value in values:
        file = file_of(value)
        if file is not None:
            files.append(file)
            value = with_file(value, b"")
        heads.append((type(value).__name__, value, None if file is None else len(file)))
    head = msgspec.json.encode(heads)
    return b"".join((_LENGTH.pack(len(head)), head, *files))


def unpack(data: bytes) -> list[Any]:
    """Return what was packed; raises `ValueError` for anything else."""
    values: list[Any] = []
    try:
        at = _LENGTH.size + _LENGTH.unpack_from(data)[0]
        for kind, raw, size in msgspec.json.decode(data[_LENGTH.size : at], type=_Heads):
            value = msgspec.json.decode(raw, type=_KINDS[kind])
            if size is not None:
                if type(value) not in FILES:
                    raise ValueError(f"a {kind} has no file")
                if not 0 <= size <= len(data) - at:
                    raise ValueError(f"the file of a {kind} is cut off")
                value, at = with_file(value, data[at : at + size]), at + size
            values.append(value)
    except (struct.error, KeyError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError(f"this is no message of version {VERSION}: {error!r}") from error
    if at != len(data):
        raise ValueError("the message is longer or shorter than it says")
    return values
