"""Pictures changed by words: as an instruction where the model can, else by its prompt, and said so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.requests import edits
from bot.types import Action, Job, Refused, Reply
from engine.fake import striped
from engine.pictures import codec, metadata
from engine.types import Generate
from tests.bot.harness import ANN, PROFILE, BotHarness, bot_harness
from tests.bot.test_ask import PLAIN, Asker
from tests.bot.test_buttons import drawn

EDITS = replace(PROFILE, edits=True)


@asynccontextmanager
async def asking(directory: Path, edits: bool = True) -> AsyncIterator[tuple[BotHarness, Asker, Job]]:
    """A bot, someone who asks, and a finished job of theirs."""
    async with bot_harness(directory, profile=EDITS if edits else PROFILE) as home:
        yield home, Asker(home), await drawn(home)


async def changed(home: BotHarness, asker: Asker, text: str, **more: object) -> tuple[Generate, Job, Reply]:
    """Ask for a change; return the engine's task, the job and its message."""
    job = await asker.ask(text, **more)  # type: ignore[arg-type]
    assert isinstance(job, Job)
    await home.core.idle()
    task = home.engine.tasks[-1]
    assert isinstance(task, Generate)
    return task, await home.row(job), await home.message(job)


@pytest.mark.parametrize("way", ["reply", "command", "command with a reply", "newest", "edited"])
async def test_every_way_to_change_a_picture_gives_the_model_the_picture_and_the_words_as_they_are(
    way: str, tmp_path: Path
) -> None:
    async with asking(tmp_path) as (home, asker, job):
        text = {
            "reply": "make it night",
            "edited": "make it night",
            "command": f"/edit {job.id} make it night",
        }
        more: dict[str, object] = {"edited": job.id} if way == "edited" else {}
        more |= {"replied_to": job.id} if "reply" in way else {}
        task, made, message = await changed(home, asker, text.get(way, "/edit make it night"), **more)
        assert (task.prompt, task.edit, task.optimize, task.enhance) == ("make it night", True, False, False)
        assert task.init_image is not None
        before = codec.read(await home.images.read(job.pictures[0].file))
        assert codec.read(task.init_image).tobytes() == before.tobytes()
        assert (made.request.parent, made.used_prompt) == (job.id, "make it night")
        assert "the model was given the picture itself" in message.note
        assert (message.prompt, made.width, made.height) == ("make it night", 64, 64)


async def test_a_caption_under_an_upload_is_an_instruction_and_flags_still_count(tmp_path: Path) -> None:
    async with asking(tmp_path) as (home, asker, _):
        task, made, _ = await changed(home, asker, "take the hat off --seed 9 --ar 2:1", picture=PLAIN)
        assert (task.prompt, task.edit, task.seed, task.width) == ("take the hat off", True, 9, 96)
        assert made.request.parent is None
        task, _, _ = await changed(home, asker, "/edit add a tree", picture=PLAIN)
        assert (task.prompt, task.edit) == ("add a tree", True)


async def test_one_picture_of_several_is_changed_and_a_number_that_is_none_belongs_to_the_words(
    tmp_path: Path,
) -> None:
    async with asking(tmp_path) as (home, asker, _):
        job = await drawn(home, count=3)
        task, made, _ = await changed(home, asker, f"/edit {job.id} 3 make it night")
        assert task.init_image is not None
        third = codec.read(await home.images.read(job.pictures[2].file))
        assert codec.read(task.init_image).tobytes() == third.tobytes()
        task, made, _ = await changed(home, asker, f"/edit {job.id} 4 cats more")
        assert (task.prompt, made.request.index) == ("4 cats more", 0)


async def test_the_edit_button_asks_for_an_instruction_where_there_is_a_picture(tmp_path: Path) -> None:
    async with asking(tmp_path) as (home, _, job):
        reply = await home.press("edit", job)
        assert isinstance(reply, Reply)
        assert reply.prefill == f"/edit {job.id} "
        optimized = await drawn(home, prompt="boat", kind="optimize")
        reply = await home.press("edit", optimized)
        assert isinstance(reply, Reply)
        assert reply.prefill.startswith("/imagine ")


async def test_an_edit_is_rerolled_from_the_same_picture_and_edited_further_from_its_own(
    tmp_path: Path,
) -> None:
    async with asking(tmp_path) as (home, asker, job):
        first, made, _ = await changed(home, asker, f"/edit {job.id} make it night")
        await home.pressed("reroll", made)
        again = home.engine.tasks[-1]
        assert isinstance(again, Generate)
        assert (again.init_image, again.edit, again.prompt) == (first.init_image, True, "make it night")
        further, _, _ = await changed(home, asker, "add a moon", replied_to=made.id)
        assert further.init_image is not None
        night = codec.read(await home.images.read(made.pictures[0].file))
        assert codec.read(further.init_image).tobytes() == night.tobytes()


async def test_a_model_that_edits_nothing_draws_the_prompt_with_the_words_again_and_says_so(
    tmp_path: Path,
) -> None:
    async with asking(tmp_path, edits=False) as (home, asker, job):
        for text, more in ((f"/edit {job.id} at night", {}), ("at night", {"replied_to": job.id})):
            task, made, message = await changed(home, asker, text, **more)
            assert (task.edit, task.init_image, task.seed) == (False, None, job.seed)
            assert task.prompt == "a boat, at night"
            assert "your words were added to its prompt" in message.note
            assert "words were added" not in (await home.message(await home.pressed("reroll", made))).note
        task, _, message = await changed(home, asker, "a dog", picture=PLAIN)
        assert (task.edit, task.strength) == (False, 0.6)
        assert "Drawn over your picture, strength 0.6" in message.note


async def test_what_cannot_be_changed_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    async with asking(tmp_path) as (home, asker, job):
        assert await asker.refusal("/edit 17 make it night") == "no-such-job"
        assert await asker.refusal(f"/edit {job.id}") == "no-instruction"
        assert await asker.refusal(f"/edit {job.id} a forbidden thing") == "banned-words"
        await home.press("delete", job)
        assert await asker.refusal(f"/edit {job.id} make it night") == "picture-gone"


async def test_a_picture_made_by_an_instruction_has_no_prompt_to_redraw_it_by(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        told = metadata.Parameters("make it night", edit=True)
        with pytest.raises(Refused, match="nothing-to-redraw"):
            await home.ask(
                "", kind="upscale", method="redraw", image=metadata.write(striped("x", 64, 64), told)
            )


@pytest.mark.parametrize(
    ("rest", "read"),
    [
        ("17 make it night", (17, 0, "make it night")),
        ("#17 2 make it night", (17, 1, "make it night")),
        ("make it night", (None, 0, "make it night")),
        ("17", (17, 0, "")),
        ("17 2", (17, 0, "2")),
        ("", (None, 0, "")),
    ],
)
def test_the_arguments_of_edit(rest: str, read: tuple[int | None, int, str]) -> None:
    assert edits.read_change(rest) == read


async def test_anyone_elses_picture_is_not_to_be_changed(tmp_path: Path) -> None:
    async with asking(tmp_path) as (_, asker, job):
        other = replace(ANN, id="9")
        assert await asker.refusal(f"/edit {job.id} make it night", user=other) == "not-yours"
        assert Action("edit", job.id).pack()
