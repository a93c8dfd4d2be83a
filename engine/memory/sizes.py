"""How large a model's parts are, from the headers of its safetensors files; no weight is read."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from engine.files import shards
from engine.files.shards import Shape

BLOCK = re.compile(r"(?:^|\.)layers\.(\d+)\.")
WEIGHT, PACKED, SCALE = ".weight", ".packed", ".scale"
"""How a matrix's name ends, and those of the two tensors that stand for it in fewer bits."""
_UP = re.compile(r"^decoder\.up_blocks\.(\d+)\.resnets\.0\.conv1\.weight$")

Weights = Literal["plain", "bfloat16", "int8", "float8", "4bit"]
"""The form in which large matrices are kept."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A part with equal blocks, in parameters: a block's `linear` matrices and what else it holds.

    `rest` is everything outside the blocks; `embedding` the share of it that is a token table.
    """

    blocks: int
    linear: int
    other: int
    rest: int
    embedding: int = 0


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


def read(folder: Path) -> Sizes:
    """Measure the model in `folder`; raises `EngineError("model_missing")` for an unreadable file."""
    measured = of(*(dict(shapes(folder / part)) for part in ("transformer", "text_encoder", "vae")))
    prepared = {shards.metadata(file).get("weights") for file in shards.read(folder / "transformer").files}
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


def shapes(folder: Path) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of every tensor that is read of the part in `folder`.

    A packed matrix counts by its unpacked shape.
    """
    tensors = shards.read(folder).tensors
    for name, entry in tensors.items():
        owner = name.removesuffix(PACKED).removesuffix(SCALE)
        if owner + PACKED not in tensors:
            yield name, entry.shape
        elif name.endswith(PACKED):
            rows, columns = entry.shape
            yield owner + WEIGHT, (rows, columns * (2 if entry.dtype == "U8" else 1))


def is_linear(name: str, shape: Shape) -> bool:
    """Say whether a tensor is one of a block's large matrices, which may be stored in fewer bits.

    The modulation (adaLN) is small and sensitive, and stays as it is.
    """
    return len(shape) == 2 and BLOCK.search(name) is not None and "adaLN" not in name


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
