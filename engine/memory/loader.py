"""Model files into a module, tensor by tensor, each straight to its device and form.

Main memory holds one tensor at a time beside what stays there: a file is memory-mapped, and a tensor that is
already in its form, packed or not, is used from the map.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn

from engine.files import gguf, quantized, shards
from engine.files.shards import Entry, Part, Shape
from engine.memory.sizes import PACKED, ROTATED, SCALE, WEIGHT, Weights
from engine.memory.weights import Packed, PackedLinear, possible
from engine.pulse import PULSE

Place = Callable[[str], torch.device]
Form = Callable[[str, torch.Size], Weights]
_MATRICES = (nn.Linear, nn.Embedding)
_GGUF_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
}  # fmt: skip
MODEL = "model."
"""What a language model's file puts before the names of its body."""

log = logging.getLogger(__name__)


def empty(build: Callable[[], Any]) -> Any:
    """Build a module whose parameters are only shapes; its computed buffers are real."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        return build()


def fill(
    module: nn.Module,
    part: Part,
    dtype: torch.dtype,
    device: torch.device,
    place: Place,
    form: Form,
    joined: Iterable[Sequence[str]] = (),
) -> None:
    """Give every parameter of `module` its value from the files of `part`; raises what `match` raises.

    The other arguments are those of `put`.
    """
    matched = match(module, part)
    for remark in matched.remarks:
        log.warning("%s", remark)
    put(module, matched.values(), dtype, device, place, form, joined)


def put(
    module: nn.Module,
    values: Iterable[tuple[str, Tensor | Packed]],
    dtype: torch.dtype,
    device: torch.device,
    place: Place,
    form: Form,
    joined: Iterable[Sequence[str]] = (),
) -> None:
    """Give parameters of `module` their values by name.

    `place` says where a tensor goes, `form` how it is kept; packing is computed on `device`. Each of `joined`
    names matrices of equal width and place that lie side by side where they are kept plain. Joining them
    afterwards would leave holes in the device's memory.
    """
    rows = _Rows(module, joined)
    for name, tensor in values:
        PULSE.beat()
        path, _, leaf = name.rpartition(".")
        owner = module.get_submodule(path)
        expected = owner.get_parameter(leaf).shape
        chosen = form(name, expected) if leaf == "weight" and isinstance(owner, _MATRICES) else "plain"
        if isinstance(tensor, Packed):
            wide = dtype if chosen == "plain" else torch.float32
            tensor = tensor.kept_as(possible(chosen, expected)) or tensor.unpacked(wide)
        if chosen == "gguf" and isinstance(tensor, Tensor):
            # What a GGUF file has not quantized.
            chosen = "bfloat16" if (tensor.dtype, dtype) == (torch.bfloat16, torch.float32) else "plain"
        if isinstance(tensor, Packed):
            _pack(module, path, tensor, chosen, device, place(name))
        elif chosen == "plain" or isinstance(owner, nn.Embedding):
            kept = torch.bfloat16 if chosen == "bfloat16" else dtype
            tensor = tensor.reshape(expected)
            value = rows.filled(name, tensor, place(name), kept)
            value = tensor.to(place(name), kept) if value is None else value
            owner._parameters[leaf] = nn.Parameter(value, requires_grad=False)
        else:
            _pack(module, path, tensor, chosen, device, place(name))


class _Rows:
    """The rows of larger tensors that matrices are views of."""

    def __init__(self, module: nn.Module, joined: Iterable[Sequence[str]]) -> None:
        self._rows: dict[str, tuple[Sequence[str], slice, int]] = {}
        self._whole: dict[Sequence[str], Tensor] = {}
        for names in joined:
            ends = list(accumulate(len(module.get_parameter(name)) for name in names))
            for name, first, last in zip(names, [0, *ends], ends, strict=False):
                self._rows[name] = names, slice(first, last), ends[-1]

    def filled(self, name: str, value: Tensor, place: torch.device, dtype: torch.dtype) -> Tensor | None:
        """Return the rows of a matrix with its value in them; None for one that is on its own."""
        if name not in self._rows:
            return None
        names, rows, count = self._rows[name]
        if names not in self._whole:
            self._whole[names] = torch.empty((count, value.shape[1]), dtype=dtype, device=place)
        return self._whole[names][rows].copy_(value)


class Source(NamedTuple):
    """What a parameter is read from: a tensor, and the one by which it is scaled."""

    value: Entry
    scale: Entry | None

    @property
    def shape(self) -> Shape:
        """The shape of what it stands for."""
        *rows, columns = self.value.shape or (1,)
        halves = self.value.name.endswith(PACKED) and self.value.dtype == "U8"
        return (*rows, 2 * columns) if halves else self.value.shape

    def read(self, open_file: Callable[[Path], Any]) -> Tensor | Packed:
        """Return the value from files that `open_file` opens."""
        value = _tensor(self.value, open_file)
        if self.value.dtype in quantized.GGUF:
            rows, columns = self.value.shape
            return Packed(value, None, "gguf", (rows, columns), self.value.dtype)
        if self.scale is None:
            return value
        scale = _tensor(self.scale, open_file)
        if self.value.name.endswith((PACKED, ROTATED)):
            return Packed.from_file(value, scale, self.value.name.endswith(ROTATED))
        return value.float() * scale.float().reshape(-1, *(1,) * (value.ndim - 1))


@dataclass(frozen=True, slots=True)
class Matched:
    """The source of each parameter of a module, and remarks on the files."""

    sources: dict[str, Source]
    remarks: list[str]

    def values(self) -> Iterator[tuple[str, Tensor | Packed]]:
        """Yield every parameter's name and value, file by file."""
        with ExitStack() as files:
            open_file = cache(lambda file: files.enter_context(_opened(file)))
            for name, source in sorted(self.sources.items(), key=lambda each: (each[1].value.file, each[0])):
                yield name, source.read(open_file)


