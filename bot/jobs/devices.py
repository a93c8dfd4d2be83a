"""Which of the tasks in the engine fit its devices, and which are ahead of them.

Knows sizes in image tokens; the engine itself decides which device draws what, and comes to much the same.
Adding a task looks at each device, removing one at each task that is ahead.
"""

from collections.abc import Hashable


class Devices:
    """Devices of so many tokens each. Each takes what fits beside the rest, and one task of any size."""

    def __init__(self) -> None:
        self._rooms: tuple[int, ...] = ()
        self._used: list[int] = []
        self._tokens: dict[Hashable, int] = {}
        self._device: dict[Hashable, int] = {}
        self._ahead: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def full(self) -> bool:
        """Whether each device has a task ahead already; also where there is none."""
        return len(self._ahead) >= len(self._rooms)

    def resize(self, rooms: tuple[int, ...]) -> None:
        """Have these devices from now on; the tasks are placed anew, in the order they came."""
        self._rooms, self._used = rooms, [0] * len(rooms)
        self._device.clear()
        self._ahead.clear()
        for key, tokens in self._tokens.items():
            self.add(key, tokens)

    def add(self, key: Hashable, tokens: int) -> None:
        """Take a task; it is ahead where it fits no device."""
        self._tokens[key] = tokens
        device = next((at for at in range(len(self._rooms)) if self._fits(at, tokens)), None)
        if device is None:
            self._ahead[key] = None
        else:
            self._place(key, device)

    def remove(self, key: Hashable) -> None:
        """Drop a task; those ahead that fit in its place go there."""
        tokens = self._tokens.pop(key)
        self._ahead.pop(key, None)
        device = self._device.pop(key, None)
        if device is None:
            return
        self._used[device] -= tokens
        for waiting in list(self._ahead):
            if self._fits(device, self._tokens[waiting]):
                del self._ahead[waiting]
                self._place(waiting, device)

    def _fits(self, device: int, tokens: int) -> bool:
        used = self._used[device]
        return not used or used + tokens <= self._rooms[device]

    def _place(self, key: Hashable, device: int) -> None:
        self._device[key] = device
        self._used[device] += self._tokens[key]
