"""What a LoRA file adds to a linear layer's matrix, kept as its factors.

LoRA (Hu et al. 2021, arXiv:2106.09685), LoHa (Hyeon-Woo et al. 2021, arXiv:2108.06098) and LoKr (Yeh et al.
2023, arXiv:2309.14859).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

C = TypeVar("C", bound="Change")


@dataclass(frozen=True)
class Change:
    """`scale` times what the factors stand for: a matrix (out, in)."""

    factors: tuple[Tensor, ...]
    scale: float = 1.0

    def ready(self: C, weight: float) -> C:
        """Return `weight` times the change in float32, its scale put into the first factor."""
        first, *others = (factor.float() for factor in self.factors)
        return replace(self, factors=(first * (self.scale * weight), *others), scale=1.0)

    def to(self: C, like: Tensor) -> C:
        """Return the change on the device of `like` and in its precision."""
        return replace(self, factors=tuple(factor.to(like) for factor in self.factors))

    def fits(self, rows: int, columns: int) -> bool:
        """Say whether the factors make a matrix of this size."""
        raise NotImplementedError

    def split(self, count: int) -> Sequence["Change"]:
        """Return the changes of `count` layers whose matrices are stacked in this one."""
        raise NotImplementedError

    def matrix(self) -> Tensor:
        """Return the matrix (out, in) of a change that is ready."""
        raise NotImplementedError

    def __call__(self, values: Tensor) -> Tensor:
        """Return the product of `values` (…, in) and a change that is ready."""
        return functional.linear(values, self.matrix())


class Pair(Change):
    """LoRA: `up` (out, rank) times `down` (rank, in)."""

    @property
    def up(self) -> Tensor:
        """The second factor that values go through."""
        return self.factors[0]

    @property
    def down(self) -> Tensor:
        """The first factor that values go through."""
        return self.factors[1]

    def fits(self, rows: int, columns: int) -> bool:
        """See `Change`."""
        rank = self.down.shape[0]
        return self.up.shape == (rows, rank) and self.down.shape == (rank, columns)

    def split(self, count: int) -> Sequence[Change]:
        """See `Change`."""
        return [Pair((up, self.down), self.scale) for up in self.up.chunk(count)]

    def matrix(self) -> Tensor:
        """See `Change`."""
        return self.up @ self.down

    def __call__(self, values: Tensor) -> Tensor:
        """See `Change`."""
        return functional.linear(functional.linear(values, self.down), self.up)


class Hadamard(Change):
    """LoHa: two products like LoRA's, multiplied number by number."""

    def fits(self, rows: int, columns: int) -> bool:
        """See `Change`."""
        first, second = Pair(self.factors[:2]), Pair(self.factors[2:])
        return first.fits(rows, columns) and second.fits(rows, columns)

    def split(self, count: int) -> Sequence[Change]:
        """See `Change`."""
        left, first, right, second = self.factors
        ups = zip(left.chunk(count), right.chunk(count), strict=True)
        return [Hadamard((one, first, other, second), self.scale) for one, other in ups]

    def matrix(self) -> Tensor:
        """See `Change`."""
        left, first, right, second = self.factors
        return (left @ first) * (right @ second)


class Kronecker(Change):
    """LoKr: every number of the first factor times the whole second one."""

    def fits(self, rows: int, columns: int) -> bool:
        """See `Change`."""
        left, right = (factor.shape for factor in self.factors)
        sides = [one * other for one, other in zip(left, right, strict=False)]
        return len(left) == len(right) == 2 and sides == [rows, columns]

    def split(self, count: int) -> Sequence[Change]:
        """See `Change`."""
        left, right = self.factors
        if len(left) % count:
            return Dense((torch.kron(left, right),), self.scale).split(count)
        return [Kronecker((part, right), self.scale) for part in left.chunk(count)]

    def matrix(self) -> Tensor:
        """See `Change`."""
        return torch.kron(*self.factors)

    def __call__(self, values: Tensor) -> Tensor:
        """See `Change`."""
        left, right = self.factors
        folded = functional.linear(values.unflatten(-1, (left.shape[1], right.shape[1])), right)
        return (left @ folded).flatten(-2)


class Dense(Change):
    """The difference itself."""

    def fits(self, rows: int, columns: int) -> bool:
        """See `Change`."""
        return self.factors[0].shape == (rows, columns)

    def split(self, count: int) -> Sequence[Change]:
        """See `Change`."""
        return [Dense((part,), self.scale) for part in self.factors[0].chunk(count)]

    def matrix(self) -> Tensor:
        """See `Change`."""
        return self.factors[0]


class Product:
    """A layer's hook: what all changes make of its input, added to what the layer computes.

    They are kept in float32 and as last used, on that device and in that precision.
    """

    def __init__(self, changes: Sequence[tuple[Change, float]]) -> None:
        ready = [change.ready(weight) for change, weight in changes]
        self._changes = self.used = _side_by_side(ready)

    def __call__(self, module: Any, given: tuple[Tensor, ...], result: Tensor) -> Tensor:
        """Return the layer's result with the products added."""
        for change in self._beside(given[0]):
            result = result + change(given[0])
        return result

    def merged(self, weight: Tensor) -> Tensor:
        """Return a copy of a layer's matrix with the changes added."""
        for change in self._beside(weight):
            weight = weight + change.matrix()
        return weight

    def _beside(self, like: Tensor) -> Sequence[Change]:
        """Return the changes on the device of `like` and in its precision."""
        kept = self.used[0].factors[0]
        if (kept.device, kept.dtype) != (like.device, like.dtype):
            self.used = [change.to(like) for change in self._changes]
        return self.used


def _side_by_side(changes: Sequence[Change]) -> list[Change]:
    """Return the changes with all pairs as one: side by side they are the sum of their products."""
    pairs = [change for change in changes if isinstance(change, Pair)]
    others = [change for change in changes if not isinstance(change, Pair)]
    if not pairs:
        return others
    up, down = torch.cat([pair.up for pair in pairs], dim=1), torch.cat([pair.down for pair in pairs])
    return [Pair((up, down)), *others]