def _opened(file: Path) -> Any:
    """Return what reads tensors by their names, as a context manager."""
    with file.open("rb") as stream:
        is_gguf = stream.read(len(gguf.MAGIC)) == gguf.MAGIC
    return nullcontext(GgufTensors(file)) if is_gguf else safe_open(file, framework="pt")


def _tensor(entry: Entry, open_file: Callable[[Path], Any]) -> Tensor:
    tensor: Tensor = open_file(entry.file).get_tensor(entry.name)
    return tensor if entry.first is None else tensor[entry.first : entry.first + entry.shape[0]]


class GgufTensors:
    """The tensors of a GGUF file, from its map. Of quantized ones each row is its bytes."""

    def __init__(self, file: Path) -> None:
        # A private copy is written, never the file; torch wants memory that can be.
        self._bytes = torch.from_numpy(np.memmap(file, dtype=np.uint8, mode="c"))
        self._stored = gguf.read(file).tensors

    def get_tensor(self, name: str) -> Tensor:
        """Return a tensor by its name."""
        type, shape, offset, length = self._stored[name]
        content = self._bytes[offset : offset + length]
        if type in _GGUF_DTYPES:
            return content.view(_GGUF_DTYPES[type]).view(shape)
        return content.view(*shape[:-1], -1)


def match(module: nn.Module, part: Part) -> Matched:
    """Find the tensors of `part` for every parameter of `module`, by names, shapes and dtypes alone.

    Names may carry the prefix `model.`. A matrix that was prepared in fewer bits stands for its weight, and
    one in eight bits is read with its scale, per tensor or per row. Raises `EngineError("model_missing")` for
    a tensor that is not there or has another shape, for weights that were quantized otherwise, and for files
    of which too much would not be used.
    """
    expected = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    found = _found(part)
    sources = {name: source for name in expected if (source := _source(name, found)) is not None}
    used = {each.name for source in sources.values() for each in source if each is not None}
    unused = {
        name: each.name for name, each in found.items() if each.name not in used and not _is_spare(name)
    }
    layers = {*expected, *(name.rpartition(".")[0] for name in expected)} - {""}
    for name, entry in unused.items():
        if layers & {name[: dot.start()] for dot in re.finditer(r"[.]", name)}:
            raise quantized.refusal(
                part.folder, f"({quantized.method(name) or 'in an unknown way'}: {entry})"
            )
    for name, source in sources.items():
        _check(part, name, source, expected[name], found)
    lacking = expected.keys() - sources.keys()
    remarks = shards.judged(part.folder, len(part.tensors), lacking, unused.values())
    return Matched(sources, [*part.remarks, *remarks])


def _found(part: Part) -> dict[str, Entry]:
    """Return the tensors of a part by their names in a module."""
    found: dict[str, Entry] = {}
    for name, entry in part.tensors.items():
        other = found.setdefault(name.removeprefix(MODEL), entry)
        if other is not entry:
            raise shards.missing(f"{part.folder} holds both {other.name} and {entry.name}")
    return found


def _source(name: str, found: Mapping[str, Entry]) -> Source | None:
    """Return what a parameter is read from, None where nothing is there for it."""
    owner = name.removesuffix(WEIGHT)
    if name in found:
        scales = [owner + end for end in quantized.SCALES if name.endswith(WEIGHT)]
        return Source(found[name], next((found[scale] for scale in scales if scale in found), None))
    values = next((found[owner + end] for end in (PACKED, ROTATED) if owner + end in found), None)
    return Source(values, found[owner + SCALE]) if values is not None and owner + SCALE in found else None


def _check(part: Part, name: str, source: Source, expected: Shape, found: Mapping[str, Entry]) -> None:
    """Refuse a tensor that is not what the parameter `name` needs; sides of 1 may be left out."""
    entry, scale = source
    if entry.name.endswith((PACKED, ROTATED)):
        entry = entry._replace(shape=source.shape)
    elif scale is None:
        quantized.refuse_dtype(part, entry.name, entry)
    elif entry.dtype not in quantized.SCALED or not quantized.is_plain(scale.shape, entry.shape):
        raise quantized.refusal(part.folder, f"({scale.name} is no scale per tensor or row)")
    elif entry.dtype == "I8" and name.removesuffix(WEIGHT) + quantized.RECIPE in found:
        raise quantized.refusal(part.folder, f"by ComfyUI ({entry.name} is I8)")
    if [side for side in entry.shape if side != 1] != [side for side in expected if side != 1]:
        raise shards.missing(f"{part.folder}: {entry.name} is {entry.shape}, its config.json says {expected}")


def _is_spare(name: str) -> bool:
    """Say whether an unused tensor is expected: an output head, or one that is computed."""
    return (
        name.startswith("lm_head.")
        or name.endswith(("inv_freq", "position_ids"))
        or quantized.is_beside(name)
    )


def _pack(
    module: nn.Module,
    path: str,
    weight: Tensor | Packed,
    form: Weights,
    device: torch.device,
    place: torch.device,
) -> None:
    parent, _, child = path.rpartition(".")
    owner = module.get_submodule(parent)
    bias = owner._modules[child]._parameters.get("bias")  # type: ignore[union-attr]
    given = weight if isinstance(weight, Packed) else weight.to(device)
    packed = PackedLinear(given, None if bias is None else bias.data, form)
    for name, buffer in packed.named_buffers():
        setattr(packed, name, buffer.to(place))
    owner._modules[child] = packed
