"""The settings panel over a real socket: selects and toggles that change the message they stand in."""

from pathlib import Path

from tests.adapters.discord.fake_discord import Json, Message
from tests.adapters.discord.harness import DiscordHarness, living
from tests.adapters.discord.people import Chat, words
from tests.adapters.discord.rest import running


async def panel(studio: DiscordHarness, who: Chat | None = None) -> Message:
    """A person's panel."""
    who = who or studio.ann
    await who.slash("settings")
    await who.told()
    return who.whispers()[-1]


def chosen(message: Message, name: str) -> str:
    """What a select shows."""
    [label] = [each["label"] for each in select(message, name)["options"] if each.get("default")]
    return str(label)


def select(message: Message, name: str) -> Json:
    return next(item for item in message.items if item["custom_id"].endswith(f":{name}"))


def button(message: Message, name: str) -> Json:
    return next(item for item in message.items if item.get("label", "").startswith(name))


async def test_the_panel_is_four_selects_and_a_row_of_toggles(studio: DiscordHarness) -> None:
    message = await panel(studio)
    assert [len(row["components"]) for row in message.body["components"]] == [1, 1, 1, 1, 3]
    assert chosen(message, "steps") == "Steps · 8"
    assert chosen(message, "aspect") == "Aspect ratio · Auto"
    assert button(message, "Rewrite prompts")["label"] == "Rewrite prompts · On"
    assert studio.person("Bob").sees() == []


async def test_a_picked_option_changes_the_panel_and_holds_for_the_next_picture(
    studio: DiscordHarness,
) -> None:
    message = await panel(studio)
    await studio.ann.pick(message, "steps", "4")
    await studio.world.until(lambda: chosen(message, "steps") == "Steps · 4")
    drawn = await studio.drawn(await studio.ann.slash("imagine", prompt="a boat"))
    assert (await studio.job(drawn)).request.params.steps == 4
    assert studio.ann.whispers() == [message]


async def test_a_toggle_flips_and_flips_back(studio: DiscordHarness) -> None:
    message = await panel(studio)
    await studio.ann.press(message, "set", value="enhance=off")
    await studio.world.until(lambda: button(message, "Add light")["label"].endswith("Off"))
    await studio.ann.press(message, "set", value="enhance=on")
    await studio.world.until(lambda: button(message, "Add light")["label"].endswith("On"))


async def test_reset_stands_in_the_row_of_toggles_and_takes_everything_back(studio: DiscordHarness) -> None:
    message = await panel(studio)
    await studio.ann.pick(message, "aspect", "16:9")
    await studio.world.until(lambda: chosen(message, "aspect") == "Aspect ratio · 16:9")
    assert [len(row["components"]) for row in message.body["components"]] == [1, 1, 1, 1, 4]
    await studio.ann.press(message, "set", value="reset")
    await studio.world.until(lambda: chosen(message, "aspect") == "Aspect ratio · Auto")


async def test_a_panel_works_after_a_restart(tmp_path: Path) -> None:
    async with running() as discord:
        async with living(discord, tmp_path) as studio:
            ann, message = studio.ann, await panel(studio)
        async with living(discord, tmp_path) as studio:
            await ann.pick(message, "count", "2")
            await studio.world.until(lambda: chosen(message, "count") == "Pictures · 2")
            await ann.press(message, "set", value="spoiler=on")
            await studio.world.until(lambda: button(message, "Cover")["label"].endswith("On"))


async def test_the_panel_speaks_the_language_of_the_client(studio: DiscordHarness) -> None:
    message = await panel(studio, studio.person("Mei", "zh-CN"))
    assert chosen(message, "steps") == "步数 · 8"
    assert "按这些设置" in words(message)


async def test_covered_pictures_are_set_asked_for_or_both(studio: DiscordHarness) -> None:
    plain = await studio.draw()
    by_option, by_flag = await studio.draw(spoiler=True), await studio.draw("a boat --spoiler")
    names = [each.body["attachments"][0]["filename"] for each in (plain, by_option, by_flag)]
    assert names == ["1-0.png", "SPOILER_2-0.png", "SPOILER_3-0.png"]
