"""Which files hold the weights of a model's part, and which of their tensors are read.

Follows the names that diffusers and transformers give to files, their indexes and the headers of safetensors
files. Reads no weight.
"""

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from safetensors import SafetensorError

from engine.types import EngineError

SUFFIX, INDEX = ".safetensors", ".safetensors.index.json"
METADATA = "__metadata__"
"""The key under which a header keeps its metadata."""
PER_UNUSED = 100
"""Tensors of which one may be of no use, such as a training script's step counter. One block that the
configuration does not know is more (13 of 453 in Z-Image's transformer), a second checkpoint half of all."""
SHOWN = 3
"""How many names a sentence shows."""
_POINTER = b"version "
_WRONG_TYPE = (TypeError, LookupError, AttributeError, AssertionError, ArithmeticError)
UNREADABLE = (OSError, ValueError, RuntimeError, SafetensorError, *_WRONG_TYPE)
"""What the readers of configurations and files raise for content that makes no sense."""

Shape = tuple[int, ...]


class Entry(NamedTuple):
    """A tensor's file, dtype (GGUF's types by their names, such as Q4_K), shape and name in the file.

    Where other programs keep several matrices in one, `first` is the row at which it begins there.
    """

    file: Path
    dtype: str
    shape: Shape
    name: str
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model. `tensors` are all that is read of it.

    `folder` may be a single file. `variant` is that of the file names, such as fp16; `index` the file that
    names the shards, None for one file. `unread` are other weights files of the folder, `unlisted` tensors of
    the shards that the index does not have there.
    """

    folder: Path
    tensors: dict[str, Entry]
    variant: str
    index: Path | None
    unread: tuple[str, ...]
    unlisted: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """The files that hold the tensors."""
        return sorted({entry.file for entry in self.tensors.values()})

    @property
    def is_single(self) -> bool:
        """Whether it is one file of another program, and no folder."""
        return self.files == [self.folder]

    @property
    def remarks(self) -> list[str]:
        """Remarks on other files in the folder."""
        beside = f"{self.folder}: not read, because no index names it: {some(self.unread)}"
        inside = f"{self.folder}: not read, because the index does not have it there: {some(self.unlisted)}"
        return [*([beside] if self.unread else []), *([inside] if self.unlisted else [])]


def read(folder: Path) -> Part:
    """Find the tensors of the part in `folder`: those its index names, without one those of the usual file.

    Raises `EngineError("model_missing")` that names the file at fault.
    """
    stem = "diffusion_pytorch_model" if "_class_name" in json_object(folder / "config.json") else "model"
    names = sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
    name, variant = _chosen(folder, stem, names)
    index = folder / name if name.endswith(".json") else None
    listed = None if index is None else _listed(index)
    files = sorted(set(listed.values())) if listed else [name]
    if lacking := [file for file in files if not (folder / file).is_file()]:
        raise missing(f"{folder} lacks {some(lacking)}, which {name} names")
    headers = {file: header(folder / file) for file in files}
    listed = listed or dict.fromkeys(headers[name], name)
    for tensor, file in listed.items():
        if tensor not in headers[file]:
            raise missing(f"{folder / file} lacks {tensor}, which {name} has there")
    tensors = {
        tensor: Entry(
            folder / file, headers[file][tensor]["dtype"], tuple(headers[file][tensor]["shape"]), tensor
        )
        for tensor, file in listed.items()
    }
    unread = tuple(file for file in names if file.endswith(SUFFIX) and file not in files)
    unlisted = tuple(tensor for file in files for tensor in headers[file] if listed.get(tensor) != file)
    return Part(folder, tensors, variant, index, unread, unlisted)


def judged(source: object, count: int, lacking: Iterable[str], unused: Iterable[str]) -> list[str]:
    """Return remarks on a model of `count` tensors that lacks some and has unexpected ones.

    Raises `EngineError("model_missing")` for any that is lacking, and for more unused ones than are harmless.
    """
    lacking, unused = sorted(lacking), sorted(unused)
    if lacking:
        others = f", and has others such as {some(unused)}" if unused else ""
        number = f"{len(lacking)} tensors: " if len(lacking) > 1 else ""
        raise missing(f"{source} lacks {number}{some(lacking)}{others}")
    if len(unused) * PER_UNUSED > max(PER_UNUSED, count):
        raise missing(
            f"{source} has {len(unused)} tensors of which its config.json knows nothing: {some(unused)}"
        )
    return [f"{source}: not used: {some(unused)}"] if unused else []


def json_object(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; raises `EngineError("model_missing")` for anything else."""
    try:
        values = json.loads(file.read_bytes())
    except OSError as error:
        raise missing(f"{file} cannot be read ({reason(error)})") from error
    except (ValueError, RecursionError) as error:
        raise missing(f"{file} is not JSON") from error
    if not isinstance(values, dict):
        raise missing(f"{file} holds no JSON object")
    return values


