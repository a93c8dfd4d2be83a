"""A chat service as the wiring knows it: a display of replies that feeds the core with requests."""

from typing import Protocol

from bot.core import Core
from bot.types import Display


class Platform(Display, Protocol):
    """A chat service: it feeds the core with requests and can make a message look like a reply."""

    async def run(self, core: Core) -> None:
        """Serve until cancelled."""
