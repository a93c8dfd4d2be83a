"""ProcessEngine keeps the contract with the model in the repository; one child serves all facts."""

from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from engine.runtime.process import ProcessEngine
from engine.types import EngineSettings
from tests.contracts.engine_contract import EngineContract, Kill, each

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedded() -> AsyncIterator[ProcessEngine]:
    async for engine in each(ProcessEngine(EngineSettings())):
        yield engine


class TestEmbeddedEngine(EngineContract):
    tolerance = 0.05
    long = 12

    @pytest.fixture
    def engine(self, embedded: ProcessEngine) -> ProcessEngine:
        return embedded

    @pytest.fixture
    def kill(self, embedded: ProcessEngine) -> Kill:
        async def kill() -> None:
            assert embedded.pid is not None
            psutil.Process(embedded.pid).kill()

        return kill
