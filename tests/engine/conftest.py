"""A scripted child, and an engine around it that starts again without a pause."""

from collections.abc import AsyncIterator

import pytest

from engine.runtime.process import ProcessEngine
from tests.contracts.engine_contract import each
from tests.engine.scripted import Script
from tests.engine.workbench import Bench


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with Script() as script:
        yield script


@pytest.fixture
async def engine(script: Script) -> AsyncIterator[ProcessEngine]:
    async for engine in each(ProcessEngine(script.settings, delay=lambda deaths: 0.0)):
        yield engine


@pytest.fixture
def bench() -> Bench:
    return Bench()
