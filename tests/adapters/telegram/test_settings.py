"""Settings, forgetting and linking on Telegram: for one person's eyes, in one message that changes."""

from pathlib import Path

from bot.policy.access import Access
from tests.adapters.telegram.chats import ANN, BOB, GROUP, Json
from tests.adapters.telegram.harness import TelegramHarness, buttons, telegram_harness
from tests.adapters.telegram.server import Telegram

NAMES = (f"telegram:user:{ANN['id']}", "telegram:user:999", f"telegram:chat:{GROUP}", "discord:user:1")


async def test_settings_show_their_values_and_a_toggle_flips_at_once(here: TelegramHarness) -> None:
    panel = await here.said("/settings")
    assert buttons(panel) == [
        "Aspect ratio · Auto ›", "Steps · 8 ›", "Guidance · 1.8 ›", "Pictures · 1 ›",
        "✅ Rewrite prompts", "✅ Add light, place and time", "⬜ Cover pictures",
    ]  # fmt: skip
    await here.pressed(panel, "Rewrite prompts")
    assert "⬜ Rewrite prompts" in buttons(panel)
    assert here.chats.of_bot() == [panel]


async def test_a_setting_opens_its_options_and_leads_back(here: TelegramHarness) -> None:
    panel = await here.said("/settings")
    await here.pressed(panel, "Steps")
    assert buttons(panel) == ["4", "6", "✓ 8", "12", "16", "‹ All settings"]
    await here.pressed(panel, "‹")
    assert "Steps · 8 ›" in buttons(panel)


async def test_what_is_set_holds_for_the_next_picture_and_can_be_reset(here: TelegramHarness) -> None:
    panel = await here.said("/settings")
    await here.pressed(panel, "Steps")
    await here.pressed(panel, "4")
    assert "Steps · 4 ›" in buttons(panel)
    assert "4 steps" in (await here.said("a boat"))["caption"]
    await here.pressed(panel, "Reset")
    assert "Steps · 8 ›" in buttons(panel)


async def test_the_same_option_again_changes_nothing_and_is_answered(here: TelegramHarness) -> None:
    panel = await here.said("/settings")
    await here.pressed(panel, "Steps")
    await here.pressed(panel, "✓ 8")
    assert "Steps · 8 ›" in buttons(panel)


async def test_a_panel_asked_for_in_a_group_comes_in_private(here: TelegramHarness) -> None:
    await here.chats.says("/settings", chat=GROUP)
    await here.settled()
    assert here.chats.of_bot(GROUP) == []
    assert "Steps · 8 ›" in buttons(here.chats.of_bot(ANN["id"])[-1])


async def test_who_never_met_the_bot_is_shown_the_way_to_it(here: TelegramHarness) -> None:
    here.chats.blocked.add(BOB["id"])
    told = await here.said("/settings", BOB, chat=GROUP)
    [[button]] = told["reply_markup"]["inline_keyboard"]
    assert button["url"] == "https://t.me/painter_bot?start=settings"
    here.chats.blocked.clear()
    assert "步数 · 8 ›" in buttons(await here.said("/start settings", BOB))


async def test_a_panel_that_others_see_is_nobody_s_to_press(here: TelegramHarness) -> None:
    panel = await here.said("/settings")
    await here.pressed(panel, "Steps")
    shown = buttons(panel)
    foreign: Json = {**panel, "chat": {"id": GROUP, "type": "supergroup", "title": "x"}}
    assert "Only the person" in (await here.pressed(foreign, "4"))["text"]
    assert "Only the person" in (await here.pressed(foreign, "‹"))["text"]
    assert buttons(panel) == shown


async def test_forgetting_asks_first_and_then_leaves_nothing(here: TelegramHarness) -> None:
    await here.said("a boat")
    asked = await here.said("/forget")
    assert len(buttons(asked)) == 2
    await here.pressed(asked, "forget:0:0:yes")
    assert asked["text"].startswith("Done")
    assert buttons(asked) == []
    assert "haven't made anything" in (await here.said("/show"))["text"]


async def test_two_accounts_become_one_by_a_code(here: TelegramHarness) -> None:
    await here.said("a boat")
    code = (await here.said("/link"))["text"].split("/link ")[1].split()[0]
    assert "Ann" in (await here.said(f"/link {code}", BOB))["text"]
    assert "a boat" in (await here.said("/show", BOB))["caption"]


async def test_administrators_see_their_commands_and_others_do_not(server: Telegram, tmp_path: Path) -> None:
    server.chats.migrated[GROUP] = -100777
    admins = Access(admins=frozenset([*NAMES]))
    async with telegram_harness(server, tmp_path, access=admins) as here:
        assert "Jobs" in (await here.said("/stats"))["text"]
        assert "管理员" in (await here.said("/stats", BOB))["text"]
    assert "stats" in {entry["command"] for entry in server.menus[ANN["id"], "zh"]}
    assert "stats" not in {entry["command"] for entry in server.commands["zh"]}


async def test_a_link_that_anybody_can_post_does_nothing_at_once(here: TelegramHarness) -> None:
    await here.said("a boat --steps 1")
    assert "Tell me what to draw" in (await here.said("/start reroll"))["text"]
    assert len(here.home.engine.tasks) == 1
