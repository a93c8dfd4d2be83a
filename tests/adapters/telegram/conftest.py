from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.telegram.harness import TelegramHarness, telegram_harness
from tests.adapters.telegram.server import Telegram, telegram


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
async def server() -> AsyncIterator[Telegram]:
    """A Telegram; what the bot sent must fit the published specification where that is at hand."""
    async with telegram() as running:
        yield running
        assert running.spec is None or running.spec.violations == []


@pytest.fixture
async def here(server: Telegram, tmp_path: Path) -> AsyncIterator[TelegramHarness]:
    async with telegram_harness(server, tmp_path) as found:
        yield found
