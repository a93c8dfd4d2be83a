"""Delivery: the newest reply wins, the platform sets the pace, and the last word gets through."""

import asyncio
from functools import partial

import pytest

from bot.fake import FakePlatform
from bot.jobs import delivery
from bot.jobs.delivery import LAST_RETRY, Delivery
from bot.types import Address, Reply

PLACE = Address("fake", "new 1")
MESSAGE = Address("fake", "message 1")


class Clock:
    """Time that passes only by sleeping, and sleeping takes no time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


class Bench:
    def __init__(self, pace: float = 1.0) -> None:
        self.clock = Clock()
        self.platform = FakePlatform(pace=pace)
        self.told: list[tuple[int, Address, bool]] = []
        self.delivery = Delivery(
            {"fake": self.platform}, self._shown, lambda: self.clock.now, self.clock.sleep
        )

    async def _shown(self, job: int, address: Address, final: bool) -> None:
        self.told.append((job, address, final))

    def texts(self) -> list[str]:
        return [reply.text for _, reply in self.platform.shows]


async def say(text: str) -> Reply:
    return Reply(text)


async def nothing() -> Reply | None:
    return None


async def test_of_several_updates_only_the_newest_is_shown() -> None:
    bench = Bench()
    for step in range(5):
        bench.delivery.offer(1, PLACE, partial(say, f"step {step}"))
    await bench.delivery.drained()
    assert bench.texts() == ["step 4"]


async def test_updates_of_one_message_keep_the_platforms_pace_and_those_of_two_do_not_wait() -> None:
    bench = Bench(pace=3.0)
    shown_at: list[tuple[str, float]] = []

    async def stamp(text: str) -> Reply:
        shown_at.append((text, bench.clock.now))
        return Reply(text)

    bench.delivery.offer(1, PLACE, partial(stamp, "a"))
    bench.delivery.offer(2, Address("fake", "other"), partial(stamp, "c"))
    await bench.delivery.attempted(1)
    bench.delivery.offer(1, PLACE, partial(stamp, "b"))
    await bench.delivery.drained()
    assert sorted(shown_at) == [("a", 0.0), ("b", 3.0), ("c", 0.0)]


async def test_the_address_that_show_returns_is_used_next_and_told() -> None:
    bench = Bench()
    bench.delivery.offer(1, PLACE, partial(say, "first"))
    await bench.delivery.drained()
    bench.delivery.finish(1, PLACE, partial(say, "last"))
    await bench.delivery.drained()
    assert bench.platform.latest == {MESSAGE: Reply("last")}
    assert bench.told == [(1, MESSAGE, False), (1, MESSAGE, True)]


async def test_an_update_that_fails_is_dropped() -> None:
    bench = Bench()
    bench.platform.fail(1)
    bench.delivery.offer(1, PLACE, partial(say, "lost"))
    await bench.delivery.drained()
    assert bench.texts() == []


async def test_the_last_word_is_repeated_ever_more_slowly_until_it_is_taken() -> None:
    bench = Bench(pace=0.5)
    bench.platform.fail(12)
    bench.delivery.finish(1, PLACE, partial(say, "done"))
    await bench.delivery.drained()
    assert bench.texts() == ["done"]
    assert bench.clock.slept[:4] == [1, 2, 4, 8]
    assert max(bench.clock.slept) == LAST_RETRY


async def test_nothing_comes_after_the_last_word_but_a_newer_last_word() -> None:
    bench = Bench()
    bench.platform.fail(1)
    bench.delivery.finish(1, PLACE, partial(say, "done"))
    bench.delivery.offer(1, PLACE, partial(say, "step 8"))
    await bench.delivery.attempted(1)
    bench.delivery.finish(1, PLACE, partial(say, "deleted"))
    await bench.delivery.drained()
    assert bench.texts() == ["deleted"]
    assert [final for _, _, final in bench.told] == [True]


async def test_a_reply_that_has_nothing_to_say_any_more_is_not_shown() -> None:
    bench = Bench()
    bench.delivery.offer(1, PLACE, nothing)
    await bench.delivery.drained()
    assert bench.texts() == []
    assert bench.told == []


async def test_a_message_is_not_edited_into_what_it_shows_already_but_for_the_last_word() -> None:
    bench = Bench()
    for _ in range(2):
        bench.delivery.offer(1, PLACE, partial(say, "a boat"))
        await bench.delivery.attempted(1)
    await bench.delivery.drained()
    assert bench.texts() == ["a boat"]
    bench.delivery.finish(1, PLACE, partial(say, "a boat"))
    await bench.delivery.drained()
    assert bench.texts() == ["a boat"] * 2


async def test_closing_leaves_what_is_unsaid_for_the_next_start() -> None:
    bench = Bench()
    bench.delivery.finish(1, PLACE, partial(say, "done"))
    await bench.delivery.close()
    assert bench.texts() == []
    await bench.delivery.attempted(1)


class Slow(FakePlatform):
    """Takes what it is shown only once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.may = asyncio.Event(), asyncio.Event()

    async def show(self, address: Address, reply: Reply) -> Address:
        self.reached.set()
        await self.may.wait()
        return await super().show(address, reply)


async def test_closing_waits_for_what_is_on_its_way_and_keeps_where_it_stands() -> None:
    bench, slow = Bench(), Slow()
    ending = Delivery({"fake": slow}, bench._shown)
    ending.offer(1, PLACE, partial(say, "queued"))
    await slow.reached.wait()
    closing = asyncio.create_task(ending.close())
    await asyncio.sleep(0)
    slow.may.set()
    await closing
    ending.offer(2, PLACE, partial(say, "late"))
    await ending.drained()
    assert bench.told == [(1, MESSAGE, False)]


async def test_closing_does_not_wait_for_a_platform_that_never_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "UNDER_WAY", 0.0)
    bench, slow = Bench(), Slow()
    closed = Delivery({"fake": slow}, bench._shown)
    closed.offer(1, PLACE, partial(say, "queued"))
    await slow.reached.wait()
    await closed.close()
    assert bench.told == []


async def test_a_message_out_of_reach_for_good_is_tried_once_and_counts_as_shown() -> None:
    bench = Bench()
    bench.platform.lost.add(PLACE)
    bench.delivery.offer(1, PLACE, partial(say, "step 1"))
    await bench.delivery.drained()
    bench.delivery.offer(1, PLACE, partial(say, "step 2"))
    await bench.delivery.drained()
    assert bench.told == []
    bench.delivery.finish(1, PLACE, partial(say, "done"))
    await bench.delivery.drained()
    assert bench.told == [(1, PLACE, True)]
    assert (bench.texts(), bench.platform.tries) == ([], 1)


async def test_what_is_to_be_shown_on_a_platform_that_is_not_served_is_left_for_later() -> None:
    told: list[int] = []

    async def shown(job: int, address: Address, final: bool) -> None:
        told.append(job)

    delivery = Delivery({}, shown)
    delivery.finish(1, Address("elsewhere", "m"), partial(say, "late"))
    await delivery.drained()
    assert told == []
