"""Whatever ends, stops or is cut off in a fleet, each task still ends in exactly one picture."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from engine.cluster import engine as cluster_engine
from engine.cluster.broker import SENT, STREAM, Access, BrokerError, Connection
from engine.cluster.engine import ClusterEngine
from engine.runtime.process import EngineState
from engine.types import EngineError, EngineLost, Generate, Picture
from tests.contracts.engine_contract import played
from tests.crash.faults import small_disk
from tests.engine.cluster.fleet import (
    LEASE,
    SMALL,
    Link,
    Server,
    begun,
    cluster,
    needs_broker,
    serving,
    sleeping,
    until,
    workers,
    working,
)

pytestmark = needs_broker
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


def small(seed: int = 0, prompt: str = "a cat", **changes: Any) -> Generate:
    return Generate(prompt, width=128, height=128, seed=seed, **changes)


def pictures(outcomes: list[Any]) -> list[int]:
    """Return how many pictures each run yielded."""
    return [sum(isinstance(event, Picture) for event in outcome) for outcome in outcomes]


async def present(engine: ClusterEngine, count: int) -> None:
    await until(engine, lambda: len(engine.rooms) == count)


async def test_tasks_wait_for_the_first_worker(server: Server) -> None:
    async with cluster(server.url) as engine:
        run = asyncio.create_task(played(engine, small()))
        assert engine.rooms == ()
        async with working(server.url, sleeping(0)):
            assert pictures([await run]) == [1]
            await present(engine, 1)
        assert engine.rooms == ()


async def test_what_a_killed_worker_had_is_drawn_by_another_after_its_lease(server: Server) -> None:
    async with cluster(server.url) as engine, workers(server.url, 1, 0.05) as [first]:
        started = asyncio.Event()
        run = asyncio.create_task(begun(engine, small(steps=50), started))
        await started.wait()
        await first.kill()
        killed = asyncio.get_running_loop().time()
        async with working(server.url, sleeping(0)):
            assert pictures([await run]) == [1]
        assert asyncio.get_running_loop().time() - killed < LEASE + 3


@posix
async def test_a_frozen_worker_is_replaced_and_makes_no_second_picture(server: Server) -> None:
    async with cluster(server.url) as engine, workers(server.url, 1, 0.02) as [first]:
        started = asyncio.Event()
        run = asyncio.create_task(begun(engine, small(steps=50), started))
        await started.wait()
        first.signal(signal.SIGSTOP)
        async with working(server.url, sleeping(0)):
            events = await run
        first.signal(signal.SIGCONT)
        assert pictures([events, await played(engine, small(1))]) == [1, 1]
        assert await first.leave() == 0


@posix
async def test_a_worker_that_is_asked_to_leave_finishes_what_it_has(server: Server) -> None:
    async with cluster(server.url) as engine, workers(server.url, 1, 0.02) as [first]:
        started = asyncio.Event()
        runs = [asyncio.create_task(begun(engine, small(seed), started)) for seed in range(4)]
        await started.wait()
        assert await first.leave() == 0
        async with working(server.url, sleeping(0)):
            assert pictures(await asyncio.gather(*runs)) == [1] * 4


@pytest.mark.slow
async def test_a_task_that_ends_every_worker_fails_and_the_others_do_not(server: Server) -> None:
    async with cluster(server.url) as engine, workers(server.url, 4, 0.01, room=SMALL) as started:
        await present(engine, 4)
        poison = asyncio.create_task(played(engine, small(prompt="poison")))
        others = [asyncio.create_task(played(engine, small(seed))) for seed in range(8)]
        outcomes = await asyncio.gather(*others)
        with pytest.raises(EngineError, match="begun 3 times") as failure:
            await poison
        assert not isinstance(failure.value, EngineLost)
        assert pictures(outcomes) == [1] * 8
        assert [worker.process.returncode for worker in started].count(9) == 3


async def test_a_broker_that_is_killed_keeps_every_task(server: Server) -> None:
    async with cluster(server.url) as engine, working(server.url, sleeping(0.02)):
        await present(engine, 1)
        runs = [asyncio.create_task(played(engine, small(seed))) for seed in range(12)]
        await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        await server.restart()
        assert pictures(await asyncio.gather(*runs)) == [1] * 12


async def test_bot_and_worker_end_in_order_while_the_broker_is_away(server: Server) -> None:
    started = asyncio.Event()
    async with cluster(server.url) as engine, working(server.url, sleeping(0.02)):
        run = asyncio.create_task(begun(engine, small(steps=50), started))
        await started.wait()
        await server.kill()
    with pytest.raises(EngineLost):
        await run


async def test_what_a_broker_with_a_new_disk_has_lost_is_published_again(server: Server) -> None:
    async with cluster(server.url) as engine, working(server.url, sleeping(0.02)):
        await present(engine, 1)
        runs = [asyncio.create_task(played(engine, small(seed))) for seed in range(12)]
        await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        await server.restart(wiped=True)
        assert pictures(await asyncio.gather(*runs)) == [1] * 12


async def test_a_broker_with_a_full_disk_takes_tasks(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    with ExitStack() as stack:
        try:
            stack.enter_context(small_disk(tmp_path / "js", "1m"))
        except PermissionError:
            pytest.skip("only root mounts a small disk")
        async with serving(tmp_path) as server, cluster(server.url) as engine:
            with (tmp_path / "js" / "filler").open("wb", buffering=0) as filler, suppress(OSError):
                while True:
                    filler.write(bytes(4096))
            async with working(server.url, sleeping(0.01)):
                tasks = [small(seed, "a cat" * 500) for seed in range(12)]
                assert pictures(await asyncio.gather(*(played(engine, task) for task in tasks))) == [1] * 12


async def test_nothing_is_handed_out_while_the_broker_takes_no_task(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_engine, "UNTAKEN", 0.1)
    operator = Connection(Access(server.url), "operator")
    await operator.open()
    async with cluster(server.url) as engine, working(server.url, sleeping(0)):
        await present(engine, 1)
        limits = (await operator.api(f"STREAM.INFO.{STREAM}"))["config"]
        await operator.api(f"STREAM.UPDATE.{STREAM}", **limits | {"max_msg_size": 10})
        waiting = asyncio.create_task(played(engine, small()))
        await present(engine, 0)
        assert engine.state == EngineState(
            "failed", "the broker takes no tasks: message size exceeds maximum allowed"
        )
        await operator.api(f"STREAM.UPDATE.{STREAM}", **limits)
        assert pictures([await waiting]) == [1]
        await present(engine, 1)
        assert engine.state == EngineState("ready")
    await operator.close()


async def test_a_broker_that_takes_tasks_again_is_asked_though_nobody_waits_any_more(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_engine, "UNTAKEN", 0.1)
    async with cluster(server.url) as engine, working(server.url, sleeping(0)):
        await present(engine, 1)
        await engine._connection.api(f"STREAM.DELETE.{STREAM}")
        given_up = asyncio.create_task(played(engine, small()))
        await present(engine, 0)
        given_up.cancel()
        await present(engine, 1)


async def test_a_stream_of_an_earlier_version_is_refused_with_the_remedy(server: Server) -> None:
    operator = Connection(Access(server.url), "operator")
    await operator.open()
    await operator.api(f"STREAM.CREATE.{STREAM}", name=STREAM, subjects=["task.*.*.*"], retention="workqueue")
    with pytest.raises(BrokerError, match="delete its store_dir"):
        await operator.prepare("test", LEASE)
    await operator.close()


async def test_a_picture_that_its_bot_has_yet_to_take_keeps_nobody_waiting(server: Server) -> None:
    link, started = Link(server.port), asyncio.Event()
    async with (
        cluster(await link.open(), user="away") as away,
        cluster(server.url, user="other") as other,
        working(server.url, sleeping(0.01, SMALL)),
    ):
        await present(away, 1)
        run = asyncio.create_task(begun(away, small(), started))
        await started.wait()
        link.flows.clear()
        async with asyncio.timeout(SENT):  # in which its bot is not asked a second time
            assert pictures([await played(other, small(1))]) == [1]
        link.flows.set()
        assert pictures([await run]) == [1]
    await link.close()


async def test_a_new_life_of_a_bot_drops_what_the_last_one_left(server: Server) -> None:
    fake = sleeping(0.01)
    async with working(server.url, fake):
        before = ClusterEngine(Access(server.url), "test", lease=LEASE)
        started = asyncio.Event()
        left = [asyncio.create_task(begun(before, small(seed, steps=50), started)) for seed in range(6)]
        await started.wait()
        await before._connection.client.close()  # as when its process is killed
        async with cluster(server.url) as engine:
            assert pictures([await played(engine, small(9))]) == [1]
            assert fake.tasks[-1] == small(9)
        await before.close()
        assert all(isinstance(one, EngineLost) for one in await asyncio.gather(*left, return_exceptions=True))


async def test_a_worker_behind_a_link_that_is_cut_gives_its_picture_once_it_is_back(server: Server) -> None:
    link = Link(server.port)
    async with cluster(server.url) as engine, working(await link.open(), sleeping(0.01)):
        await present(engine, 1)
        started = asyncio.Event()
        run = asyncio.create_task(begun(engine, small(steps=50), started))
        await started.wait()
        link.cut()
        link.heal()
        assert pictures([await run]) == [1]
    await link.close()


async def test_a_bot_behind_a_link_that_is_cut_gets_every_picture_once_it_is_back(server: Server) -> None:
    link = Link(server.port)
    async with cluster(await link.open()) as engine, working(server.url, sleeping(0.01)):
        await present(engine, 1)
        started = asyncio.Event()
        runs = [asyncio.create_task(begun(engine, small(seed), started)) for seed in range(6)]
        await started.wait()
        link.cut()
        link.heal()
        assert pictures(await asyncio.gather(*runs)) == [1] * 6
    await link.close()
