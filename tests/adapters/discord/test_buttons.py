"""Buttons, edit windows and reactions over a real socket, young and old."""

from pathlib import Path

import pytest

from engine.fake import FakeEngine
from tests.adapters.discord.fake_discord import Message
from tests.adapters.discord.harness import DiscordHarness, living, opened
from tests.adapters.discord.people import words
from tests.adapters.discord.rest import running
from tests.bot.harness import StepGate


async def second(studio: DiscordHarness, first: Message) -> Message:
    """The next picture after one, whoever sent it."""

    def others() -> list[Message]:
        return [known for known in studio.world.messages.values() if known is not first]

    await studio.world.until(others)
    return await studio.finished(others()[-1])


async def test_reroll_is_a_new_message_with_buttons_of_its_own(studio: DiscordHarness) -> None:
    first = await studio.draw(seed=5)
    again = await studio.drawn(await studio.ann.press(first, "reroll"))
    assert again.files != first.files
    assert again.custom_ids[0] == f"zi-{studio.core.database}:reroll:2:0"
    larger = await studio.drawn(await studio.ann.press(again, "upscale"))
    assert "enlarged" in larger.text
    assert f"zi-{studio.core.database}:reroll:3:0" in larger.custom_ids


async def test_the_numbered_buttons_of_a_grid_mean_their_picture(studio: DiscordHarness) -> None:
    grid = await studio.draw(count=4, seed=10)
    larger = await studio.drawn(await studio.ann.press(grid, "upscale", 2))
    assert (await studio.job(larger)).request.index == 2


async def test_buttons_work_after_a_restart(tmp_path: Path) -> None:
    async with running() as discord:
        async with living(discord, tmp_path) as studio:
            ann, first = studio.ann, await studio.draw()
        async with living(discord, tmp_path) as studio:
            again = await studio.drawn(await ann.press(first, "vary"))
            assert again.files


async def test_a_strangers_press_is_refused_before_anybody_sees_an_answer_begin(
    studio: DiscordHarness,
) -> None:
    first = await studio.draw()
    bob = studio.person("Bob")
    await bob.press(first, "reroll")
    assert "Only the person" in await bob.told()
    assert len(studio.ann.sees()) == 1
    await bob.press(first, "delete")
    assert "Only the person" in await bob.told(2)
    assert first.files


async def test_info_is_for_the_presser_only(studio: DiscordHarness) -> None:
    first = await studio.draw(seed=5)
    await studio.ann.press(first, "info")
    assert "seed 5" in await studio.ann.told()
    assert len(studio.person("Bob").sees()) == 1


async def test_the_edit_window_holds_the_command_and_draws_what_is_sent_off(studio: DiscordHarness) -> None:
    first = await studio.draw("a red boat", aspect="16:9", seed=5)
    asked = await studio.ann.press(first, "edit")
    await studio.world.until(lambda: asked.modal)
    assert asked.modal is not None
    held = asked.modal["components"][0]["component"]["value"]
    assert held.startswith("a red boat --ar 16:9 --seed 5")
    changed = await studio.drawn(await studio.ann.send_off(asked, held.replace("red", "blue")))
    job = await studio.job(changed)
    assert (job.request.params.prompt, job.request.params.aspect) == ("a blue boat", "16:9")


async def test_minus_one_throws_the_dice_and_the_words_take_every_seed(studio: DiscordHarness) -> None:
    thrown = await studio.job(await studio.draw("a red boat", seed=-1, cfg=0.0))
    assert (thrown.request.params.seed, thrown.request.params.guidance_scale) == (None, 1.0)
    said = await studio.job(await studio.draw(f"a red boat --seed {2**64 - 1}"))
    assert said.seed == 2**64 - 1


async def test_an_edit_window_may_be_sent_off_after_a_restart(tmp_path: Path) -> None:
    async with running() as discord:
        async with living(discord, tmp_path) as studio:
            ann = studio.ann
            asked = await ann.press(await studio.draw(), "edit")
            await studio.world.until(lambda: asked.modal)
        async with living(discord, tmp_path) as studio:
            assert (await studio.drawn(await ann.send_off(asked, "a house"))).files


async def test_bad_words_in_the_edit_window_are_refused_privately(studio: DiscordHarness) -> None:
    asked = await studio.ann.press(await studio.draw(), "edit")
    await studio.world.until(lambda: asked.modal)
    await studio.ann.send_off(asked, "a cat --zoom 2")
    assert "--zoom" in await studio.ann.told()


async def test_delete_takes_the_picture_away_from_every_message_that_shows_it(studio: DiscordHarness) -> None:
    first = await studio.draw()
    copy = await studio.drawn(await studio.ann.slash("show", job=1))
    await studio.ann.press(copy, "delete")
    await studio.world.until(lambda: not first.files and not copy.files)
    assert first.custom_ids == copy.custom_ids == []
    assert "Deleted." in words(first)


