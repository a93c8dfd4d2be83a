from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.discord.studio import Studio, opened


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    async with opened(tmp_path) as found:
        yield found
