"""A layout: where a model's parts are kept and in which form, and how much memory that takes.

Every byte count is an estimate on the safe side; nothing here touches a device. `engine.memory.planner`
chooses the layout.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from engine.memory.sizes import STORED, Sizes, Stack, Weights
from engine.types import image_tokens

Decode = Literal["whole", "strips", "tiles"]
GIB = 1024**3
MIB = 1024**2

KEPT_FREE = 200 * MIB
UNPACKING = 256 * MIB
"""One matrix of a block back in the computing precision, where weights are kept in fewer bits."""
HOST_BASE = 2 * GIB
"""Python, torch and one tensor on its way from disk."""
TILE = 512
"""Side of a VAE tile in pixels."""
SLOTS = 2
"""Streamed blocks on the device at once at least: one computes while the next arrives."""
CAPACITY = 4096
"""Image tokens of one forward on a device with memory of its own; one 1024×1024 picture."""

DTYPE_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
# A scale of four bytes for each row of a few thousand, or for each group of 64.
_WEIGHT_BYTES: dict[Weights, float] = {
    "bfloat16": 2.0, "4bit": 0.5625, **dict.fromkeys(("int8", "float8", "int8-fast", "float8-fast"), 1.002),
}  # fmt: skip


class Form(NamedTuple):
    """What a stack of blocks computes in, and the form its matrices are kept in."""

    dtype: str
    weights: Weights

    def outside(self, stack: Stack) -> float:
        """Bytes around the blocks; where those are kept in fewer bits, these are kept in bfloat16.

        So is what two blocks take more that stay whole, where the others are multiplied in fewer bits.
        """
        if self.weights == "gguf" and stack.gguf is not None:
            return stack.gguf.rest + stack.gguf.rest_other * 2
        if self.weights in STORED:
            return stack.rest * 2 + min(stack.blocks, 2) * stack.linear * (2 - _WEIGHT_BYTES[self.weights])
        return stack.rest * (DTYPE_BYTES[self.dtype] if self.weights == "plain" else 2)

    def block(self, stack: Stack) -> float:
        """Bytes of one block."""
        wide = DTYPE_BYTES[self.dtype]
        if self.weights == "gguf" and stack.gguf is not None:
            return stack.gguf.block + stack.gguf.block_other * wide
        return stack.linear * _WEIGHT_BYTES.get(self.weights, wide) + stack.other * wide

    def whole(self, stack: Stack) -> float:
        """Bytes of everything."""
        return self.outside(stack) + stack.blocks * self.block(stack)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The largest picture to plan for, and what the configuration insists on (`auto`: nothing)."""

    width: int = 1024
    height: int = 1024
    dtype: str = "auto"
    weights: str = "auto"


