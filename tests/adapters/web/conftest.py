from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.web.site import Site, serving


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running
