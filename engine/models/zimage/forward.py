"""The inputs of a forward, its state while it runs, and its result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor


class Modulation(NamedTuple):
    """What the transformer computes from a noise level alone.

    `time` (256,) the embedding, `blocks` the factors `(4, dim)` of each block, None for one that is to be
    called as the module it is, `final` (dim,) the scale before the last layer, None likewise.
    """

    time: Tensor
    blocks: tuple[Tensor | None, ...]
    final: Tensor | None


class Prediction(NamedTuple):
    """The velocity `(B, C, h, w)`, float32, and the sum of the numbers at each place on the way, `(n, B)`.

    A sum that is not finite shows where numbers overflowed, without waiting for the device. `residual`
    (B, tokens, dim) is what the middle blocks, or what stood for them, added to the tokens; None if the
    blocks were computed and it was not to be kept.
    """

    velocity: Tensor
    sums: Tensor
    residual: Tensor | None


@dataclass
class BlockPass:
    """The way of one batch through the blocks: time embeddings (B, 256), rotary factors, blocks' factors.

    `sums` collects the sum of the numbers at each place.
    """

    time: Tensor
    rope: Tensor
    factors: Iterator[Tensor | None]
    sums: list[Tensor] = field(default_factory=list)

    def note(self, tokens: Tensor) -> None:
        """Remember the sum of each picture's numbers here."""
        self.sums.append(tokens.sum((1, 2), dtype=torch.float32))

    def skip(self, blocks: int, tokens: Tensor) -> None:
        """Pass so many blocks at once, leaving `tokens` behind them."""
        for _ in range(blocks):
            next(self.factors)
            self.note(tokens)


class ForwardInputs(NamedTuple):
    """Everything a forward depends on besides the weights.

    `latents` (B, C, h, w), `captions` (B, L, dim), `time` (B, 256), `rope` (1, tokens, head_dim / 2) complex,
    `final` (B, dim) and each block's `factors` (4, B, 1, dim), None for what is to be called as a module.
    """

    latents: Tensor
    captions: Tensor
    time: Tensor
    rope: Tensor
    final: Tensor | None
    factors: tuple[Tensor | None, ...]

    @classmethod
    def of(
        cls, latents: Tensor, captions: Tensor, modulations: Sequence[Modulation], rope: Tensor
    ) -> "ForwardInputs":
        """Put the modulations of all pictures side by side."""
        finals = [modulation.final for modulation in modulations if modulation.final is not None]
        return cls(
            latents,
            captions,
            torch.stack([modulation.time for modulation in modulations]),
            rope,
            torch.stack(finals) if len(finals) == len(modulations) else None,
            tuple(map(_side_by_side, zip(*(modulation.blocks for modulation in modulations), strict=True))),
        )

    def tensors(self) -> tuple[Tensor, ...] | None:
        """Return all of it in a row, the factors last; None if anything is to be called as a module."""
        row = (*self[:5], *self.factors)
        found = tuple(each for each in row if each is not None)
        return found if len(found) == len(row) else None


def _side_by_side(factors: Sequence[Tensor | None]) -> Tensor | None:
    known = [each for each in factors if each is not None]
    return torch.stack(known, dim=1)[:, :, None] if len(known) == len(factors) else None
