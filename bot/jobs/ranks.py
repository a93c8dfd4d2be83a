"""Items in order, each with a weight: how many come before one, and what those weigh, in about log(n).

Knows tuples and numbers. The items lie in sorted blocks of bounded length; Fenwick trees (Fenwick, 1994) sum
what lies in the blocks before one, and are made anew when a block comes or goes, once in hundreds of changes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

BLOCK = 512
"""The most items of a block; a larger one is halved."""

Item = TypeVar("Item", bound=tuple[Any, ...])


class Ranks(Generic[Item]):
    """Comparable items, no two alike; `_bounds` say from which item on each block but the first goes."""

    def __init__(self) -> None:
        self._bounds: list[Item] = []
        self._blocks: list[list[Item]] = [[]]
        self._weights: list[list[int]] = [[]]
        self._sums = [0]
        self._index()

    def __len__(self) -> int:
        return self._counts_before.sum(len(self._blocks))

    def first(self) -> Item:
        """Return the least item; there must be one."""
        return self._blocks[0][0]

    def before(self, item: Item) -> int:
        """Return how many items come before `item`."""
        at, place = self._find(item)
        return self._counts_before.sum(at) + place

    def weight_before(self, item: Item) -> int:
        """Return what the items before `item` weigh together."""
        at, place = self._find(item)
        return self._weights_before.sum(at) + sum(self._weights[at][:place])

    def add(self, item: Item, weight: int = 1) -> None:
        """Put an item in its place."""
        at, place = self._find(item)
        self._blocks[at].insert(place, item)
        self._weights[at].insert(place, weight)
        self._count(at, 1, weight)
        if len(self._blocks[at]) > BLOCK:
            self._halve(at)

    def remove(self, item: Item) -> None:
        """Take out an item that is there."""
        at, place = self._find(item)
        del self._blocks[at][place]
        self._count(at, -1, -self._weights[at].pop(place))
        if not self._blocks[at] and self._bounds:
            del self._blocks[at], self._weights[at], self._sums[at], self._bounds[max(0, at - 1)]
            self._index()

    def _find(self, item: Item) -> tuple[int, int]:
        """Return the block of an item and its place in there."""
        at = bisect_right(self._bounds, item)
        return at, bisect_left(self._blocks[at], item)

    def _count(self, at: int, items: int, weight: int) -> None:
        self._sums[at] += weight
        self._counts_before.add(at, items)
        self._weights_before.add(at, weight)

    def _halve(self, at: int) -> None:
        block, weights, half = self._blocks[at], self._weights[at], BLOCK // 2
        self._blocks[at : at + 1] = [block[:half], block[half:]]
        self._weights[at : at + 1] = [weights[:half], weights[half:]]
        self._sums[at : at + 1] = [sum(weights[:half]), sum(weights[half:])]
        self._bounds.insert(at, block[half])
        self._index()

    def _index(self) -> None:
        self._counts_before = _Prefixes(map(len, self._blocks))
        self._weights_before = _Prefixes(self._sums)


class _Prefixes:
    """Numbers, and the sum of those before any of them: a Fenwick tree."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._tree = [0, *numbers]
        for at, number in enumerate(self._tree):
            if (above := at + (at & -at)) < len(self._tree) and at:
                self._tree[above] += number

    def add(self, at: int, number: int) -> None:
        """Add to the number at `at`."""
        at += 1
        while at < len(self._tree):
            self._tree[at] += number
            at += at & -at

    def sum(self, at: int) -> int:
        """Return the sum of the first `at` numbers."""
        total = 0
        while at:
            total += self._tree[at]
            at &= at - 1
        return total
