"""A plan applied to a loaded model, and made tighter while it runs."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from engine.memory import allocator, strips
from engine.memory.plan import Plan, spread
from engine.memory.sizes import BLOCK, Weights, form_in_block, is_linear, keeps_gguf
from engine.memory.streaming import Streamer
from engine.types import GRID, EngineError

CPU = torch.device("cpu")
SMALLER = (0.75, 0.5, 0.375, 0.25)
"""Shares of a refused picture's sides that are looked at for one that fits."""

log = logging.getLogger(__name__)


class Placement:
    """The placement of one model's parts on `device`.

    The modules are used as ever; hooks on blocks and on the token table bring what is not there. Blocks of
    the transformer that are streamed must be called as modules, whatever their forward then computes.
    """

    def __init__(
        self, plan: Plan, device: torch.device, transformer: Any, text_encoder: Any, vae: Any
    ) -> None:
        self.plan = plan
        self._device = device
        self._vae = vae
        self._encoder = text_encoder
        self._blocks: Sequence[nn.Module] = getattr(transformer, "layers", ())
        self._stream: Streamer | None = None
        self._encoder_stream: Streamer | None = None
        self._apply(plan)

    def tighter(self) -> bool:
        """Go over to the next smaller plan; False when there is none."""
        following = self.plan.tighter()
        if following is None:
            return False
        self._tighten(following)
        return True

    def report(self, width: int, height: int) -> dict[str, str | int]:
        """Return the present plan in short, for a picture of this size."""
        return self.plan.report(width, height)

    def make_room(self, width: int, height: int) -> bool:
        """Before a picture: see that what it needs at once is free, tightening the plan where it is not.

        Returns whether it was tightened: then let go of what was moved and ask again. Raises
        `EngineError("out_of_memory")` when the picture cannot fit, naming what would; the plan then stays as
        it is, for the pictures that do. Refusing by estimate matters where nothing is raised: on Windows a
        card's driver spills into main memory, which is very slow, elsewhere the system swaps, or ends the
        process.
        """
        if allocator.ensure_free(self._device, self.plan.transient(width, height)):
            return False
        plan = self._sufficient(width, height)
        if plan is None:
            raise EngineError("out_of_memory", self._refusal(width, height))
        self._tighten(plan)
        return True

    def _sufficient(self, width: int, height: int) -> Plan | None:
        """Return the first of the tighter plans that makes enough room by estimate, or None."""
        reading = allocator.read(self._device)
        plan = self.plan.tighter()
        while plan is not None:
            freed = replace(reading, free=reading.free + self.plan.held - plan.held)
            if allocator.has_free(freed, plan.transient(width, height)):
                break
            plan = plan.tighter()
        return plan

    def _refusal(self, width: int, height: int) -> str:
        reading = allocator.read(self._device)
        for share in SMALLER:
            smaller = (int(width * share) // GRID * GRID, int(height * share) // GRID * GRID)
            fits = allocator.has_free(reading, self.plan.transient(*smaller))
            plan = self.plan if fits else self._sufficient(*smaller)
            if plan is not None and min(smaller) >= GRID:
                advice = f"{smaller[0]}×{smaller[1]} would ({plan.describe()})"
                return f"a {width}×{height} picture does not fit in memory; {advice}"
        return f"a {width}×{height} picture does not fit in memory; close what else is using it"

    def _tighten(self, plan: Plan) -> None:
        log.warning("memory is scarce; from now on: %s", plan.describe())
        self._apply(plan)
        allocator.give_back(self._device)

    def _apply(self, plan: Plan) -> None:
        self.plan = plan
        if self._stream is not None:
            self._stream.keep(plan.resident_blocks, plan.slots)
        elif plan.streams:
            self._stream = Streamer(self._blocks, self._device, plan.resident_blocks, plan.slots)
        if plan.text_encoder == "streamed" and self._encoder_stream is None:
            self._encoder_stream = self._evict_encoder()
        if hasattr(self._vae, "decoder"):
            strips.apply(self._vae, plan.decode)

    def _evict_encoder(self) -> Streamer:
        """Stream the encoder's layers, look tokens up in main memory, free the slots after a prompt."""
        table = self._encoder.embed_tokens
        with torch.inference_mode(False):
            table.weight.data = table.weight.data.to(CPU)
        stream = Streamer(self._encoder.layers, self._device, resident=0)
        self._encoder.register_forward_hook(lambda module, given, result: stream.release())
        return stream


def place_for(plan: Plan, device: torch.device, stack: str, name: str) -> torch.device:
    """Return where a tensor of `stack` (`transformer` or `text_encoder`) is loaded to."""
    block = BLOCK.search(name)
    if stack == "text_encoder":
        away = plan.text_encoder == "streamed" and (block is not None or "embed_tokens" in name)
    else:
        away = block is not None and int(block[1]) in spread(plan.blocks, plan.resident_blocks)
    return CPU if away else device


def form_for(plan: Plan, stack: str, name: str, shape: Sequence[int]) -> Weights:
    """Return how a matrix of `stack` is kept: the blocks' as planned, others at least in bfloat16."""
    form = plan.form(stack)
    if form.weights == "plain":
        return "plain"
    chosen: Weights = "plain"
    if is_large := is_linear(name, tuple(shape)) or (
        form.weights == "gguf" and keeps_gguf(name, tuple(shape))
    ):
        chosen = form_in_block(form.weights, name, plan.blocks)
    around = is_large or "embed_tokens" in name or ("refiner." in name and "adaLN" not in name)
    return "bfloat16" if around and (chosen, form.dtype) == ("plain", "float32") else chosen


def table_for(encoder: Any, device: torch.device) -> None:
    """Have the token table's rows arrive on `device` in the layers' dtype, however the table is kept."""
    encoder.embed_tokens.register_forward_hook(
        lambda module, given, rows: rows.to(device, encoder.norm.weight.dtype)
    )
