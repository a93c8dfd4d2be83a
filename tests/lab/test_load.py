"""The load in small: what a crowd is promised by all four ways it gets once, in turns, in few commits."""

from pathlib import Path

from bot.types import Address, Job, Params, Request, User
from lab.load import rows
from lab.load.__main__ import WAYS, cells
from lab.load.bot_under_load import load
from lab.load.crowd import Crowd

PEOPLE, JOBS = 24, 72


async def test_a_crowd_gets_what_it_was_promised_once_and_in_fair_turns(tmp_path: Path) -> None:
    measured = await load(tmp_path, JOBS, PEOPLE, WAYS, room=2)
    crowd = measured.crowd
    assert crowd.wrong == []
    assert sum(crowd.ends.values()) == JOBS
    assert crowd.ends["delivered"] > JOBS // 2
    assert crowd.waits
    assert measured.commits <= 2 * len(crowd.begun)
    assert len(cells(measured)) == 10


def taken_in(crowd: Crowd) -> None:
    request = Request(User("core", "p1", "p1"), Address("core", "m"), "e", "imagine", Params("a boat for p1"))
    crowd.accepts(Job(1, request, "queued", 0.0, 64, 64, 5, 1))


def test_a_job_that_is_lost_or_never_shown_is_noticed() -> None:
    crowd = Crowd(jobs=2, room=1)
    taken_in(crowd)
    crowd.check([(1, "delivered", 1, 1)])
    assert crowd.wrong == [
        "2 jobs were taken in, 1 are kept",
        "job 1: delivered, shown 0 times, 1 of 1 pictures",
    ]


def test_a_wait_for_three_pictures_of_one_other_person_is_noticed() -> None:
    crowd = Crowd(jobs=1, room=1)
    crowd.begins("a boat for p2")
    taken_in(crowd)
    for name in ("p2", "p3", "p2", "p2", "p1"):
        crowd.begins(f"a boat for {name}")
    crowd.check([])
    assert crowd.wrong[-1] == "somebody's only job waited for 3 pictures of one other person"


async def test_rows_of_the_day_are_there_while_it_is_measured(tmp_path: Path) -> None:
    measured, took = await rows.measure(tmp_path, 300, 10, 3)
    assert measured.crowd.wrong == []
    assert took.keys() == set(rows.SHOWN)
