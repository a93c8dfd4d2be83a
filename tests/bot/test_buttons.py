"""Buttons work at any age of a job, for its own person only, and the same press twice is one."""

from pathlib import Path

import pytest

from bot.types import Action, Job, Refused, Reply, Verb
from engine.fake import FakeEngine, striped
from engine.pictures import metadata
from engine.types import Generate, Upscale
from tests.bot.harness import ANN, BOB, TOKENS, BotHarness, StepGate, bot_harness


async def drawn(home: BotHarness, **said: object) -> Job:
    job = await home.ask(**said)
    await home.core.idle()
    return await home.row(job)


async def test_a_reroll_is_a_new_job_in_a_message_of_its_own(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        again = await home.pressed("reroll", job)
        assert again.id != job.id
        assert (again.state, again.request.parent) == ("delivered", job.id)
        assert again.seed != job.seed
        assert again.request.variation is not None
        assert again.request.address != job.request.address
        third = await home.pressed("reroll", again)
        assert third.request.variation != again.request.variation


async def test_the_same_press_twice_is_one_job(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        first, second = await home.press("reroll", job, event="p"), await home.press("reroll", job, event="p")
        assert isinstance(first, Job)
        assert isinstance(second, Job)
        assert first.id == second.id
        await home.core.idle()
        assert len(home.engine.tasks) == 2


async def test_vary_takes_one_picture_of_a_grid(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home, count=4)
        varied = await home.pressed("vary", job, 2)
        tasks = [task for task in home.engine.tasks[-4:] if isinstance(task, Generate)]
        assert {task.seed for task in tasks} == {job.pictures[2].seed}
        assert {task.prompt for task in tasks} == {job.used_prompt}
        assert {task.original for task in tasks} == {"a boat"}
        assert len({picture.file for picture in varied.pictures}) == 4


async def test_upscale_enlarges_that_picture_and_can_be_upscaled_again(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home, count=4)
        large = await home.pressed("upscale", job, 3)
        task = home.engine.tasks[-1]
        assert isinstance(task, Upscale)
        assert task.image == await home.images.read(job.pictures[3].file)
        assert [(one.width, one.height) for one in large.pictures] == [(128, 128)]
        larger = await home.pressed("upscale", large)
        assert [(one.width, one.height) for one in larger.pictures] == [(256, 256)]


async def test_a_picture_with_its_prompt_is_redrawn_where_it_is_said(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        file = home.images.path(job.pictures[0].file)
        file.write_bytes(metadata.write(file.read_bytes(), metadata.Parameters("a fine boat")))
        await home.act(Action("upscale", job.id, 0, "redraw"))
        await home.core.idle()
        task = home.engine.tasks[-1]
        assert isinstance(task, Upscale)
        assert task.method == "redraw"


async def test_a_picture_is_enlarged_by_the_factor_and_the_method_that_are_said(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        await home.act(Action("upscale", job.id, 0, "x4 sr"))
        await home.core.idle()
        task = home.engine.tasks[-1]
        assert isinstance(task, Upscale)
        assert (task.factor, task.method) == (4, "sr")
        [large] = (await home.core.jobs(job.request.user, 1))[0].pictures
        assert (large.width, large.height) == (256, 256)


async def test_a_redraw_needs_the_pictures_prompt_and_that_prompt_is_judged(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        with pytest.raises(Refused, match="nothing-to-redraw"):
            await home.act(Action("upscale", job.id, 0, "redraw"))
        png = metadata.write(striped("x", 64, 64), metadata.Parameters("a forbidden boat"))
        with pytest.raises(Refused, match="banned-words"):
            await home.ask("", kind="upscale", image=png, method="redraw")


async def test_reroll_and_vary_under_an_upscaled_picture_mean_the_drawing_behind_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home, count=2)
        large = await home.pressed("upscale", await home.pressed("upscale", job, 1))
        assert (await home.pressed("reroll", large)).request.parent == job.id
        varied = await home.pressed("vary", large)
        assert (varied.request.kind, varied.seed) == ("imagine", job.pictures[1].seed)


@pytest.mark.parametrize(
    ("verb", "prompt", "original"),
    [("use", "a picture of boat, at sunset", "boat"), ("original", "boat", "")],
)
async def test_an_optimized_prompt_can_be_used_or_left(
    tmp_path: Path, verb: Verb, prompt: str, original: str
) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home, prompt="boat", kind="optimize")
        await home.pressed(verb, job)
        task = home.engine.tasks[-1]
        assert isinstance(task, Generate)
        assert (task.prompt, task.original, task.optimize) == (prompt, original, False)


async def test_info_and_edit_are_private_and_make_no_job(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        for verb in ("info", "edit"):
            reply = await home.press(verb, job)  # type: ignore[arg-type]
            assert isinstance(reply, Reply)
            assert reply.private
        assert len(await home.core.jobs(ANN)) == 1


async def test_delete_removes_the_files_and_says_so_in_the_message(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home, count=2)
        assert await home.press("delete", job) is None
        assert await home.press("delete", job) is None
        await home.core.idle()
        row = await home.row(job)
        assert row.state == "delivered"
        assert await home.message(job) == home.replies.deleted(row)
        assert not any(home.images.path(picture.file).exists() for picture in job.pictures)
        with pytest.raises(Refused, match="picture-gone"):
            await home.press("upscale", job)
        assert (await home.pressed("reroll", job)).state == "delivered"


async def test_only_the_jobs_own_person_may_press(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        shows = len(home.platform.shows)
        verbs: tuple[Verb, ...] = ("reroll", "vary", "upscale", "edit", "info", "delete", "cancel")
        for verb in verbs:
            with pytest.raises(Refused, match="not-yours"):
                await home.press(verb, job, user=BOB)
        assert len(home.platform.shows) == shows


async def test_a_button_of_an_unknown_job_or_an_unfinished_picture_is_refused(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask()
        await gate.reached()
        refusals: tuple[Verb, ...] = ("vary", "upscale", "delete", "use")
        for verb in refusals[:3]:
            with pytest.raises(Refused, match="not-finished"):
                await home.press(verb, job)
        await home.core.cancel(ANN)
        await home.core.idle()
        gate.open()
        async with bot_harness(tmp_path / "other") as other:
            with pytest.raises(Refused, match="no-such-job"):
                await other.press("reroll", job)


async def test_a_failed_job_can_be_rerolled(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home, prompt="fail:")
        assert (await home.pressed("reroll", job)).state == "failed"


async def test_an_upscale_that_was_cancelled_is_tried_again_as_it_was(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home, count=2)
    async with bot_harness(tmp_path, run=False) as home:
        waiting = await home.act(Action("upscale", job.id, 1, "x4 sr"))
        await home.core.cancel(ANN)
        assert isinstance(waiting, Job)
        again = await home.press("reroll", waiting)
        assert isinstance(again, Job)
        said = again.request
        assert (said.kind, said.parent, said.index) == ("upscale", job.id, 1)
        assert (said.params.factor, said.params.method) == (4, "sr")


async def test_an_upscale_whose_picture_was_deleted_while_it_waited_fails_uncharged(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate), run=False) as home:
        waiting = await home.press("upscale", job)
        assert isinstance(waiting, Job)
        await home.press("delete", job)
        home.run()
        await home.core.idle()
        row = await home.row(waiting)
        assert (row.state, row.error, row.error_detail) == ("failed", "refused", "picture-gone")


@pytest.mark.parametrize(
    "action",
    [
        Action("favourite", 10**18 - 1, 999, "x" * 31),
        Action("set", 0, 0, "é" * 28),
    ],
)
def test_a_button_carries_an_action_of_64_bytes(action: Action) -> None:
    assert len(action.pack().encode()) == 64
    assert Action.unpack(action.pack()) == action


@pytest.mark.parametrize(
    "action",
    [
        Action("info", 10**18),
        Action("info", -1),
        Action("info", 1, 1000),
        Action("favourite", 10**18 - 1, 999, "x" * 32),
        Action("set", 0, 0, "é" * 29),
    ],
)
def test_what_no_button_can_carry_is_refused_with_its_value(action: Action) -> None:
    with pytest.raises(ValueError, match=f"{action.verb}:{action.job}:{action.index}.* fits no button"):
        action.pack()
