"""A dictionary that forgets what was not used for the longest."""

from collections import OrderedDict
from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class LruDict(OrderedDict[_K, _V], Generic[_K, _V]):
    """Keeps the `limit` entries that were set or read by `[key]` last."""

    def __init__(self, limit: int = 2000) -> None:
        super().__init__()
        self.limit = limit

    def __getitem__(self, key: _K) -> _V:
        value = super().__getitem__(key)
        self.move_to_end(key)
        return value

    def __setitem__(self, key: _K, value: _V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self.limit:
            self.popitem(last=False)