async def test_cancel_ends_a_running_job_in_its_own_message(tmp_path: Path) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        asked = await studio.ann.slash("imagine", prompt="a boat", steps=2)
        message = await studio.ann.answered(asked)
        await studio.world.until(lambda: any(":cancel:" in each for each in message.custom_ids))
        await gate.reached()
        await studio.ann.press(message, "cancel")
        await studio.world.until(lambda: "Cancelled" in message.text)


@pytest.mark.parametrize("emoji", ["🔄", "🎲", "⬆️", "⬆"])
async def test_a_reaction_draws_again_or_larger(studio: DiscordHarness, emoji: str) -> None:
    first = await studio.draw()
    await studio.ann.react(first, emoji)
    made = await second(studio, first)
    assert made.text.startswith(f"<@{studio.ann.person.id}>")
    assert made.files


async def test_a_cross_under_a_finished_picture_deletes_it(studio: DiscordHarness) -> None:
    first = await studio.draw()
    await studio.ann.react(first, "❌")
    await studio.world.until(lambda: "Deleted." in words(first))


async def test_a_cross_under_a_running_job_stops_it(tmp_path: Path) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        message = await studio.ann.answered(await studio.ann.slash("imagine", prompt="a boat", steps=2))
        await studio.world.until(lambda: message.custom_ids)
        await gate.reached()
        await studio.ann.react(message, "❌")
        await studio.world.until(lambda: "Cancelled" in message.text)


async def test_an_envelope_brings_the_picture_with_its_seed_and_number_by_dm(studio: DiscordHarness) -> None:
    first = await studio.draw(seed=5)
    await studio.ann.react(first, "✉️")
    sent = await second(studio, first)
    assert sent.channel.person is studio.ann.person
    assert "Job #1" in sent.text.replace("\\", "")
    assert "seed 5" in sent.text
    assert sent.files == first.files


async def test_a_star_keeps_a_picture_and_taking_it_back_lets_it_go(studio: DiscordHarness) -> None:
    first = await studio.draw()
    await studio.ann.react(first, "⭐")
    kept = await studio.world.until(lambda: [each for each in studio.ann.sees() if "⭐" in each.text])
    assert kept[0].channel.person is studio.ann.person
    await studio.ann.slash("history")
    assert "Your favourites" in await studio.ann.told()
    await studio.ann.react(first, "⭐", remove=True)
    await studio.world.until(lambda: any("no longer a favourite" in each.text for each in studio.ann.sees()))


async def test_a_star_beside_a_star_takes_nothing_back(studio: DiscordHarness) -> None:
    first = await studio.draw()
    for _ in range(2):
        await studio.ann.react(first, "⭐")
    await studio.world.until(lambda: sum("⭐" in each.text for each in studio.ann.sees()) == 2)
    assert (await studio.job(first)).favourite


async def test_a_cross_under_a_copy_takes_the_copy_away_too(studio: DiscordHarness) -> None:
    first = await studio.draw()
    copy = await studio.drawn(await studio.ann.slash("show", job=1))
    await studio.ann.react(copy, "❌")
    await studio.world.until(lambda: not first.files and not copy.files)


async def test_another_wording_is_a_message_of_its_own(studio: DiscordHarness) -> None:
    offer = await studio.drawn(await studio.ann.slash("optimize", prompt="a cat"))
    other = await studio.drawn(await studio.ann.press(offer, "another"))
    assert other is not offer
    assert words(other) != words(offer)


async def test_what_was_cancelled_leaves_the_list_it_was_cancelled_in(tmp_path: Path) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        await studio.ann.slash("imagine", prompt="a boat", steps=2)
        await gate.reached()
        await studio.ann.slash("queue")
        assert "a boat" in await studio.ann.told()
        listed = studio.ann.whispers()[-1]
        await studio.ann.press(listed, "cancel")
        await studio.world.until(lambda: "Nobody is waiting" in listed.text)
        assert listed.custom_ids == []


async def test_the_reactions_of_others_mean_nothing(studio: DiscordHarness) -> None:
    first = await studio.draw()
    await studio.person("Bob").react(first, "❌")
    await studio.ann.react(first, "🎈")
    await studio.draw("another")
    assert first.files


async def test_the_bot_offers_reactions_itself_where_it_is_told_to(tmp_path: Path) -> None:
    async with opened(tmp_path, add_reactions=True) as studio:
        first = await studio.draw()
        await studio.world.until(lambda: len(first.reactions) == 2)
        assert first.reactions == ["🔄", "⬆️"]
