"""Items in order, each with a weight: how many come before one, and what those weigh, in about sqrt(n).

Knows tuples and numbers. The items lie in sorted blocks, and what is asked or changed touches one of them.
"""

from bisect import bisect_left, bisect_right
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
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def first(self) -> Item:
        """Return the least item; there must be one."""
        return self._blocks[0][0]

    def before(self, item: Item) -> int:
        """Return how many items come before `item`."""
        at, place = self._find(item)
        return sum(map(len, self._blocks[:at])) + place

    def weight_before(self, item: Item) -> int:
        """Return what the items before `item` weigh together."""
        at, place = self._find(item)
        return sum(self._sums[:at]) + sum(self._weights[at][:place])

    def add(self, item: Item, weight: int = 1) -> None:
        """Put an item in its place."""
        at, place = self._find(item)
        self._blocks[at].insert(place, item)
        self._weights[at].insert(place, weight)
        self._sums[at] += weight
        self._count += 1
        if len(self._blocks[at]) > BLOCK:
            self._halve(at)

    def remove(self, item: Item) -> None:
        """Take out an item that is there."""
        at, place = self._find(item)
        del self._blocks[at][place]
        self._sums[at] -= self._weights[at].pop(place)
        self._count -= 1
        if not self._blocks[at] and self._bounds:
            del self._blocks[at], self._weights[at], self._sums[at], self._bounds[max(0, at - 1)]

    def _find(self, item: Item) -> tuple[int, int]:
        """Return the block of an item and its place in there."""
        at = bisect_right(self._bounds, item)
        return at, bisect_left(self._blocks[at], item)

    def _halve(self, at: int) -> None:
        block, weights, half = self._blocks[at], self._weights[at], BLOCK // 2
        self._blocks[at : at + 1] = [block[:half], block[half:]]
        self._weights[at : at + 1] = [weights[:half], weights[half:]]
        self._sums[at : at + 1] = [sum(weights[:half]), sum(weights[half:])]
        self._bounds.insert(at, block[half])
