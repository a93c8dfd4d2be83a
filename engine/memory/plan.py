"""Where a model's parts live and in which form, decided from facts alone.

A pure function of device facts, model sizes and the wished picture. Every byte count is an estimate, on the
safe side; nothing here touches a device. What is exact comes first: weights in fewer bits are chosen only
where streaming whole ones would not fit in main memory.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.memory.probe import Facts
from engine.memory.sizes import Sizes, Stack
from engine.types import EngineError, image_tokens

Weights = Literal["plain", "bfloat16", "int8", "float8", "4bit"]
Decode = Literal["whole", "strips", "tiles"]
GIB = 1024**3
MIB = 1024**2

KEPT_FREE = 200 * MIB
WORKSPACE = 300 * MIB
"""Matrix libraries' workspaces and what the allocator loses to rounding."""
UNPACKING = 256 * MIB
"""One matrix of a block back in the computing precision, where weights are kept in fewer bits."""
HOST_BASE = 2 * GIB
"""Python, torch and one tensor on its way from disk."""
TILE = 512
"""Side of a VAE tile in pixels."""
SLOTS = 2
"""Streamed blocks on the device at once: one computes while the next arrives."""
SMALLER = (768, 512)
CAPACITY = 4096
"""Image tokens of one forward on a device with memory of its own; one 1024×1024 picture."""

