"""Pictures zoomed out and moved: what the buttons and commands make, and what is said of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.requests import commands, edits
from bot.requests.edits import ViewVerb
from bot.types import Action, Edit, Job, Refused
from engine.pictures import codec, masks
from engine.types import Generate, Mask
from tests.bot.harness import PROFILE, BotHarness, bot_harness
from tests.bot.test_ask import Asker
from tests.bot.test_buttons import drawn

INPAINTS = replace(PROFILE, inpaints=True)


def last(home: BotHarness) -> Generate:
    task = home.engine.tasks[-1]
    assert isinstance(task, Generate)
    return task


@pytest.mark.parametrize(
    ("edit", "mask", "strength", "says"),
    [
        ("zoom 1.5", "around", 1.0, "Zoomed out 1.5×: what is around the picture is new."),
        ("zoom 2", "around", 1.0, "Zoomed out 2×: what is around the picture is new."),
        ("pan left", "beside", 0.6, "Moved by a quarter: what is on the left is new."),
        ("pan down", "beside", 0.6, "Moved by a quarter: what is below is new."),
    ],
)
async def test_a_view_is_a_picture_of_the_same_size_drawn_from_the_seen_part_of_another(
    edit: Edit, mask: Mask, strength: float, says: str, tmp_path: Path
) -> None:
    async with bot_harness(tmp_path, profile=INPAINTS) as home:
        job = await drawn(home, width=128, height=64)
        verb, value = edit.split()
        made = await home.act(Action("zoom" if verb == "zoom" else "pan", job.id, 0, value))
        assert isinstance(made, Job)
        await home.core.idle()
        task, made = last(home), await home.row(made)
        assert (task.width, task.height, task.mask, task.strength) == (128, 64, mask, strength)
        view = edits.VIEWS[edit]
        png = await home.images.read(job.pictures[0].file)
        assert task.init_image == masks.moved(png, view.zoom, view.right, view.down)
        assert (task.prompt, task.original, task.enhance) == (job.used_prompt, "a boat", False)
        assert made.request.parent == job.id
        assert says in (await home.message(made)).note
        assert says in home.replies.info(made, 0).text


async def test_a_view_is_rerolled_and_upscaled_like_any_picture_and_outlives_what_it_was_seen_from(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, profile=INPAINTS) as home:
        job = await drawn(home)
        seen = await home.act(Action("zoom", job.id, 0, "2"))
        assert isinstance(seen, Job)
        await home.core.idle()
        first = last(home)
        await home.press("delete", job)
        await home.pressed("reroll", await home.row(seen))
        again = last(home)
        assert (again.init_image, again.mask) == (first.init_image, "around")
        assert again.seed != first.seed
        large = await home.pressed("upscale", await home.row(seen))
        assert "Zoomed" not in (await home.message(large)).note
        with pytest.raises(Refused, match="picture-gone"):
            await home.act(Action("pan", job.id, 0, "left"))


async def test_a_view_of_a_view_and_of_an_upscaled_picture_is_of_the_drawing_and_its_own_prompt(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, profile=INPAINTS) as home:
        job = await drawn(home)
        seen = await home.act(Action("zoom", job.id, 0, "1.5"))
        assert isinstance(seen, Job)
        await home.core.idle()
        large = await home.pressed("upscale", await home.row(seen))
        further = await home.act(Action("pan", large.id, 0, "up"))
        assert isinstance(further, Job)
        await home.core.idle()
        assert (further.request.parent, last(home).prompt) == (seen.id, job.used_prompt)
        assert codec.read(last(home).init_image or b"").size == (64, 64)


async def test_the_buttons_stand_in_two_rows_under_one_picture_of_a_model_that_can(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, profile=INPAINTS) as home:
        rows = (await home.message(await drawn(home))).actions[2:]
        assert [[button.action.value for button in row] for row in rows] == [
            ["1.5", "2"], ["left", "right", "up", "down"],
        ]  # fmt: skip
        assert "".join(button.emoji for button in rows[1]) == "⬅️➡️⬆️⬇️"
        assert all(button.hint for row in rows for button in row)
        assert len((await home.message(await drawn(home, count=2))).actions) == 3


async def test_a_model_that_draws_whole_pictures_only_offers_no_view_and_refuses_one(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        assert len((await home.message(job)).actions) == 2
        with pytest.raises(Refused, match="no-inpainting"):
            await home.act(Action("zoom", job.id, 0, "2"))


async def test_a_view_counts_as_a_picture_and_its_words_are_judged(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, profile=INPAINTS) as home:
        job = await drawn(home)
        before = (await home.usage(job.request.user)).spent(home.time)
        await home.act(Action("zoom", job.id, 0, "2"))
        await home.core.idle()
        assert (await home.usage(job.request.user)).spent(home.time) == 2 * before
        with pytest.raises(Refused, match="bad-value"):
            await home.act(Action("zoom", job.id, 0, "9"))


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("/zoom", Action("zoom", 17, 0, "1.5")),
        ("/zoom 3", Action("zoom", 3, 0, "1.5")),
        ("/zoom 3 2 x2", Action("zoom", 3, 1, "2")),
        ("/zoom 2x #3", Action("zoom", 3, 0, "2")),
        ("拉远 3 2倍", Action("zoom", 3, 0, "2")),
        ("/pan", Action("pan", 17, 0, "left")),
        ("/pan 3 2 Up", Action("pan", 3, 1, "up")),
        ("平移 向右", Action("pan", 17, 0, "right")),
        ("移動 3 下", Action("pan", 3, 0, "down")),
    ],
)
def test_a_command_names_a_job_a_picture_and_a_view(text: str, action: Action) -> None:
    command = commands.parse(text)
    verb: ViewVerb = "zoom" if command.name == "zoom" else "pan"
    assert command.name == verb
    assert edits.read_view(verb, command.rest, 17) == action


@pytest.mark.parametrize("text", ["拉远镜头的照片", "平移的云", "移動 する猫"])
def test_a_prompt_that_begins_like_a_command_stays_one(text: str) -> None:
    assert commands.parse(text).name == "imagine"


@pytest.mark.parametrize(("text", "value"), [("/zoom 3 x7", "7"), ("/pan 3 sideways", "sideways")])
async def test_a_view_that_there_is_none_of_is_refused_with_those_there_are(text: str, value: str) -> None:
    command = commands.parse(text)
    with pytest.raises(Refused) as caught:
        edits.read_view("zoom" if command.name == "zoom" else "pan", command.rest, 17)
    assert (caught.value.code, caught.value.values["value"]) == ("bad-value", value)


async def test_without_a_number_the_command_means_the_job_replied_to_or_the_newest_drawing(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, profile=INPAINTS) as home:
        asker = Asker(home)
        first, second = await drawn(home), await drawn(home)
        cases: tuple[tuple[dict[str, Any], Job], ...] = (({}, second), ({"replied_to": first.id}, first))
        for more, parent in cases:
            made = await asker.ask("/pan left", **more)
            assert isinstance(made, Job)
            assert made.request.parent == parent.id
            await home.core.idle()
        picture = codec.png(codec.read(await home.images.read(first.pictures[0].file)))
        assert await asker.refusal("/zoom", picture=picture) == "view-of-upload"


async def test_a_masked_input_keeps_its_transparency_and_the_colours_under_it(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await drawn(home)
        png = masks.moved(await home.images.read(job.pictures[0].file), zoom=2.0)
        name = await home.images.keep(png, is_masked=True)
        kept, mask = masks.split(await home.images.read_input(name))
        image, before = masks.split(png)
        assert (np.asarray(kept) == np.asarray(image)).all()
        assert (np.asarray(mask) == np.asarray(before)).all()
        with pytest.raises(Refused, match="bad-mask"):
            await home.images.keep(codec.png(image), is_masked=True)