def header(file: Path) -> dict[str, dict[str, Any]]:
    """Return the header of a safetensors file: name → dtype, shape and data_offsets.

    Raises `EngineError("model_missing")` for a file that is none, or not whole.
    """
    return {name: entry for name, entry in _head(file).items() if name != METADATA}


def metadata(file: Path) -> dict[str, str]:
    """Return the metadata in a file's header; raises as `header` does."""
    return dict(_head(file).get(METADATA, {}))


def missing(fault: str) -> EngineError:
    """Return the error for files that are not what they should be."""
    return EngineError("model_missing", f"{fault}; fetch the model again")


def reason(error: BaseException) -> str:
    """Return in one line why something cannot be read."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).partition("\n")[0] or type(error).__name__


def some(names: Iterable[str]) -> str:
    """Return the first few names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if names[SHOWN:] else ""
    return ", ".join(names[:SHOWN]) + more


def _chosen(folder: Path, stem: str, names: list[str]) -> tuple[str, str]:
    """Return the name of the index or the file to read, and its variant."""
    indexes = [name for name in names if name.endswith(INDEX)]
    for name in (stem + INDEX, stem + SUFFIX, *(indexes if len(indexes) == 1 else ())):
        if name in names:
            return name, ""
    for pattern in (rf"{stem}\.safetensors\.index\.(\w+)\.json", rf"{stem}\.(\w+)\.safetensors"):
        found = [(name, match[1]) for name in names if (match := re.fullmatch(pattern, name))]
        if len(found) == 1:
            return found[0]
        if found:
            variants = ", ".join(variant for _, variant in found)
            raise EngineError(
                "model_missing", f"{folder} holds several variants ({variants}); leave one of them there"
            )
    weights = [name for name in names if name.endswith((SUFFIX, ".gguf", ".bin", ".ckpt", ".pt", ".pth"))]
    if any(re.fullmatch(rf"{stem}\S*-of-\d+\S*\.safetensors", name) for name in weights):
        raise missing(f"{folder} holds shards and no {stem + INDEX}, which says what is in them")
    others = f", only {some(weights)}" if weights else ""
    raise EngineError(
        "model_missing", f"{folder} has no {stem + SUFFIX}{others}; fetch the model in diffusers layout"
    )


def _listed(index: Path) -> dict[str, str]:
    """Return an index's tensor → file name."""
    listed = json_object(index).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise missing(f"{index} has no weight_map")
    for file in listed.values():
        if not isinstance(file, str) or PurePosixPath(file).name != file or not file.endswith(SUFFIX):
            raise missing(f"{index} names {file!r}, which is no {SUFFIX} file of its folder")
    return listed


def _head(file: Path) -> dict[str, Any]:
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            if start == _POINTER:
                raise ValueError("it is a Git LFS pointer, run `git lfs pull`")
            (length,) = struct.unpack("<Q", start)
            if length > size:
                raise ValueError("its header is longer than the file")
            values: dict[str, Any] = json.loads(stream.read(length))
        if not isinstance(values.get(METADATA, {}), dict):
            raise ValueError("its metadata are no object")
        ends = [entry["data_offsets"][1] for name, entry in values.items() if name != METADATA]
        whole = 8 + length + max(ends, default=0)
        if size != whole:
            raise ValueError(f"it has {size:,} bytes and should have {whole:,}")
        return values
    except (*UNREADABLE, struct.error) as error:
        raise missing(f"{file} cannot be read ({reason(error)})") from error
