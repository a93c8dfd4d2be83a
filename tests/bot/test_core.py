"""The straight line: check, admit, wait in turn, run, deliver, with real store and files."""

import asyncio
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from bot.fake import FakePlatform
from bot.policy.limits import Rule
from bot.types import Job, Refused, Reply
from engine.fake import FakeEngine
from engine.types import Generate, Upscale
from tests.bot.harness import ANN, BOB, TOKENS, StepGate, bot_harness


async def test_a_prompt_becomes_a_picture_in_its_message(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask()
        await home.core.idle()
        row = await home.row(job)
        message = await home.message(job)
        assert row.state == "delivered"
        assert row.used_prompt == "a picture of a boat, at sunset"
        assert [image.data for image in message.images] == [await home.images.read(row.pictures[0].file)]
        assert (await home.core.picture(ANN, job.id, 0)).read_bytes() == message.images[0].data


async def test_the_first_reply_gives_the_place_and_the_message_keeps_its_address(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        first, second = await home.ask(), await home.ask()
        expected = home.replies.waiting(await home.row(second), 2)
        assert (await home.message(second)).text == expected.text
        assert (await home.row(first)).request.address.place == "message 1"
        home.run()
        await home.core.idle()
        assert len(home.platform.latest) == 2


async def test_places_are_brought_up_to_date_when_the_line_moves(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        jobs = [await home.ask() for _ in range(4)]
        await gate.reached()
        await home.core.cancel(ANN, jobs[2].id)
        await home.settled()
        assert (await home.message(jobs[3])).text == home.replies.waiting(await home.row(jobs[3]), 1).text
        gate.open()
        await home.core.idle()


async def test_progress_is_shown_while_a_picture_is_drawn(tmp_path: Path) -> None:
    gate = StepGate(step=3)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask(steps=4)
        await gate.reached()
        reply = await home.core.reply(await home.row(job))
        assert reply.progress == (2, 4)
        gate.open()
        await home.core.idle()
        assert (2, 4) in [reply.progress for _, reply in home.platform.shows]


async def test_four_pictures_are_one_job_with_one_grid(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(count=4)
        await home.core.idle()
        row = await home.row(job)
        assert [picture.seed for picture in row.pictures] == [5, 6, 7, 8]
        [grid] = (await home.message(job)).images
        assert (grid.width, grid.height) == (128, 128)


async def test_the_same_event_twice_is_one_job_and_one_picture(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        jobs = await asyncio.gather(*(home.ask(event="e1") for _ in range(5)))
        await home.core.idle()
        assert len({job.id for job in jobs}) == 1
        assert len(home.engine.tasks) == 1


async def test_twenty_submits_at_once_never_exceed_the_rule(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, rule=Rule(per_minute=7)) as home:
        results = await asyncio.gather(*(home.ask() for _ in range(20)), return_exceptions=True)
        assert sum(isinstance(result, Job) for result in results) == 7
        await home.core.idle()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"prompt": " "}, "empty-prompt"),
        ({"prompt": "a forbidden boat"}, "banned-words"),
        ({"count": 5}, "too-many"),
        ({"width": 999, "height": 64}, "bad-value"),
        ({"kind": "upscale"}, "needs-image"),
        ({"image": "gone.png"}, "picture-gone"),
    ],
)
async def test_a_refused_ask_leaves_no_trace(tmp_path: Path, said: dict[str, object], code: str) -> None:
    async with bot_harness(tmp_path) as home:
        with pytest.raises(Refused) as caught:
            await home.ask(**said)
        assert caught.value.code == code
        assert await home.core.jobs(ANN) == []
        assert home.platform.shows == []


async def test_a_submit_goes_on_when_its_caller_is_cancelled(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        asking = asyncio.ensure_future(home.ask())

        async def state(wanted: str = "") -> bool:
            jobs = await home.core.jobs(ANN)
            return bool(jobs) and jobs[0].state.endswith(wanted)

        await home.until(state)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await home.until(partial(state, "delivered"))


async def test_an_optimized_prompt_with_a_banned_word_fails_uncharged(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, banned=["sunset"]) as home:
        job = await home.ask("a boat")
        await home.core.idle()
        row = await home.row(job)
        assert (row.state, row.error, row.error_detail) == ("failed", "refused", "banned-words")
        assert (await home.usage(ANN)).charges == ()
        assert home.engine.running == 0


@pytest.mark.parametrize("code", ["bad_input", "out_of_memory", "numerics"])
async def test_a_task_the_engine_cannot_do_fails_uncharged_and_the_next_works(
    tmp_path: Path, code: str
) -> None:
    async with bot_harness(tmp_path) as home:
        bad, good = await home.ask(f"fail {code}:", count=3), await home.ask()
        await home.core.idle()
        row = await home.row(bad)
        assert (row.state, row.error) == ("failed", code)
        assert (await home.message(bad)).text == home.replies.failed(row).text
        assert (await home.row(good)).state == "delivered"
        assert len((await home.usage(ANN)).charges) == 1


async def test_a_bug_in_one_job_does_not_stop_the_line(tmp_path: Path) -> None:
    async def stumble(task: Generate, step: int) -> None:
        if "odd" in task.prompt:
            raise ZeroDivisionError

    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, stumble)) as home:
        odd, good = await home.ask("odd"), await home.ask()
        await home.core.idle()
        assert ((await home.row(odd)).state, (await home.row(odd)).error) == ("failed", "internal")
        assert (await home.row(good)).state == "delivered"