@dataclass(frozen=True, slots=True)
class Plan:
    """A layout. `dtype` is what is computed in, `weights` the form the blocks' matrices are kept in, where
    their files are not GGUF: those stay as they are, unless the configuration insists.

    `resident_blocks` of the transformer's `blocks` stay on the device, the others are streamed from main
    memory through `slots` places there. A streamed text encoder leaves the device after every prompt; its
    embedding is kept. `peak` and `host` are the expected bytes on the device and in main memory; on one
    shared memory `host` is 0.
    """

    kind: str
    dtype: str
    weights: Weights
    blocks: int
    resident_blocks: int
    text_encoder: Literal["resident", "streamed"]
    decode: Decode
    sizes: Sizes = field(repr=False)
    request: PlanRequest = field(repr=False)
    why: str = ""
    slots: int = SLOTS

    @property
    def streams(self) -> bool:
        """Whether some of the transformer's blocks are streamed."""
        return self.resident_blocks < self.blocks

    @property
    def plain(self) -> bool:
        """Whether every matrix of the transformer is on the device in the form it is multiplied in."""
        return self.form("transformer").weights == "plain" and not self.streams

    def report(self, width: int, height: int) -> dict[str, str | int]:
        """Return the layout in short, with the bytes expected on the device for such a picture."""
        there = replace(self, request=replace(self.request, width=width, height=height))
        return {
            "dtype": self.dtype,
            "weights": self.form("transformer").weights,
            "blocks": f"{self.resident_blocks} of {self.blocks} resident",
            "text_encoder": f"{self.text_encoder} in {self.form('text_encoder').dtype}",
            "decode": self.decode,
            "peak": there.peak,
        }

    def form(self, part: str) -> Form:
        """Return the form of `transformer` or `text_encoder`.

        Qwen3 leaves the range of float16, so it computes in float32 from the bfloat16 it was trained in. It
        runs once for a prompt and is not multiplied in fewer bits.
        """
        stack = self.sizes.text_encoder if part == "text_encoder" else self.sizes.transformer
        weights = "gguf" if stack.gguf is not None and self.request.weights == "auto" else self.weights
        if part == "text_encoder":
            weights = STORED.get(weights, weights)
        if part == "text_encoder" and self.dtype == "float16":
            return Form("float32", "bfloat16" if weights == "plain" else weights)
        return Form(self.dtype, weights)

    @property
    def has_ahead(self) -> bool:
        """Whether a place more for streamed blocks is worth a block less that stays.

        Where copying a block takes one to two and a half times what computing one does, it hides up to nine
        parts of a hundred of a forward; where it takes longer and most blocks are streamed, it costs some.
        """
        return 2 * self.resident_blocks >= self.blocks

    @property
    def peak(self) -> int:
        """Expected bytes on the device at the worst moment of a picture."""
        encoder = self.sizes.text_encoder
        encoding = SLOTS * self.form("text_encoder").block(encoder) if self.text_encoder == "streamed" else 0
        return int(self.held + max(encoding, self.transient(self.request.width, self.request.height)))

    @property
    def held(self) -> int:
        """Bytes on the device from one picture to the next."""
        sizes = self.sizes
        transformer, encoder = self.form("transformer"), self.form("text_encoder")
        held = transformer.outside(sizes.transformer) + self.resident_blocks * self.block_bytes
        held += sizes.vae * DTYPE_BYTES[self.dtype] + (self.slots * self.block_bytes if self.streams else 0)
        packed = transformer.weights != "plain" or encoder.weights != "plain"
        held += UNPACKING if packed and sizes.transformer.blocks else 0
        return int(held + (encoder.whole(sizes.text_encoder) if self.text_encoder == "resident" else 0))

    def transient(self, width: int, height: int) -> int:
        """Return the bytes that come and go while a picture of this size is drawn and decoded."""
        tokens = max(CAPACITY, image_tokens(width, height))
        denoising = tokens * self.sizes.token_values * DTYPE_BYTES[self.dtype]
        return int(max(denoising, self._decoding(width * height)))

    @property
    def host(self) -> int:
        """Expected bytes in main memory, beside the device's."""
        if self.kind != "cuda":
            return 0
        held = float(HOST_BASE) + self.streamed_bytes
        if self.text_encoder == "streamed":
            held += self.form("text_encoder").whole(self.sizes.text_encoder)
        return int(held)

    @property
    def streamed_bytes(self) -> int:
        """Bytes that cross to the device in every forward."""
        return int((self.blocks - self.resident_blocks) * self.block_bytes)

    @property
    def block_bytes(self) -> int:
        """Bytes of one block of the transformer."""
        return int(self.form("transformer").block(self.sizes.transformer))

    def tighter(self) -> "Plan | None":
        """Return the next plan that takes less of the device, or None when there is nothing left to give.

        What is exact comes first: strips, the text encoder streamed, fewer and fewer blocks; last the tiles.
        """
        if self.decode == "whole":
            return replace(self, decode="strips")
        if self.kind == "cuda" and self.text_encoder == "resident":
            return replace(self, text_encoder="streamed")
        if self.kind == "cuda" and self.resident_blocks:
            fewer = replace(self, resident_blocks=self.resident_blocks * 2 // 3)
            return fewer if fewer.has_ahead else replace(fewer, slots=SLOTS)
        if self.decode == "strips" and max(self.request.width, self.request.height) > TILE:
            return replace(self, decode="tiles")
        return None

    def describe(self) -> str:
        """Return the layout in one line."""
        forms = dict.fromkeys((self.form("transformer").weights, self.weights))
        names = " and ".join("GGUF" if form == "gguf" else form for form in forms if form != "plain")
        kept = f", weights kept in {names}" if names else ""
        if self.weights in STORED:
            kept = f", weights multiplied in {STORED[self.weights]}"
        blocks = "the transformer stays"
        if self.streams:
            blocks = f"{self.resident_blocks} of {self.blocks} blocks stay"
            blocks += f", {gib(self.streamed_bytes)} streamed a step"
        decoded = {"whole": "", "strips": ", decoded in strips", "tiles": ", decoded in tiles"}[self.decode]
        encoder = f"text encoder {self.text_encoder}"
        encoder += "" if self.form("text_encoder").dtype == self.dtype else " in float32"
        return f"{self.dtype}{kept}; {blocks}; {encoder}{decoded}"

    def _decoding(self, pixels: int) -> float:
        sizes = self.sizes
        whole, strips = 4 * sizes.wide, 1.2 * (sizes.wide + 2 * sizes.narrow)
        values = {"whole": whole * pixels, "strips": strips * pixels, "tiles": whole * TILE**2 + 9 * pixels}
        return values[self.decode] * DTYPE_BYTES[self.dtype]


def spread(blocks: int, resident: int) -> list[int]:
    """Return which of `blocks` are streamed where so many are resident: as far apart as can be.

    So there is time to copy each while those before it compute. Of fewer resident ones those streamed before
    are streamed, too, so that a tighter plan moves blocks one way only. The first and the last block, which
    may be larger, come last.
    """
    golden = (math.sqrt(5) - 1) / 2
    edges = (0, blocks - 1)
    apart = sorted(range(blocks), key=lambda place: (place in edges, (place + 1) * golden % 1))
    return sorted(apart[: blocks - min(max(resident, 0), blocks)])


def gib(count: float) -> str:
    """Return bytes in words."""
    return f"{count / GIB:.1f} GiB"
