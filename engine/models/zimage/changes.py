"""What a LoRA file adds to a linear layer's matrix, kept as its factors.

LoRA (Hu et al. 2021, arXiv:2106.09685), LoHa (Hyeon-Woo et al. 2021, arXiv:2108.06098), LoKr (Yeh et al.
2023, arXiv:2309.14859) and DoRA (Liu et al. 2024, arXiv:2402.09353).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

C = TypeVar("C", bound="Change")
COLUMNS = 512
"""Columns of a matrix that are looked at at once for the lengths of its rows."""


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


@dataclass(frozen=True)
class Decomposed(Change):
    """DoRA: the layer's matrix and `inner` together, each row brought to its length in `factors` (out,).

    A weight takes so much of what that changes, as LyCORIS does.
    """

    inner: Change = field(kw_only=True)
    weight: float = 1.0

    def ready(self, weight: float) -> "Decomposed":
        """See `Change`."""
        return replace(super().ready(1.0), inner=self.inner.ready(1.0), weight=weight)

    def to(self, like: Tensor) -> "Decomposed":
        """See `Change`."""
        return replace(super().to(like), inner=self.inner.to(like))

    def fits(self, rows: int, columns: int) -> bool:
        """See `Change`."""
        return self.factors[0].shape == (rows,) and self.inner.fits(rows, columns)

    def split(self, count: int) -> Sequence[Change]:
        """See `Change`."""
        parts = zip(self.factors[0].chunk(count), self.inner.split(count), strict=True)
        return [Decomposed((lengths,), inner=inner) for lengths, inner in parts]

    def gains(self, products: Callable[[Tensor], Tensor], columns: int) -> Tensor:
        """Return by what each row grows (out,); `products` are the layer's (…, in) without bias."""
        like, squares = self.factors[0], torch.zeros_like(self.factors[0], dtype=torch.float32)
        for part in torch.eye(columns, dtype=like.dtype, device=like.device).split(COLUMNS):
            squares += (products(part).float() + self.inner(part).float()).square().sum(0)
        return (like.float() / squares.sqrt().clamp_min(torch.finfo(torch.float32).eps)).to(like.dtype)


class Product:
    """A layer's hook: what all changes make of its input, added to what the layer computes.

    They are kept in float32 and as last used, on that device and in that precision.
    """

    def __init__(self, changes: Sequence[tuple[Change, float]]) -> None:
        ready = [change.ready(weight) for change, weight in changes]
        self._changes = self.used = _side_by_side(ready)
        self._gains: dict[int, Tensor] = {}

    def __call__(self, module: Any, given: tuple[Tensor, ...], result: Tensor) -> Tensor:
        """Return the layer's result with the products added."""
        values, own = given[0], result
        for number, change in enumerate(self._beside(values)):
            if isinstance(change, Decomposed):
                without = own if module.bias is None else own - module.bias
                gains = self._gains_of(number, change, module)
                result = result + change.weight * ((gains - 1) * without + gains * change.inner(values))
            else:
                result = result + change(values)
        return result

    def _gains_of(self, number: int, change: Decomposed, module: Any) -> Tensor:
        """Return what a change makes of the lengths of a layer's rows, in whatever form that keeps them."""
        if number not in self._gains:

            def products(values: Tensor) -> Tensor:
                found: Tensor = type(module).forward(module, values)
                return found if module.bias is None else found - module.bias

            self._gains[number] = change.gains(products, module.in_features)
        return self._gains[number]

    def merged(self, weight: Tensor) -> Tensor:
        """Return a copy of a layer's matrix with the changes added."""
        own = weight
        for change in self._beside(weight):
            if isinstance(change, Decomposed):
                gains = change.gains(lambda values: functional.linear(values, own), own.shape[1])[:, None]
                weight = weight + change.weight * (gains * (own + change.inner.matrix()) - own)
            else:
                weight = weight + change.matrix()
        return weight

    def pair(self, like: Tensor) -> Pair | None:
        """Return the changes as one pair of factors like a tensor, None where that is not all they are."""
        change, *others = self._beside(like)
        return change if isinstance(change, Pair) and not others else None

    def _beside(self, like: Tensor) -> Sequence[Change]:
        """Return the changes on the device of `like` and in its precision."""
        kept = self.used[0].factors[0]
        if (kept.device, kept.dtype) != (like.device, like.dtype):
            self.used = [change.to(like) for change in self._changes]
            self._gains = {}
        return self.used


def _side_by_side(changes: Sequence[Change]) -> list[Change]:
    """Return the changes with all pairs as one: side by side they are the sum of their products."""
    pairs = [change for change in changes if isinstance(change, Pair)]
    others = [change for change in changes if not isinstance(change, Pair)]
    if not pairs:
        return others
    up, down = torch.cat([pair.up for pair in pairs], dim=1), torch.cat([pair.down for pair in pairs])
    return [Pair((up, down)), *others]
