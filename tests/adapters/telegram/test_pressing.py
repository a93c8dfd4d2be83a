"""Buttons and reactions on Telegram: each survives the round trip, and only its person may use it."""

from pathlib import Path

from bot.policy.access import Access
from bot.types import User
from engine.fake import FakeEngine
from tests.adapters.telegram.chats import ANN, BOB, GROUP
from tests.adapters.telegram.harness import TelegramHarness, buttons, telegram_harness
from tests.adapters.telegram.server import Telegram
from tests.bot.harness import StepGate

ANN_USER = User("telegram", str(ANN["id"]), "Ann")


async def test_reroll_vary_and_upscale_answer_the_picture_with_new_ones(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    for button in ("Reroll", "Vary", "Upscale"):
        assert "text" not in await here.pressed(picture, button)
        made = here.chats.of_bot()[-1]
        assert made["reply_to_message"]["message_id"] == picture["message_id"]
        assert "📄 PNG" in buttons(made)
    assert len(here.chats.of_bot()) == 4


async def test_four_pictures_are_one_grid_with_a_button_each(here: TelegramHarness) -> None:
    picture = await here.said("a boat --count 4")
    assert buttons(picture)[:8] == ["U1", "U2", "U3", "U4", "V1", "V2", "V3", "V4"]
    await here.pressed(picture, "U3")
    assert "enlarged" in here.chats.of_bot()[-1]["caption"]


async def test_edit_offers_the_command_to_copy(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    await here.pressed(picture, "Edit")
    offer = here.chats.of_bot()[-1]
    assert "/imagine a boat" in offer["text"]
    [[copy]] = offer["reply_markup"]["inline_keyboard"]
    assert copy["copy_text"]["text"] == "/imagine a boat"


async def test_info_offers_prompt_and_seed_to_copy(here: TelegramHarness) -> None:
    picture = await here.said("a boat --seed 5")
    await here.pressed(picture, "Info")
    [[prompt, seed]] = here.chats.of_bot()[-1]["reply_markup"]["inline_keyboard"]
    assert prompt["copy_text"]["text"].startswith("a picture of a boat")
    assert seed["copy_text"]["text"] == "5"


async def test_private_words_do_not_reach_the_group(here: TelegramHarness) -> None:
    picture = await here.said("/imagine a boat --steps 1", chat=GROUP)
    await here.pressed(picture, "Info")
    assert here.chats.of_bot(GROUP)[-1] is picture
    assert here.chats.of_bot(ANN["id"])[-1]["text"].startswith("Job #1")


async def test_a_stranger_learns_why_in_a_pop_up_alone(here: TelegramHarness) -> None:
    picture = await here.said("/imagine a boat --steps 1", chat=GROUP)
    for button in ("Reroll", "PNG"):
        answer = await here.pressed(picture, button, BOB)
        assert answer["show_alert"] is True
        assert answer["text"]
    assert here.chats.of_bot() == [picture]


async def test_the_file_button_sends_the_originals(here: TelegramHarness) -> None:
    picture = await here.said("a boat --count 2")
    await here.pressed(picture, "PNG")
    sent = [here.chats.files[message["document"]["file_id"]] for message in here.chats.of_bot()[1:]]
    assert len(sent) == 2
    assert sent == [(await here.home.core.picture(ANN_USER, 1, index)).read_bytes() for index in (0, 1)]


async def test_delete_takes_the_picture_away(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    await here.pressed(picture, "Delete")
    [left] = here.chats.of_bot()
    assert left["text"] == "Deleted."
    assert "photo" not in left


async def test_delete_takes_away_what_show_made_too(here: TelegramHarness) -> None:
    await here.said("a boat")
    await here.pressed(await here.said("/show"), "Delete")
    [left] = here.chats.of_bot()
    assert left["text"] == "Deleted."


async def test_an_optimized_prompt_is_drawn_by_its_button(here: TelegramHarness) -> None:
    prompt = await here.said("/optimize 一只猫")
    await here.pressed(prompt, "Draw this")
    assert "一只猫" in here.chats.of_bot()[-1]["caption"]


async def test_the_same_press_twice_is_one_picture(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    query = await here.chats.presses(picture, "Reroll")
    await here.settled()
    here.chats.queries[query["id"]] = query
    await here.chats.tell({"callback_query": query})
    await here.settled()
    assert len(here.chats.of_bot()) == 2


async def test_an_unknown_button_is_answered_all_the_same(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    picture["reply_markup"]["inline_keyboard"].append([{"text": "Old", "callback_data": "melt:1:0"}])
    assert "text" not in await here.pressed(picture, "Old")


async def test_a_press_that_is_answered_too_late_still_counts(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    query = await here.chats.presses(picture, "Reroll")
    del here.chats.queries[query["id"]]
    await here.settled()
    assert len(here.chats.of_bot()) == 2


async def test_a_reaction_presses_the_button_it_stands_for(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    await here.chats.reacts(picture, "⚡", BOB)
    await here.chats.reacts(picture, "👍")
    await here.settled()
    assert len(here.chats.of_bot()) == 1
    await here.chats.reacts(picture, "⚡")
    await here.settled()
    assert here.chats.of_bot()[-1]["photo"]
    assert len(here.chats.of_bot()) == 2


async def test_a_reaction_under_a_copy_that_show_made_counts(here: TelegramHarness) -> None:
    await here.said("a boat")
    await here.chats.reacts(await here.said("/show"), "⚡")
    await here.settled()
    assert len(here.home.engine.tasks) == 2


async def test_old_buttons_and_reactions_work_after_a_restart(server: Telegram, tmp_path: Path) -> None:
    async with telegram_harness(server, tmp_path) as before:
        picture = await before.said("a boat")
    async with telegram_harness(server, tmp_path) as after:
        await after.pressed(picture, "Upscale")
        await after.chats.reacts(picture, "⚡")
        await after.settled()
        assert len(after.chats.of_bot()) == 3


async def test_a_heart_keeps_a_picture_and_taking_it_back_lets_it_go(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    await here.chats.reacts(picture, "❤")
    await here.settled()
    assert await here.home.store.favourites(ANN_USER.person, 5)
    await here.chats.reacts(picture, "👍", before="❤")
    await here.settled()
    assert not await here.home.store.favourites(ANN_USER.person, 5)


async def test_whoever_moderates_a_group_may_delete_there(here: TelegramHarness) -> None:
    picture = await here.said("/imagine a boat --steps 1", chat=GROUP)
    here.chats.admins.add(BOB["id"])
    assert "text" not in await here.pressed(picture, "Delete", BOB)
    [left] = here.chats.of_bot()
    assert left["text"] == "Deleted."


async def test_who_moderates_is_asked_once_a_minute_and_only_where_it_matters(here: TelegramHarness) -> None:
    picture = await here.said("/imagine a boat --steps 1", chat=GROUP)
    await here.pressed(picture, "Info")
    await here.pressed(picture, "Reroll", BOB)
    assert here.server.made("getChatMember") == []
    for _ in range(2):
        await here.pressed(picture, "Delete", BOB)
    assert len(here.server.made("getChatMember")) == 1


async def test_others_may_press_where_the_operator_lets_them(server: Telegram, tmp_path: Path) -> None:
    async with telegram_harness(server, tmp_path, access=Access(anyone_may_press=True)) as here:
        picture = await here.said("/imagine a boat --steps 1", chat=GROUP)
        await here.pressed(picture, "Reroll", BOB)
        await here.pressed(picture, "PNG", BOB)
        await here.chats.reacts(picture, "⚡", BOB)
        await here.settled()
        assert [bool(each.get("photo")) for each in here.chats.of_bot(GROUP)] == [True, True, False, True]
        await here.said("@painter_bot at night", BOB, chat=GROUP, reply_to=picture)
        assert here.home.engine.tasks[-1].prompt.endswith("at night")


async def test_what_is_cancelled_leaves_the_list(server: Telegram, tmp_path: Path) -> None:
    async with telegram_harness(server, tmp_path, engine=FakeEngine(16, StepGate())) as here:
        await here.chats.says("a boat")
        await here.chats.says("/queue")
        await server.until(lambda: "Cancel #1" in str(here.chats.of_bot()[-1:]))
        listed = here.chats.of_bot()[-1]
        await here.pressed(listed, "Cancel #1")
        assert "Nobody is waiting" in listed["text"]
        assert here.chats.of_bot()[0]["text"].startswith("Cancelled.")
