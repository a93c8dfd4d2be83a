"""A model's files in the precision it is computed in, converted once: half the disk or less, a faster start.

A safetensors file is eight bytes of header length, a JSON header, raw tensors. Works shard by shard
and tensor by tensor, so that main memory holds one tensor whatever the model's size. A finished shard has its
final name, an unfinished one ends in `.part`: run again, only what is missing is done. In fewer bits the
large matrices of transformer and text encoder are packed as `engine.memory.weights` keeps them, `name.weight`
becoming `name.packed`, or `name.rotated`, and `name.scale`; all else is bfloat16, and the header's metadata
says `weights` with the form.
"""

import json
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor

from engine.files import quantized, shards
from engine.files.shards import Part
from engine.memory import sizes
from engine.memory.sizes import Weights
from engine.memory.weights import GROUP, Packed, possible
from engine.models.registry import OURS, kind
from engine.types import EngineError

CODES = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}
NARROWED = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Dtypes that are converted; integers and other programs' eight-bit floats stay as they are."""
CONVERTED = ("text_encoder", "transformer", "vae", "unet", "text_encoder_2")
PART = ".part"

Say = Callable[[str], None]
Show = Callable[[int, int], None]
"""Takes how many bytes are written or read back, and how many there are to write and read back."""


class Entry(NamedTuple):
    """A tensor in a file: its name, its dtype's code, its shape, its bytes."""

    name: str
    code: str
    shape: list[int]
    length: int


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a conversion: `dtype`, and the form `weights` of the large matrices of equal `blocks`."""

    dtype: torch.dtype
    weights: Weights = "plain"
    blocks: int = 0

    def form(self, name: str, shape: list[int]) -> Weights:
        """Return the form of a tensor that is converted."""
        if not (sizes.is_linear(name, tuple(shape)) and name.endswith(sizes.WEIGHT)):
            return "plain"
        return possible(sizes.form_in_block(self.weights, name, self.blocks), shape)

    def entries(self, name: str, shape: list[int], code: str, length: int) -> list[Entry]:
        """Return the entries that replace a tensor of this dtype code and `length` bytes."""
        if code not in NARROWED:
            return [Entry(name, code, shape, length)]
        form = self.form(name, shape)
        if form == "plain":
            count = int(torch.Size(shape).numel())
            return [Entry(name, CODES[self.dtype], shape, count * self.dtype.itemsize)]
        owner, (rows, columns) = name.removesuffix(sizes.WEIGHT), shape
        width, groups = (columns // 2, columns // GROUP) if form == "4bit" else (columns, 1)
        end = sizes.ROTATED if form == "int8-fast" else sizes.PACKED
        return [
            Entry(owner + end, _PACKED_CODES[form], [rows, width], rows * width),
            Entry(owner + sizes.SCALE, "F32", [rows, groups], 4 * rows * groups),
        ]

    def converted(self, name: str, tensor: Tensor) -> list[Tensor]:
        """Return the tensors that `entries` describes."""
        if tensor.dtype not in NARROWED.values():
            return [tensor]
        form = self.form(name, list(tensor.shape))
        return [tensor.to(self.dtype)] if form == "plain" else list(Packed.of(tensor, form).for_file())


_PACKED_CODES: dict[Weights, str] = {
    "int8": "I8", "int8-fast": "I8", "float8": "F8_E4M3", "float8-fast": "F8_E4M3", "4bit": "U8",
}  # fmt: skip
DTYPES = {
    "bf16": Target(torch.bfloat16),
    "fp16": Target(torch.float16),
    "fp32": Target(torch.float32),
    "int8": Target(torch.bfloat16, "int8"),
    "float8": Target(torch.bfloat16, "float8"),
    "4bit": Target(torch.bfloat16, "4bit"),
    "int8-fast": Target(torch.bfloat16, "int8-fast"),
    "float8-fast": Target(torch.bfloat16, "float8-fast"),
}


def prepare(source: Path, out: Path, dtype: str, say: Say, show: Show = lambda done, total: None) -> None:
    """Write the model in `source` to `out` as `dtype` says, one of `DTYPES`.

    `say` takes a line for each finished file, `show` the progress in between.

    Raises `EngineError`: `bad_input` for a wrong dtype or place, `numerics` for a value that does not fit
    the dtype, `model_missing` for an unreadable shard or a result that differs from its source.
    """
    if dtype not in DTYPES:
        raise EngineError("bad_input", f"dtype {dtype!r} is not known; use {', '.join(DTYPES)}")
    if source.resolve() in (out.resolve(), *out.resolve().parents):
        raise EngineError("bad_input", f"--out {out} is in the model's own folder; choose another")
    if DTYPES[dtype].weights != "plain" and kind(str(source)) not in OURS:
        raise EngineError("bad_input", f"{dtype} is for Z-Image models; use bf16 for {source}")
    parts = [shards.read(source / name) for name in CONVERTED if (source / name).is_dir()]
    for part in parts:
        if any(name.endswith(sizes.PACKED) for name in part.tensors):
            raise EngineError(
                "bad_input", f"{source} is in fewer bits already; start from the original model"
            )
        quantized.refuse(part, shards.json_object(part.folder / "config.json"))
    targets = {file: _target(part, dtype) for part in parts for file in part.files}
    lengths = {file: _length(file, kept) for file, kept in targets.items()}
    _room(out, sum(lengths.values()))
    done, total = 0, 2 * sum(lengths.values())
    for file in _others(source, parts):
        target = out / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    for part in parts:
        if part.index is not None:
            _write_index(part, out / part.index.relative_to(source), _target(part, dtype))
    for file, kept in targets.items():
        target = out / file.relative_to(source)
        if target.exists() and _same(file, target, kept):
            done += 2 * lengths[file]
            say(f"{target}: is there already")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        for length in convert(file, target, kept):
            done += length
            show(done, total)
        say(f"{target}: {target.stat().st_size / 2**20:,.0f} MiB")


def convert(source: Path, target: Path, kept: Target) -> Iterator[int]:
    """Convert one safetensors file, read the result back and compare every tensor, then give it its name.

    Yields the bytes of each tensor once it is written, and again once it is compared.
    """
    part = target.with_name(target.name + PART)
    with part.open("wb") as stream:
        yield from _write(source, stream, kept)
    with safe_open(source, framework="pt") as old, safe_open(part, framework="pt") as new:
        for name, entries in _plan(source, kept).items():
            for entry, tensor in zip(entries, kept.converted(name, old.get_tensor(name)), strict=True):
                if not torch.equal(_raw(tensor), _raw(new.get_tensor(entry.name))):
                    raise EngineError(
                        "model_missing",
                        f"{part}: {entry.name} was not written as it should be; check the disk",
                    )
                yield entry.length
    part.replace(target)


def _write(source: Path, stream: BinaryIO, kept: Target) -> Iterator[int]:
    plan = _plan(source, kept)
    stream.write(_encoded(_header(plan, kept)))
    with safe_open(source, framework="pt") as tensors:
        for name in plan:
            tensor = tensors.get_tensor(name)
            for converted in kept.converted(name, tensor):
                if converted.dtype in CODES and converted.isinf().sum() > tensor.isinf().sum():
                    raise EngineError(
                        "numerics",
                        f"{source}: {name} has values too large for {CODES[converted.dtype]}; use bf16",
                    )
                stream.write(_raw(converted).numpy().data)
                yield converted.nbytes


def _plan(source: Path, kept: Target) -> dict[str, list[Entry]]:
    """Return what each tensor of a file becomes, in the file's order."""
    plan = {}
    for name, entry in shards.header(source).items():
        first, last = entry["data_offsets"]
        plan[name] = kept.entries(name, entry["shape"], entry["dtype"], last - first)
    return plan


