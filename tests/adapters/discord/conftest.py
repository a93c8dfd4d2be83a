import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest

from tests.adapters.discord.harness import DiscordHarness, opened

LONG = 1.0
SHORT = 0.01


class Hurried:
    """`asyncio` as the library sees it: pauses that it makes up itself are short, those it is told last."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds if seconds < LONG else SHORT)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the tests the seconds that the library waits between tries, for Discord's sake."""

    async def at_once(self: discord.Client, shard_id: int | None, *, initial: bool = False) -> None:
        pass

    monkeypatch.setattr(discord.webhook.async_, "asyncio", Hurried())
    monkeypatch.setattr(discord.http, "asyncio", Hurried())
    monkeypatch.setattr(discord.Client, "before_identify_hook", at_once)


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[DiscordHarness]:
    async with opened(tmp_path) as found:
        yield found
