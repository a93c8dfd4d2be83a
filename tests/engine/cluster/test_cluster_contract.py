"""ClusterEngine keeps the contract of every engine, over a real broker and a worker that is killed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.cluster.engine import ClusterEngine
from tests.contracts.engine_contract import EngineContract, Kill
from tests.engine.cluster.fleet import WorkerProcess, cluster, needs_broker, serving, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), needs_broker]


class Fleet:
    """A broker, a bot's engine and one worker, which comes back after it was killed."""

    engine: ClusterEngine
    worker: WorkerProcess
    url: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    fleet, folder = Fleet(), tmp_path_factory.mktemp("broker")
    async with serving(folder) as server, cluster(server.url) as fleet.engine:
        fleet.worker = await WorkerProcess.start(server.url, 0.01)
        fleet.url = server.url
        await until(fleet.engine, lambda: bool(fleet.engine.rooms))
        yield fleet
        assert await fleet.worker.leave() == 0


class TestClusterEngine(EngineContract):
    long = 100

    @pytest.fixture
    def engine(self, fleet: Fleet) -> ClusterEngine:
        return fleet.engine

    @pytest.fixture
    def kill(self, fleet: Fleet) -> Kill:
        async def kill() -> None:
            await fleet.worker.kill()
            fleet.worker = await WorkerProcess.start(fleet.url, 0.01)

        return kill
