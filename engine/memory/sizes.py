"""How large a model's parts are, from the headers of its files; no weight is read."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from engine.files import quantized, shards
from engine.files.parts import PARTS, ModelFiles
from engine.files.shards import Entry, Part, Shape

BLOCK = re.compile(r"(?:^|\.)layers\.(\d+)\.")
WEIGHT, SCALE = ".weight", ".scale"
PACKED, ROTATED = ".packed", ".rotated"
"""How a matrix's name ends where a scale stands beside it in fewer bits: as it is, and rotated first."""
_UP = re.compile(r"^decoder\.up_blocks\.(\d+)\.resnets\.0\.conv1\.weight$")

Weights = Literal["plain", "bfloat16", "int8", "float8", "4bit", "gguf", "int8-fast", "float8-fast"]
"""The form in which large matrices are kept; `gguf` is whatever blocks the file has, those that are fast are
multiplied as they are kept."""
STORED: dict[Weights, Weights] = {"int8-fast": "int8", "float8-fast": "float8"}
"""The form that takes as much and is unpacked for each product."""


class GgufSizes(NamedTuple):
    """What stays quantized of a GGUF part, in bytes, and the numbers that don't, in a block and around."""

    block: int
    block_other: int
    rest: int
    rest_other: int


@dataclass(frozen=True, slots=True)
class Stack:
    """A part with equal blocks, in parameters: a block's `linear` matrices and what else it holds.

    `rest` is everything outside the blocks; `embedding` the share of it that is a token table. `gguf` is
    there where the files are GGUF and quantized.
    """

    blocks: int
    linear: int
    other: int
    rest: int
    embedding: int = 0
    gguf: GgufSizes | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """A whole model. `token_values` are the numbers alive at once for one image token in a forward,
    `wide` and `narrow` the channels of the VAE's last up block, before and after its first convolution;
    `weights` is the form the files were prepared in."""

    transformer: Stack
    text_encoder: Stack
    vae: int
    token_values: int
    wide: int
    narrow: int
    weights: Weights = "plain"


Z_IMAGE = Sizes(
    transformer=Stack(blocks=30, linear=176_947_200, other=3_963_136, rest=726_600_000),
    text_encoder=Stack(blocks=36, linear=100_925_440, other=5_376, rest=388_959_488, embedding=388_956_160),
    vae=83_819_683,
    token_values=84_480,
    wide=256,
    narrow=128,
)
"""Z-Image-Turbo, for a plan before it is downloaded."""


_REFINERS = 4 * Z_IMAGE.transformer.linear
"""Numbers of Z-Image's matrices outside its blocks that stay quantized."""


def of_gguf(transformer: int, text_encoder: int) -> Sizes:
    """Return Z-Image-Turbo's sizes with parts in GGUF files of so many bytes, before they are downloaded."""

    def quantized_stack(stack: Stack, size: int, refiners: int = 0) -> Stack:
        each = size / (stack.blocks * (stack.linear + stack.other) + stack.rest)
        gguf = GgufSizes(int(each * stack.linear), stack.other, int(each * refiners), stack.rest - refiners)
        return replace(stack, gguf=gguf)

    return replace(
        Z_IMAGE,
        transformer=quantized_stack(Z_IMAGE.transformer, transformer, _REFINERS),
        text_encoder=quantized_stack(Z_IMAGE.text_encoder, text_encoder),
    )


def read(files: ModelFiles) -> Sizes:
    """Measure a model; raises `EngineError("model_missing")` for an unreadable file."""
    transformer, text_encoder, vae = map(files.read, PARTS)
    measured = of(*(dict(shapes(part)) for part in (transformer, text_encoder, vae)))
    measured = replace(
        measured,
        transformer=replace(measured.transformer, gguf=_gguf(transformer, measured.transformer.blocks)),
        text_encoder=replace(measured.text_encoder, gguf=_gguf(text_encoder, measured.text_encoder.blocks)),
    )
    if transformer.is_single:
        return measured
    prepared = {shards.metadata(file).get("weights") for file in transformer.files}
    return replace(measured, weights=next((form for form in get_args(Weights) if form in prepared), "plain"))


