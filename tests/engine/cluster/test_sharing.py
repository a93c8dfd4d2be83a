"""Who draws what: several workers and bots on one broker, fast and slow cards, files, cancels, strangers."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from engine.cluster import presence, wire
from engine.cluster.broker import PIECE, Access, BrokerError, Connection
from engine.cluster.engine import ClusterEngine
from engine.cluster.presence import Presence
from engine.cluster.worker import ClusterWorker
from engine.fake import FakeEngine, striped
from engine.runtime.messages import Failed
from engine.types import EngineError, Event, Generate, Picture, Progress, Upscale
from tests.contracts.engine_contract import picture, played
from tests.engine.cluster.fleet import SMALL, Server, cluster, needs_broker, serving, sleeping, until, working

pytestmark = needs_broker


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as server:
        yield server


def small(seed: int = 0, prompt: str = "a cat", **changes: Any) -> Generate:
    return Generate(prompt, width=128, height=128, seed=seed, **changes)


async def present(engine: ClusterEngine, count: int) -> None:
    await until(engine, lambda: len(engine.rooms) == count)


async def test_rooms_are_those_of_all_workers_and_change_when_one_comes_or_leaves(server: Server) -> None:
    async with cluster(server.url) as engine, working(server.url, FakeEngine(100), user="a"):
        async with working(server.url, FakeEngine(200), user="b"):
            await until(engine, lambda: engine.rooms == (100, 200))
        assert engine.rooms == (100,)


async def test_rooms_follow_an_engine_whose_memory_changes(server: Server) -> None:
    fake = FakeEngine(100)
    async with cluster(server.url) as engine, working(server.url, fake):
        await present(engine, 1)
        fake.resize(40)
        await until(engine, lambda: engine.rooms == (40,))


async def test_each_of_three_workers_draws_its_share(server: Server) -> None:
    fakes = [sleeping(0.005, SMALL) for _ in range(3)]
    async with (
        cluster(server.url) as engine,
        working(server.url, fakes[0], user="a"),
        working(server.url, fakes[1], user="b"),
        working(server.url, fakes[2], user="c"),
    ):
        await present(engine, 3)
        await asyncio.gather(*(played(engine, small(seed)) for seed in range(12)))
    assert all(fake.tasks for fake in fakes)
    assert all(fake.most_running == 1 for fake in fakes)


async def test_a_slow_card_gets_lone_pictures_only_when_the_fast_one_is_full(server: Server) -> None:
    fast, slow = sleeping(0.002), sleeping(0.02)
    async with (
        cluster(server.url) as engine,
        working(server.url, fast, user="fast"),
        working(server.url, slow, user="slow") as slow_one,
    ):
        await present(engine, 2)
        await asyncio.gather(*(played(engine, small(seed)) for seed in range(8)))
        await soon(lambda: all(each.presence.speed for each in engine.present()))
        await engine._ask_who()
        await soon(lambda: slow_one._priority() == 5)
        before = len(slow.tasks)
        for seed in range(6):
            await played(engine, small(seed))
        # The broker may still have had its wish from before it knew that it is slow.
        assert len(slow.tasks) - before <= 1


async def test_two_bots_share_the_workers_and_get_their_own_pictures(server: Server) -> None:
    async with (
        cluster(server.url, user="one") as one,
        cluster(server.url, user="two") as two,
        working(server.url, sleeping(0.002)),
    ):
        tasks = [
            (engine, small(seed, name)) for seed in range(6) for engine, name in ((one, "a"), (two, "b"))
        ]
        made = await asyncio.gather(*(picture(engine, task) for engine, task in tasks))
    expected = [striped(repr(task), 128, 128) for _, task in tasks]
    assert [each.png for each in made] == expected


async def test_a_second_bot_of_the_same_name_is_refused(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with cluster(server.url) as engine, working(server.url, sleeping(0)):
        await present(engine, 1)
        async with cluster(server.url, connected=False) as second:
            await soon(lambda: "another bot is bot already" in caplog.text)
            assert second.state.phase == "failed"
        assert isinstance(await picture(engine, small()), Picture)


async def test_a_large_upload_and_a_large_picture_pass(server: Server) -> None:
    upload = striped("a picture", 64, 64) + bytes(3 * PIECE)

    class Large(FakeEngine):
        async def run(self, task: Any) -> Any:
            async with aclosing(super().run(task)) as events:
                async for event in events:
                    yield (
                        replace(event, png=event.png + bytes(5 * PIECE))
                        if isinstance(event, Picture)
                        else event
                    )

    fake = Large()
    async with cluster(server.url) as engine, working(server.url, fake):
        made = await picture(engine, Upscale(upload))
    assert fake.tasks == [Upscale(upload)]
    assert len(made.png) > 5 * PIECE


def shown(step: int) -> bytes:
    """Return the preview of a step."""
    return striped(f"step {step}", 8, 8)


async def test_previews_arrive_with_their_steps(server: Server) -> None:
    class Previewing(FakeEngine):
        async def run(self, task: Any) -> Any:
            async with aclosing(super().run(task)) as events:
                async for event in events:
                    yield replace(event, preview=shown(event.step)) if isinstance(event, Progress) else event

    async def slowly(task: Generate, step: int) -> None:
        await asyncio.sleep(0.01)

    async with cluster(server.url) as engine, working(server.url, Previewing(pace=slowly)):
        events = await played(engine, small())
    previews = [(event.step, event.preview) for event in events if isinstance(event, Progress)]
    assert (8, shown(8)) in previews
    assert all(preview == shown(step) for step, preview in previews)


async def test_a_cancelled_task_leaves_its_worker_and_the_broker(server: Server) -> None:
    fake = sleeping(60)
    async with cluster(server.url) as engine, working(server.url, fake) as worker:
        runs = [asyncio.create_task(played(engine, small(seed))) for seed in range(4)]
        await soon(lambda: fake.running == 2)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        await worker._until(lambda: not worker.running)
        while (await engine._connection.api("STREAM.INFO.TASKS"))["state"]["messages"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_one_machine_has_no_memory_for_is_tried_once_more(server: Server) -> None:
    first = True

    class Scarce(FakeEngine):
        async def run(self, task: Any) -> Any:
            nonlocal first
            if first:
                first = False
                raise EngineError("out_of_memory", "too large")
            async with aclosing(super().run(task)) as events:
                async for event in events:
                    yield event

    async with cluster(server.url) as engine, working(server.url, Scarce()):
        assert isinstance(await picture(engine, small()), Picture)


async def test_a_worker_of_another_version_or_capability_is_listed_and_gets_nothing(server: Server) -> None:
    stranger = sleeping(0)
    async with (
        cluster(server.url) as engine,
        working(server.url, stranger, lane="v2-test"),
        working(server.url, sleeping(0), user="ours"),
    ):
        await present(engine, 1)
        assert isinstance(await picture(engine, small()), Picture)
        await soon(lambda: {each.lane for each in engine.present()} == {"test", "v2-test"})
    assert stranger.tasks == []


async def test_a_worker_that_differs_from_the_bot_is_named_in_the_log(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    ours = Presence((), model="embedded", classifier="a/classifier")
    engine = ClusterEngine(Access(server.url), "test", expected=ours)
    engine.start()
    async with working(server.url, sleeping(0), presence=replace(ours, classifier="")):
        await present(engine, 1)
    await engine.close()
    assert "has another classifier: '', here 'a/classifier'" in caplog.text
    assert "another model" not in caplog.text


def bomb(side: int) -> bytes:
    """Return the start of a PNG that says it is so many pixels wide and high."""
    whole = striped("a picture", 8, 8)
    head = struct.pack(">4sIIBBBBB", b"IHDR", side, side, 8, 2, 0, 0, 0)
    return whole[:12] + head + struct.pack(">I", zlib.crc32(head)) + whole[33:]


async def test_a_preview_that_is_no_picture_is_left_out_and_the_picture_comes(server: Server) -> None:
    async with cluster(server.url) as engine:
        events: list[Event] = []

        async def draw() -> None:
            async for event in engine.run(small()):
                events.append(event)

        drawing = asyncio.create_task(draw())
        liar = Connection(Access(server.url), "liar")
        await liar.open()
        await soon(lambda: any(run.kept for run in engine._runs.values()))
        [number] = engine._runs
        await liar.publish(f"event.bot.{number}", wire.pack([Progress(1, 2, b"none")]), {"Try": "1.1"})
        await soon(lambda: bool(events))
        assert events == [Progress(1, 2)]
        await liar.close()
        async with working(server.url, sleeping(0)):
            await drawing
        assert isinstance(events[-1], Picture)


@pytest.mark.parametrize(
    "lie",
    [
        b"",
        b"\x80\x04nonsense",
        wire.pack([Picture(b"no picture", 128, 128, 0, 0.0)]),
        wire.pack([Picture(b"\x89PNG\r\n\x1a\n", 128, 128, 0, 0.0)]),
        wire.pack([Picture(striped("a picture", 64, 64), 128, 128, 0, 0.0)]),
        wire.pack([Picture(bomb(30_000), 30_000, 30_000, 0, 0.0)]),
        wire.pack([Failed("lost", "go away")]),
        wire.pack([small()]),
    ],
)
async def test_a_worker_that_answers_nonsense_is_asked_again_and_another_draws(
    server: Server, lie: bytes
) -> None:
    async with cluster(server.url) as engine:
        run = asyncio.create_task(picture(engine, small()))
        liar = Connection(Access(server.url), "liar")
        await liar.open()
        await soon(lambda: any(run.kept for run in engine._runs.values()))
        [number] = engine._runs
        assert await liar.request(f"event.bot.{number}", lie, {"Try": "1.1"}) == b"again"
        await liar.close()
        async with working(server.url, sleeping(0)):
            assert isinstance(await run, Picture)


async def test_a_result_that_is_sent_twice_is_fetched_once(server: Server) -> None:
    async with cluster(server.url) as engine:
        run = asyncio.create_task(picture(engine, small()))
        slow = Connection(Access(server.url), "slow")
        await slow.open()
        await soon(lambda: any(each.kept for each in engine._runs.values()))
        [number] = engine._runs
        png = striped("a picture", 64, 64) + bytes(3 * PIECE)
        headers = {"Try": "1.1", "File": slow.keep(number, png)}
        data = wire.pack([Picture(b"", 64, 64, 0, 0.0)])
        with patch.object(engine._connection, "fetch", wraps=engine._connection.fetch) as fetch:
            twice = [slow.request(f"event.bot.{number}", data, headers, 3) for _ in range(2)]
            answers = await asyncio.gather(*twice, return_exceptions=True)
            assert (await run).png == png
        assert b"taken" in answers
        assert fetch.call_count == 1
        await slow.close()


async def test_a_connection_that_the_broker_ended_for_good_is_made_anew(server: Server) -> None:
    async with cluster(server.url) as engine:
        run = asyncio.create_task(played(engine, small()))
        await engine._connection.client.close()
        async with working(server.url, sleeping(0)):
            assert isinstance((await run)[-1], Picture)


async def test_a_worker_whose_connection_the_broker_ended_for_good_says_so(server: Server) -> None:
    worker = ClusterWorker(Access(server.url), "test", FakeEngine(), Presence(()))
    running = asyncio.create_task(worker.run())
    await worker.joined()
    await worker._connection.client.close()
    with pytest.raises(BrokerError, match="ended the connection"):
        await running


def test_presence_that_cannot_be_is_not_taken() -> None:
    for lie in (
        b"",
        b"{}",
        b'{"rooms": [-1]}',
        b'{"rooms": [' + b"1," * 100 + b"1]}",
        b'{"rooms": [99999999]}',
    ):
        with pytest.raises(ValueError, match="no presence"):
            Presence.unpack(lie)


def test_a_worker_that_is_silent_counts_as_gone() -> None:
    now = 0.0
    roster = presence.Roster(lambda: now)
    roster.hear("here.test.a.1", Presence((1,)).pack())
    now = 5.0
    roster.hear("here.test.b.1", Presence((1,)).pack())
    now = 7.0
    assert roster.expire() == ["a.1"]
    assert [each.name for each in roster] == ["b.1"]


@pytest.mark.parametrize(("count", "silent"), [(presence.MANY, 7.0), (presence.MANY + 1, 16.0)])
def test_where_there_are_very_many_each_may_be_silent_for_longer(count: int, silent: float) -> None:
    now = 0.0
    roster = presence.Roster(lambda: now)
    for number in range(count):
        roster.hear(f"here.test.a{number}.1", Presence((1,)).pack())
    now = silent - 1.5
    assert roster.expire() == []
    now = silent
    assert len(roster.expire()) == count


async def test_a_worker_is_told_that_it_is_one_of_very_many(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.cluster.engine.MANY", 0)
    async with cluster(server.url) as engine, working(server.url, FakeEngine()) as worker:
        await until(engine, lambda: bool(engine.rooms))
        await engine._ask_who()
        await soon(lambda: worker._workers == 1)


async def soon(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds that nobody reports."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
