"""Commands that make no job are answered at once, about one's own jobs."""

from pathlib import Path

import pytest

from bot.policy.limits import left
from bot.requests.commands import Command
from bot.types import Refused
from engine.fake import FakeEngine
from tests.bot.harness import ANN, BOB, FREE, TOKENS, StepGate, bot_harness


async def test_help_history_and_quota_answer_for_the_person_who_asks(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        replies, core = home.replies, home.core
        job = await home.ask()
        await core.idle()
        usage = await home.usage(ANN)
        assert await core.answer(ANN, Command("help", "")) == replies.help("en")
        assert await core.answer(ANN, Command("history", "")) == replies.history("en", [await home.row(job)])
        assert await core.answer(BOB, Command("history", "")) == replies.history("en", [])
        assert await core.answer(ANN, Command("quota", "")) == replies.quota("en", FREE, usage, home.time)
        assert left(FREE, usage, home.time) == 0


async def test_queue_names_ones_own_places_and_how_many_wait(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        await home.ask(user=BOB)
        mine = await home.ask()
        expected = home.replies.queue("en", [(await home.row(mine), 2)], 2)
        assert await home.core.answer(ANN, Command("queue", "")) == expected


async def test_show_and_info_take_a_number_or_the_newest_job(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        first, second = await home.ask(), await home.ask("a house")
        await home.core.idle()
        newest = await home.message(second)
        assert (await home.core.answer(ANN, Command("show", ""))) == newest
        assert (await home.core.answer(ANN, Command("show", f"#{first.id}"))) == await home.message(first)
        info = home.replies.info(await home.row(first), 0)
        assert await home.core.answer(ANN, Command("info", f" {first.id} ")) == info


@pytest.mark.parametrize(
    ("name", "rest", "code"),
    [
        ("show", "", "no-job-yet"),
        ("show", "17", "no-such-job"),
        ("info", "boat", "no-such-job"),
        ("cancel", "", "nothing-to-cancel"),
        ("cancel", "x", "no-such-job"),
        ("show", "9" * 20, "no-such-job"),
        ("show", "9" * 5000, "no-such-job"),
        ("show", "²", "no-such-job"),
        ("show", "٣", "no-such-job"),
        ("show", "-1", "no-such-job"),
        ("info", "#" + "9" * 20, "no-such-job"),
        ("cancel", "9" * 20, "no-such-job"),
        ("imagine", "a boat", "unknown-command"),
    ],
)
async def test_what_cannot_be_answered_is_refused(tmp_path: Path, name: str, rest: str, code: str) -> None:
    async with bot_harness(tmp_path) as home:
        with pytest.raises(Refused) as caught:
            await home.core.answer(ANN, Command(name, rest))
        assert caught.value.code == code


@pytest.mark.parametrize("rest", ["", "all", "全部", "すべて"])
async def test_cancel_ends_one_job_or_all_and_answers_with_what_is_left(tmp_path: Path, rest: str) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        jobs = [await home.ask() for _ in range(3)]
        answer = await home.core.answer(ANN, Command("cancel", str(jobs[1].id)))
        waiting = [(await home.row(job), place) for job, place in ((jobs[0], 1), (jobs[2], 2))]
        assert answer == home.replies.cancelled_jobs("en", 1, waiting, 2, 0)
        answer = await home.core.answer(ANN, Command("cancel", rest))
        assert answer.text == "Cancelled 2 jobs."
        assert [(await home.row(job)).state for job in jobs] == ["cancelled"] * 3


async def test_cancelling_all_begins_none_of_them(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        for number in range(6):
            await home.ask(f"boat {number}")
        await gate.reached()
        await home.core.answer(ANN, Command("cancel", ""))
        await home.core.idle()
        assert [task.prompt for task in home.engine.tasks] == ["boat 0", "boat 1"]
