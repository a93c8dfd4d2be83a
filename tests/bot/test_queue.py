"""The line is fair between people by cost, honest about places, and never floods the engine."""

import asyncio
from dataclasses import replace

import pytest

from bot.jobs.fair_queue import FairQueue, Ticket


def ticket(job: int, person: str, cost: int = 1, index: int = 0, tokens: int = 1) -> Ticket:
    return Ticket(job, index, person, tokens, cost)


def places(queue: FairQueue, *jobs: int) -> list[int]:
    return [queue.position(job) for job in jobs]


async def served(queue: FairQueue) -> str:
    """Hand out everything one by one; return the people in order."""
    people = ""
    while len(queue):
        handed = await queue.next()
        people += handed.person
        queue.done(handed)
    return people


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("aaaa", "aaaa"),
        ("aaaab", "abaaa"),
        ("aabbcc", "abcabc"),
        ("aaabcab", "abcabaa"),
        ("abab", "abab"),
    ],
)
async def test_people_take_turns(line: str, order: str) -> None:
    queue = FairQueue((1,))
    queue.put(ticket(job, person) for job, person in enumerate(line))
    assert await served(queue) == order


async def test_a_cheap_person_is_served_more_often_than_a_dear_one() -> None:
    queue = FairQueue((1,))
    queue.put(ticket(job, "a", cost=4) for job in range(3))
    queue.put(ticket(10 + job, "b", cost=1) for job in range(8))
    assert await served(queue) == "abbbbabbbba"


async def test_a_person_of_more_weight_gets_more_turns_and_nobody_starves() -> None:
    queue = FairQueue((1,))
    queue.put(replace(ticket(job, "a"), weight=3) for job in range(6))
    queue.put(ticket(10 + job, "b") for job in range(3))
    assert await served(queue) == "abaaabaab"


async def test_while_paused_nothing_is_handed_out() -> None:
    queue = FairQueue((1,))
    queue.put([ticket(1, "a")])
    queue.pause(True)
    handing = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    assert not handing.done()
    queue.pause(False)
    assert (await handing).job == 1


async def test_the_cost_ahead_counts_what_runs_and_all_turns_up_to_ones_last() -> None:
    queue = FairQueue((1,))
    queue.put([ticket(1, "a", 5), ticket(2, "a", 7), ticket(2, "a", 7, index=1), ticket(3, "b", 2)])
    await queue.next()
    assert [queue.ahead(job) for job in (1, 2, 3)] == [0, 5 + 2 + 14, 5 + 2]


async def test_one_picture_is_never_behind_a_batch_of_four() -> None:
    queue = FairQueue((1,))
    queue.put(ticket(1, "a", index=index) for index in range(4))
    first = await queue.next()
    queue.put([ticket(2, "b")])
    queue.done(first)
    assert places(queue, 2, 1) == [1, 2]
    assert await served(queue) == "baaa"


async def test_who_was_served_lately_does_not_jump_ahead_by_coming_back() -> None:
    queue = FairQueue((1,))
    queue.put([ticket(1, "a", cost=5), ticket(2, "b", cost=5), ticket(3, "b", cost=5)])
    for _ in range(2):
        queue.done(await queue.next())
    queue.put([ticket(4, "a", cost=5), ticket(5, "c", cost=5)])
    assert await served(queue) == "cba"


async def test_positions_say_the_order_that_comes() -> None:
    queue = FairQueue((1,))
    queue.put(ticket(job, person) for job, person in enumerate("aaabbc"))
    foretold = sorted(range(6), key=queue.position)
    order = []
    while len(queue):
        handed = await queue.next()
        order.append(handed.job)
        queue.done(handed)
    assert order == foretold == [0, 3, 5, 1, 4, 2]
    assert queue.position(0) == 0


async def test_the_engine_gets_what_fits_and_one_ahead() -> None:
    queue = FairQueue((10,))
    queue.put(ticket(job, "a", tokens=4) for job in range(9))
    for _ in range(3):
        await queue.next()
    blocked = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    assert not blocked.done()
    queue.done(ticket(0, "a", tokens=4))
    assert (await blocked).job == 3


async def test_a_picture_larger_than_the_engine_still_goes_with_one_ahead() -> None:
    queue = FairQueue((1,))
    queue.put(ticket(job, "a", tokens=50) for job in range(3))
    assert [(await queue.next()).job, (await queue.next()).job] == [0, 1]
    blocked = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    assert not blocked.done()
    blocked.cancel()


async def test_a_grown_engine_gets_more() -> None:
    queue = FairQueue((1,))
    queue.put(ticket(job, "a") for job in range(4))
    await queue.next(), await queue.next()
    blocked = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    queue.resize((9,))
    assert [(await blocked).job, (await queue.next()).job] == [2, 3]


async def handed_out(queue: FairQueue) -> int:
    """Hand out while anything may go, and return how many went."""
    count = 0
    while True:
        handing = asyncio.ensure_future(queue.next())
        await asyncio.sleep(0)
        if not handing.done():
            handing.cancel()
            return count
        count += 1


async def test_each_device_gets_a_picture_larger_than_itself_and_one_ahead() -> None:
    queue = FairQueue((2,) * 10)
    queue.put(ticket(job, "a", tokens=3) for job in range(40))
    assert await handed_out(queue) == 20


async def test_what_fits_no_device_whole_is_not_split_over_two() -> None:
    queue = FairQueue((4, 4))
    queue.put(ticket(job, "a", tokens=3) for job in range(9))
    assert await handed_out(queue) == 4


async def test_where_nobody_is_there_nothing_is_handed_out_until_somebody_comes() -> None:
    queue = FairQueue(())
    queue.put(ticket(job, "a") for job in range(9))
    assert await handed_out(queue) == 0
    queue.resize((1,))
    assert await handed_out(queue) == 2


async def test_a_device_that_leaves_keeps_the_rest_from_getting_more_than_they_take() -> None:
    queue = FairQueue((1, 1))
    queue.put(ticket(job, "a") for job in range(9))
    assert await handed_out(queue) == 4
    queue.resize((1,))
    for job in range(2):
        queue.done(ticket(job, "a"))
    assert await handed_out(queue) == 0
    queue.done(ticket(2, "a"))
    assert await handed_out(queue) == 1


async def test_a_removed_job_gives_its_place_to_the_next() -> None:
    queue = FairQueue((1,))
    queue.put([ticket(1, "a"), ticket(2, "a"), ticket(2, "a", index=1), ticket(3, "b")])
    assert queue.remove(2) == 2
    assert places(queue, 1, 2, 3) == [1, 0, 2]
    assert queue.remove(1) == 1
    assert queue.remove(1) == 0
    assert places(queue, 1, 2, 3) == [0, 0, 1]


async def test_a_suspect_waits_for_an_empty_engine_and_keeps_it_to_itself() -> None:
    queue = FairQueue((100,))
    queue.put([ticket(1, "a"), ticket(2, "b"), ticket(3, "c")])
    one, two = await queue.next(), await queue.next()
    queue.retry_alone(one)
    queue.done(one)
    suspect = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    assert not suspect.done()
    queue.done(two)
    assert (await suspect).run_alone
    other = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    assert not other.done()
    queue.done(one)
    assert (await other).job == 3


async def test_drained_waits_for_what_is_handed_out() -> None:
    queue = FairQueue((1,))
    await queue.drained()
    queue.put([ticket(1, "a")])
    handed = await queue.next()
    drained = asyncio.ensure_future(queue.drained())
    await asyncio.sleep(0)
    assert not drained.done()
    queue.done(handed)
    await drained