async def test_a_job_of_several_pictures_is_shown_anew_only_where_something_is_new(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        await home.ask(count=4)
        await home.core.idle()
        shown = [reply for _, reply in home.platform.shows]
        assert all(one != other for one, other in pairwise(shown))


async def test_cancelling_a_waiting_job_costs_nothing_and_only_ones_own(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        mine, other = await home.ask(), await home.ask(user=BOB)
        assert await home.core.cancel(ANN, other.id) == 0
        assert await home.core.cancel(ANN) == 1
        home.run()
        await home.core.idle()
        assert ((await home.row(mine)).state, (await home.row(other)).state) == ("cancelled", "delivered")
        assert (await home.usage(ANN)).charges == ()
        assert len(home.engine.tasks) == 1


async def test_cancelling_a_running_job_stops_the_engine_and_costs_the_steps_done(tmp_path: Path) -> None:
    gate = StepGate(step=3)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask(steps=8)
        await gate.reached()
        assert await home.press("cancel", job) is None
        await home.core.idle()
        assert home.engine.running == 0
        row = await home.row(job)
        assert row.state == "cancelled"
        assert (await home.message(job)).text == home.replies.cancelled(row).text
        assert (await home.usage(ANN)).charges == ((1000.0, 0.25),)
        assert await home.core.cancel(ANN, job.id) == 0


async def test_people_take_turns_though_one_has_ordered_many(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        for _ in range(2):
            await home.ask("ann", count=4)
        await home.ask("bob", user=BOB)
        home.run()
        await home.core.idle()
        assert [task.prompt for task in home.engine.tasks[:3]] == ["ann", "bob", "ann"]


async def test_the_last_word_is_repeated_until_the_platform_takes_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        job = await home.ask()
        home.platform.fail(7)
        home.run()
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"
        assert len((await home.message(job)).images) == 1


async def test_a_platform_that_misses_the_first_reply_still_gets_the_picture(tmp_path: Path) -> None:
    platform = FakePlatform()
    platform.fail(1)
    async with bot_harness(tmp_path, platform=platform) as home:
        job = await home.ask()
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"
        assert len(platform.latest) == 1


async def test_an_optimize_job_ends_with_its_words(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask("boat", kind="optimize")
        await home.core.idle()
        row = await home.row(job)
        assert (row.state, row.used_prompt) == ("delivered", "a picture of boat, at sunset")
        assert (await home.message(job)).images == ()


async def test_an_attached_picture_starts_the_drawing_with_its_aspect(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        drawn = await home.ask(width=128, height=64)
        await home.core.idle()
        job = await home.ask(image=(await home.message(drawn)).images[0].data)
        await home.core.idle()
        task = home.engine.tasks[-1]
        assert task.init_image == await home.images.read_input(job.request.image or "")
        assert ((await home.row(job)).width, (await home.row(job)).height) == (96, 64)


async def test_an_attached_picture_can_be_upscaled(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        drawn = await home.ask()
        await home.core.idle()
        job = await home.ask("", kind="upscale", image=(await home.message(drawn)).images[0].data)
        await home.core.idle()
        assert isinstance(home.engine.tasks[-1], Upscale)
        assert [(one.width, one.height) for one in (await home.row(job)).pictures] == [(128, 128)]


async def test_a_person_sees_only_their_own_jobs(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask()
        await home.core.idle()
        with pytest.raises(Refused, match="no-such-job"):
            await home.core.job(BOB, job.id)
        with pytest.raises(Refused, match="no-such-job"):
            await home.core.picture(BOB, job.id, 0)
        with pytest.raises(Refused, match="not-finished"):
            await home.core.picture(ANN, job.id, 3)
        assert await home.core.jobs(BOB) == []


async def test_old_pictures_are_swept_away_and_the_message_says_so(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask()
        await home.core.idle()
        home.time += 2 * 86_400
        await home.core.sweep()
        with pytest.raises(Refused, match="picture-gone"):
            await home.core.picture(ANN, job.id, 0)
        row = await home.row(job)
        assert await home.core.reply(row) == home.replies.deleted(row)


async def test_replies_of_one_message_never_go_back_in_time(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(steps=6, count=2)
        await home.core.idle()
        steps = [reply.progress[0] for _, reply in home.platform.shows if reply.progress]
        assert steps == sorted(steps)
        assert isinstance(await home.message(job), Reply)
        assert [bool(reply.images) for _, reply in home.platform.shows].count(True) == 1


async def test_who_waits_is_told_when_theirs_is_due_once_the_pace_is_known(tmp_path: Path) -> None:
    async def slowly(task: Generate, step: int) -> None:
        home.time += 3.0

    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, slowly), run=False) as home:
        jobs = [await home.ask(user=user) for user in (ANN, BOB, ANN, BOB)]
        assert (await home.message(jobs[3])).eta is None
        home.run()
        await home.core.idle()
        due = {reply.eta for _, reply in home.platform.shows if reply.eta}
        assert due == {1006 + 18}
