"""A platform without a chat service, for tests of everything above it: it records what it is shown."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from bot.types import Address, Gone, Reply

if TYPE_CHECKING:
    from bot.core import Core


class FakePlatform:
    """Keeps every reply it took in `shows` and the newest per message in `latest`.

    A place that starts with `new` becomes a message of its own at the first show, as on a real service.
    Addresses in `lost` are out of reach for good; `tries` counts every show.
    """

    def __init__(self, name: str = "fake", pace: float = 0.0) -> None:
        self.name = name
        self.pace = pace
        self.shows: list[tuple[Address, Reply]] = []
        self.latest: dict[Address, Reply] = {}
        self.failures: Counter[Address | None] = Counter()
        self.lost: set[Address] = set()
        self.tries = 0
        self._messages = 0

    def fail(self, times: int, address: Address | None = None) -> None:
        """Refuse the next `times` shows, everywhere or at one address."""
        self.failures[address] += times

    async def run(self, core: "Core") -> None:
        """Serve nobody until cancelled."""
        await asyncio.Event().wait()

    async def show(self, address: Address, reply: Reply) -> Address:
        """Record the reply; raises ConnectionError while it was told to fail, `Gone` for a lost address."""
        self.tries += 1
        if address in self.lost:
            raise Gone(f"{address.place} is lost")
        for key in (address, None):
            if self.failures[key]:
                self.failures[key] -= 1
                raise ConnectionError(f"{self.name} was told to fail")
        if address.place.startswith("new"):
            self._messages += 1
            address = Address(self.name, f"message {self._messages}")
        self.shows.append((address, reply))
        self.latest[address] = reply
        return address