def of(transformer: dict[str, Shape], text_encoder: dict[str, Shape], vae: dict[str, Shape]) -> Sizes:
    """Measure a model from its tensors' names and shapes."""
    wide, narrow = _last_up_block(vae)
    return Sizes(
        transformer=_stack(transformer),
        text_encoder=_stack(text_encoder),
        vae=sum(map(math.prod, vae.values())),
        token_values=6 * max((sum(shape) for shape in transformer.values() if len(shape) == 2), default=0),
        wide=wide,
        narrow=narrow,
    )


def shapes(part: Part) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of every tensor that is read of a part.

    A packed matrix counts by its unpacked shape.
    """
    tensors = part.tensors
    for name, entry in tensors.items():
        owner = name.removesuffix(PACKED).removesuffix(ROTATED).removesuffix(SCALE)
        if owner + PACKED not in tensors and owner + ROTATED not in tensors:
            yield name, entry.shape
        elif name.endswith((PACKED, ROTATED)):
            rows, columns = entry.shape
            yield owner + WEIGHT, (rows, columns * (2 if entry.dtype == "U8" else 1))


def is_linear(name: str, shape: Shape) -> bool:
    """Say whether a tensor is one of a block's large matrices, which may be stored in fewer bits.

    The modulation (adaLN) is small and sensitive, and stays as it is.
    """
    return len(shape) == 2 and BLOCK.search(name) is not None and "adaLN" not in name


def form_in_block(weights: Weights, name: str, blocks: int) -> Weights:
    """Return the form of a large matrix of one of `blocks` where they are kept as `weights`.

    The first and the last block lose most by products in eight bits and stay whole.
    """
    block = BLOCK.search(name)
    is_edge = block is not None and int(block[1]) in (0, blocks - 1)
    return "plain" if weights in STORED and is_edge else weights


def keeps_gguf(name: str, shape: Shape) -> bool:
    """Say whether a tensor that is quantized in a GGUF file stays so: a block's or a refiner's matrix."""
    return is_linear(name, shape) or (len(shape) == 2 and "refiner." in name and "adaLN" not in name)


def _gguf(part: Part, blocks: int) -> GgufSizes | None:
    kept = {
        name: entry
        for name, entry in part.tensors.items()
        if entry.dtype in quantized.GGUF and keeps_gguf(name, entry.shape)
    }
    if not kept:
        return None
    others = {name: entry for name, entry in part.tensors.items() if name not in kept}

    def inside(entries: dict[str, Entry], is_inside: bool, size: Callable[[Entry], int]) -> int:
        found = (size(entry) for name, entry in entries.items() if bool(BLOCK.search(name)) == is_inside)
        return sum(found)

    def numbers(entry: Entry) -> int:
        return math.prod(entry.shape)

    each = max(blocks, 1)
    return GgufSizes(
        inside(kept, True, _packed_bytes) // each,
        inside(others, True, numbers) // each,
        inside(kept, False, _packed_bytes),
        inside(others, False, numbers),
    )


def _packed_bytes(entry: Entry) -> int:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    block, size = GGML_QUANT_SIZES[GGMLQuantizationType[entry.dtype]]
    return math.prod(entry.shape) // int(block) * int(size)


def _stack(tensors: dict[str, Shape]) -> Stack:
    inside = {name: shape for name, shape in tensors.items() if BLOCK.search(name)}
    linear = sum(math.prod(shape) for name, shape in inside.items() if is_linear(name, shape))
    total = sum(map(math.prod, inside.values()))
    blocks = len({BLOCK.search(name)[1] for name in inside})  # type: ignore[index]
    outside = {name: shape for name, shape in tensors.items() if name not in inside}
    table = sum(math.prod(shape) for name, shape in outside.items() if "embed_tokens" in name)
    each = max(blocks, 1)
    return Stack(
        blocks, linear // each, (total - linear) // each, sum(map(math.prod, outside.values())), table
    )


def _last_up_block(vae: dict[str, Shape]) -> tuple[int, int]:
    found = {int(match[1]): shape for name, shape in vae.items() if (match := _UP.match(name))}
    narrow, wide = found[max(found)][:2] if found else (0, 0)
    return wide, narrow
