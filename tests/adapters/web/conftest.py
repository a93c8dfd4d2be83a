from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.adapters.web.browser import Visitor, chromium, visiting
from tests.adapters.web.site import Site, serving


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(site: Site, browser: Browser) -> AsyncIterator[Visitor]:
    async with visiting(browser, site.url) as person:
        yield person
        assert person.problems == []