DTYPE_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
# A scale of four bytes for each row of a few thousand, or for each group of 64.
WEIGHT_BYTES: dict[Weights, float] = {"bfloat16": 2.0, "int8": 1.002, "float8": 1.002, "4bit": 0.5625}
_TWO_BYTES = ("bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Wish:
    """The largest picture to plan for, and what the configuration insists on (`auto`: nothing)."""

    width: int = 1024
    height: int = 1024
    dtype: str = "auto"
    weights: str = "auto"


@dataclass(frozen=True, slots=True)
class Plan:
    """A layout. `dtype` is what is computed in, `weights` the form the blocks' matrices are kept in.

    `resident_blocks` of the transformer's `blocks` stay on the device, the others are streamed from main
    memory. A streamed text encoder leaves the device after every prompt; its embedding is kept. `peak` and
    `host` are the expected bytes on the device and in main memory; on one shared memory `host` is 0.
    """

    kind: str
    dtype: str
    weights: Weights
    blocks: int
    resident_blocks: int
    text_encoder: Literal["resident", "streamed"]
    decode: Decode
    sizes: Sizes = field(repr=False)
    wish: Wish = field(repr=False)
    why: str = ""

    @property
    def streams(self) -> bool:
        """Whether some of the transformer's blocks are streamed."""
        return self.resident_blocks < self.blocks

    @property
    def plain(self) -> bool:
        """Whether every matrix of the transformer lies on the device as it is multiplied with."""
        return self.weights == "plain" and not self.streams

    @property
    def peak(self) -> int:
        """Expected bytes on the device at the worst moment of a picture."""
        wide = DTYPE_BYTES[self.dtype]
        sizes, wish = self.sizes, self.wish
        encoder, transformer = sizes.text_encoder, sizes.transformer
        held = self._outside(transformer) + self.resident_blocks * self.block_bytes + sizes.vae * wide
        held += SLOTS * self.block_bytes if self.streams else 0
        held += UNPACKING if self.weights != "plain" and transformer.blocks else 0
        encoding = SLOTS * self._block(encoder)
        if self.text_encoder == "resident":
            held += self._outside(encoder) + encoder.blocks * self._block(encoder)
            encoding = 0.0
        return int(held + max(encoding, self.transient(wish.width, wish.height)))

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
            encoder = self.sizes.text_encoder
            held += self._outside(encoder) + encoder.blocks * self._block(encoder)
        return int(held)

    @property
    def streamed_bytes(self) -> int:
        """Bytes that cross to the device in every forward."""
        return int((self.blocks - self.resident_blocks) * self.block_bytes)

    @property
    def block_bytes(self) -> int:
        """Bytes of one block of the transformer."""
        return int(self._block(self.sizes.transformer))

    def tighter(self) -> "Plan | None":
        """Return the next plan that takes less of the device, or None when there is nothing left to give."""
        if self.decode == "whole":
            return replace(self, decode="strips")
        if self.decode == "strips" and max(self.wish.width, self.wish.height) > TILE:
            return replace(self, decode="tiles")
        if self.kind != "cuda":
            return None
        if self.text_encoder == "resident":
            return replace(self, text_encoder="streamed")
        if self.resident_blocks:
            return replace(self, resident_blocks=self.resident_blocks * 2 // 3)
        return None

    def describe(self) -> str:
        """Return the layout in one line."""
        kept = "" if self.weights == "plain" else f", weights kept in {self.weights}"
        blocks = "the transformer stays"
        if self.streams:
            blocks = f"{self.resident_blocks} of {self.blocks} blocks stay"
            blocks += f", {_gib(self.streamed_bytes)} streamed a step"
        decoded = {"whole": "", "strips": ", decoded in strips", "tiles": ", decoded in tiles"}[self.decode]
        return f"{self.dtype}{kept}; {blocks}; text encoder {self.text_encoder}{decoded}"

    def _outside(self, stack: Stack) -> float:
        # Where blocks are kept in fewer bits, what surrounds them is kept in bfloat16.
        return stack.rest * (DTYPE_BYTES[self.dtype] if self.weights == "plain" else 2)

    def _block(self, stack: Stack) -> float:
        wide = DTYPE_BYTES[self.dtype]
        return stack.linear * WEIGHT_BYTES.get(self.weights, wide) + stack.other * wide

    def _decoding(self, pixels: int) -> float:
        sizes = self.sizes
        whole, strips = 4 * sizes.wide, 1.2 * (sizes.wide + 2 * sizes.narrow)
        values = {"whole": whole * pixels, "strips": strips * pixels, "tiles": whole * TILE**2 + 9 * pixels}
        return values[self.decode] * DTYPE_BYTES[self.dtype]


def choose(facts: Facts, sizes: Sizes, wish: Wish) -> Plan:
    """Return the best plan that fits.

    Raises `EngineError("out_of_memory")` naming the smallest plan and what it needs, and
    `EngineError("bad_input")` for a dtype or a form of weights the device does not have.
    """
    last = None
    for plan in _candidates(facts, sizes, wish):
        if fits(plan, facts):
            return replace(plan, why=_why(plan, facts))
        last = plan
    assert last is not None
    raise EngineError("out_of_memory", _refusal(last, facts))


def choose_largest(facts: Facts, sizes: Sizes, wish: Wish) -> Plan:
    """Like `choose`, but for a smaller picture where the wished one fits no plan."""
    try:
        return choose(facts, sizes, wish)
    except EngineError as refusal:
        for side in SMALLER:
            if refusal.code == "out_of_memory" and side < max(wish.width, wish.height):
                with suppress(EngineError):
                    return choose(facts, sizes, replace(wish, width=side, height=side))
        raise


def fits(plan: Plan, facts: Facts) -> bool:
    """Say whether device and main memory hold the plan."""
    return plan.peak <= budget(facts) and plan.host <= facts.host_free


def budget(facts: Facts) -> int:
    """Return the bytes a plan may take on the device; in main memory others come and go, and more is left."""
    margin = {"cuda": WORKSPACE, "cpu": facts.free // 25, "mps": 0}[facts.kind]
    return max(0, facts.free - KEPT_FREE - margin)


def compute_dtype(facts: Facts, wish: str) -> str:
    """Return what to compute in: bfloat16 where the device has it, else float32; on a CPU float32."""
    if wish != "auto":
        return wish
    return "bfloat16" if facts.bfloat16 and facts.kind != "cpu" else "float32"


def _candidates(facts: Facts, sizes: Sizes, wish: Wish) -> Iterator[Plan]:
    """Yield plans from the best to the smallest; decoding in tiles, which shows, is the last resort."""
    dtype = compute_dtype(facts, wish.dtype)
    last: list[Plan] = []
    for weights in _forms(dtype, wish.weights):
        whole = Plan(
            kind=facts.kind,
            dtype=dtype,
            weights=weights,
            blocks=sizes.transformer.blocks,
            resident_blocks=sizes.transformer.blocks,
            text_encoder="resident",
            decode="whole",
            sizes=sizes,
            wish=wish,
        )
        yield whole
        if facts.kind != "cuda":
            yield replace(whole, decode="strips")
            last.append(replace(whole, decode="tiles"))
            continue
        yield replace(whole, text_encoder="streamed")
        yield (lean := replace(whole, text_encoder="streamed", decode="strips"))
        # Streaming float32 costs twice what the same weights cost as bfloat16.
        if dtype in _TWO_BYTES or weights != "plain" or wish.weights == "plain":
            yield _streamed(lean, facts)
            last.append(_streamed(replace(lean, decode="tiles"), facts))
    yield from last


def _forms(dtype: str, wanted: str) -> list[Weights]:
    if wanted == "auto":
        return ["plain", "int8", "4bit"] if dtype in _TWO_BYTES else ["plain", "bfloat16", "int8", "4bit"]
    known: tuple[Weights, ...] = ("plain", "bfloat16", "int8", "float8", "4bit")
    for form in known:
        if form == wanted:
            return ["plain" if form == dtype else form]
    raise EngineError("bad_input", f"weights {wanted!r} are not known; use auto, {', '.join(known)}")


def _streamed(plan: Plan, facts: Facts) -> Plan:
    """Keep as many blocks resident as fit."""
    none = replace(plan, resident_blocks=0)
    room = (budget(facts) - none.peak) // max(1, plan.block_bytes)
    return replace(plan, resident_blocks=max(0, min(plan.blocks - 1, room)))


def _why(plan: Plan, facts: Facts) -> str:
    free = f"{_gib(facts.free)} free on {facts.name}"
    if plan.plain and plan.text_encoder == "resident":
        return f"{free}: everything fits"
    if plan.streams:
        return f"{free}: the transformer does not fit whole, main memory holds the rest"
    if plan.weights == plan.wish.weights:
        return f"{free}: model.weights is set to {plan.weights}"
    if facts.shared:
        return f"{free}: the model does not fit in a wider form"
    if plan.weights not in ("plain", "bfloat16"):
        return f"{free}: whole weights fit neither there nor in {_gib(facts.host_free)} of main memory"
    return f"{free}: transformer and text encoder do not fit together"


def _refusal(plan: Plan, facts: Facts) -> str:
    wish = plan.wish
    needs = (
        f"{_gib(plan.peak + facts.free - budget(facts))} on {facts.name}, which has {_gib(facts.free)} free"
    )
    if plan.host > facts.host_free:
        needs += f", and {_gib(plan.host)} of main memory, of which {_gib(facts.host_free)} are free"
    for side in SMALLER:
        small = replace(plan, wish=replace(wish, width=side, height=side))
        if side < max(wish.width, wish.height) and fits(small, facts):
            return f"{wish.width}×{wish.height} needs {needs}; {side}×{side} would fit ({plan.describe()})"
    return (
        f"the smallest plan ({plan.describe()}) needs {needs}; close other programs, use a larger device, "
        "or a smaller model"
    )


def _gib(count: float) -> str:
    return f"{count / GIB:.1f} GiB"
