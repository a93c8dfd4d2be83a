"""A model's files in the precision it is computed in, converted once: half the disk, a faster start.

Knows the safetensors format: eight bytes of header length, a JSON header, raw tensors. Works shard by shard
and tensor by tensor, so that main memory holds one tensor whatever the model's size. A finished shard has its
final name, an unfinished one ends in `.part`: run again, only what is missing is done.
"""

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import safe_open
from torch import Tensor

from engine.memory import sizes
from engine.types import EngineError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
CODES = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}
NARROWED = ("F64", "F32", "F16", "BF16")
"""What is converted; whole numbers stay as they are."""
CONVERTED = ("text_encoder", "transformer", "vae", "unet", "text_encoder_2")
PART = ".part"

Say = Callable[[str], None]


def prepare(source: Path, out: Path, dtype: str, say: Say) -> None:
    """Write the model in `source` to `out` with every floating tensor as `dtype` (bf16, fp16 or fp32).

    Raises `EngineError`: `bad_input` for a wrong dtype or place, `numerics` for a value that does not fit
    the dtype, `model_missing` for an unreadable shard or a result that differs from its source.
    """
    if dtype not in DTYPES:
        raise EngineError("bad_input", f"dtype {dtype!r} is not known; use {', '.join(DTYPES)}")
    if out.resolve() == source.resolve():
        raise EngineError("bad_input", f"--out {out} is the model itself; choose another folder")
    needed = sum(sum(_plan(file, DTYPES[dtype])[1]) for file in _shards(source))
    _room(out, needed)
    for file in _others(source):
        target = out / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.name.endswith(".safetensors.index.json"):
            _write_index(file, target, DTYPES[dtype])
        else:
            shutil.copyfile(file, target)
    for file in _shards(source):
        target = out / file.relative_to(source)
        if target.exists() and _same(file, target, DTYPES[dtype]):
            say(f"{target}: is there already")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        convert(file, target, DTYPES[dtype])
        say(f"{target}: {target.stat().st_size / 2**20:,.0f} MiB")


def convert(source: Path, target: Path, dtype: torch.dtype) -> None:
    """Convert one safetensors file, read the result back and compare every tensor, then give it its name."""
    part = target.with_name(target.name + PART)
    with part.open("wb") as stream:
        _write(source, stream, dtype)
    with safe_open(source, framework="pt") as old, safe_open(part, framework="pt") as new:
        for name in old.keys():  # noqa: SIM118 - the opened file is no mapping
            if not torch.equal(_converted(old.get_tensor(name), dtype), new.get_tensor(name)):
                raise EngineError(
                    "model_missing", f"{part}: {name} was not written as it should be; check the disk"
                )
    part.replace(target)


def _write(source: Path, stream: BinaryIO, dtype: torch.dtype) -> None:
    header, _ = _plan(source, dtype)
    stream.write(_encoded(header))
    with safe_open(source, framework="pt") as opened:
        for name in header:
            if name == "__metadata__":
                continue
            tensor = opened.get_tensor(name)
            narrowed = _converted(tensor, dtype)
            if tensor.is_floating_point() and bool((narrowed.isinf() & ~tensor.isinf()).any()):
                raise EngineError(
                    "numerics", f"{source}: {name} has values too large for {CODES[dtype]}; use bf16"
                )
            stream.write(narrowed.contiguous().flatten().view(torch.uint8).numpy().data)


def _plan(source: Path, dtype: torch.dtype) -> tuple[dict[str, Any], list[int]]:
    """Return the header of the converted file and the bytes of each tensor."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    lengths: list[int] = []
    place = 0
    for name, entry in sizes.header(source).items():
        first, last = entry["data_offsets"]
        count, length, code = _count(entry["shape"]), last - first, str(entry["dtype"])
        if code in NARROWED:
            length, code = count * torch.empty((), dtype=dtype).element_size(), CODES[dtype]
        header[name] = {"dtype": code, "shape": entry["shape"], "data_offsets": [place, place + length]}
        lengths.append(length)
        place += length
    return header, lengths


def _same(source: Path, target: Path, dtype: torch.dtype) -> bool:
    """Say whether a finished shard is what the source would become: its header, and its whole length."""
    expected, lengths = _plan(source, dtype)
    size = len(_encoded(expected)) + sum(lengths)
    del expected["__metadata__"]
    try:
        return target.stat().st_size == size and sizes.header(target) == expected
    except EngineError:
        return False


def _encoded(header: dict[str, Any]) -> bytes:
    """Return the head of a file: its length, then JSON filled up with spaces to a multiple of eight."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _write_index(source: Path, target: Path, dtype: torch.dtype) -> None:
    index = json.loads(source.read_bytes())
    shards = source.parent.glob("*.safetensors")
    index["metadata"] = {"total_size": sum(sum(_plan(shard, dtype)[1]) for shard in shards)}
    target.write_text(json.dumps(index, indent=2), "utf-8")


def _converted(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _count(shape: list[int]) -> int:
    return int(torch.Size(shape).numel())


def _shards(source: Path) -> Iterator[Path]:
    for part in CONVERTED:
        yield from sorted((source / part).glob("*.safetensors"))


def _others(source: Path) -> Iterator[Path]:
    """Yield what is copied as it is: configurations, tokenizers, previews, licences."""
    shards = set(_shards(source))
    small = (".json", ".txt", ".jinja", ".model", ".md", ".safetensors")
    for file in sorted(source.rglob("*")):
        hidden = any(name.startswith(".") for name in file.relative_to(source).parts)
        if file.is_file() and file.suffix in small and file not in shards and not hidden:
            yield file


def _room(out: Path, needed: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    there = sum(file.stat().st_size for file in out.rglob("*.safetensors"))
    free = shutil.disk_usage(out).free + there
    if free < needed:
        raise EngineError(
            "bad_input",
            f"{out} has room for {free / 2**30:.1f} GiB, the model needs {needed / 2**30:.1f}; free some",
        )
