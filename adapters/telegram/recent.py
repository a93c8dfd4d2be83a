"""A dictionary that forgets its oldest entries. Knows nothing else."""

from collections import OrderedDict
from typing import Generic, TypeVar

REMEMBERED = 2000

_K = TypeVar("_K")
_V = TypeVar("_V")


class LruDict(OrderedDict[_K, _V], Generic[_K, _V]):
    """Keeps the entries that were set last."""

    def __setitem__(self, key: _K, value: _V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > REMEMBERED:
            self.popitem(last=False)