def _header(plan: dict[str, list[Entry]], kept: Target) -> dict[str, Any]:
    """Return the header of the converted file."""
    packed = {} if kept.weights == "plain" else {"weights": kept.weights}
    header: dict[str, Any] = {shards.METADATA: {"format": "pt", **packed}}
    place = 0
    for name, code, shape, length in (entry for entries in plan.values() for entry in entries):
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [place, place + length]}
        place += length
    return header


def _same(source: Path, target: Path, kept: Target) -> bool:
    """Say whether a finished shard is what the source would become: its header, and its whole length."""
    expected = _header(_plan(source, kept), kept)
    size = len(_encoded(expected)) + _length(source, kept)
    del expected[shards.METADATA]
    try:
        return target.stat().st_size == size and shards.header(target) == expected
    except EngineError:
        return False


def _encoded(header: dict[str, Any]) -> bytes:
    """Return the head of a file: its length, then JSON filled up with spaces to a multiple of eight."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _write_index(part: Part, target: Path, kept: Target) -> None:
    plans = {file: _plan(file, kept) for file in part.files}
    total = sum(_length(file, kept) for file in part.files)
    listed = {
        converted.name: entry.file.name
        for name, entry in part.tensors.items()
        for converted in plans[entry.file][name]
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    index = {"metadata": {"total_size": total}, "weight_map": listed}
    target.write_text(json.dumps(index, indent=2), "utf-8")


def _target(part: Part, dtype: str) -> Target:
    """Return what the tensors of a part become; only some are packed, and one is multiplied so."""
    target = DTYPES[dtype]
    if part.folder.name == "transformer":
        found = {block[1] for name in part.tensors if (block := sizes.BLOCK.search(name))}
        return replace(target, blocks=len(found))
    if part.folder.name == "text_encoder":
        return replace(target, weights=sizes.STORED.get(target.weights, target.weights))
    return Target(target.dtype)


def _length(source: Path, kept: Target) -> int:
    """Return the bytes of a converted file's tensors."""
    return sum(entry.length for entries in _plan(source, kept).values() for entry in entries)


def _raw(tensor: Tensor) -> Tensor:
    return tensor.contiguous().flatten().view(torch.uint8)


def _others(source: Path, parts: Sequence[Part]) -> Iterator[Path]:
    """Yield what is copied as it is: configurations, tokenizers, previews, licences."""
    converted, indexes = {part.folder for part in parts}, {part.index for part in parts}
    small = (".json", ".txt", ".jinja", ".model", ".md", ".safetensors")
    for file in sorted(source.rglob("*")):
        hidden = any(name.startswith(".") for name in file.relative_to(source).parts)
        weights = file.parent in converted and (
            file.suffix == shards.SUFFIX or ".safetensors.index." in file.name
        )
        if file.is_file() and file.suffix in small and file not in indexes and not hidden and not weights:
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
