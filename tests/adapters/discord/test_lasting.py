"""What lasts: old messages, restarts, and places that a message can no longer be in."""

from pathlib import Path

from bot.locales.texts import DEFAULT, LANGUAGES, TAIWAN, Texts
from engine.fake import FakeEngine
from tests.adapters.discord.fake_discord import EVERYTHING, Message
from tests.adapters.discord.harness import DiscordHarness, living, opened
from tests.adapters.discord.people import Chat
from tests.adapters.discord.rest import running
from tests.bot.harness import StepGate

QUARTER = 901.0


async def begun(studio: DiscordHarness, gate: StepGate, who: Chat | None = None) -> Message:
    """A job that stands at the gate, its message shown."""
    who = who or studio.ann
    message = await who.answered(await who.slash("imagine", prompt="a boat", steps=2))
    await gate.reached()
    await studio.world.until(lambda: message.custom_ids)
    return message


async def test_after_fifteen_minutes_the_bot_itself_goes_on_in_the_same_message(tmp_path: Path) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        message = await begun(studio, gate)
        studio.world.shift += QUARTER
        gate.open()
        await studio.finished(message)
        assert message.files
        assert studio.ann.sees() == [message]
        method, path, _ = studio.world.calls[-1]
        assert (method, path) == ("PATCH", f"/channels/{message.channel.id}/messages/{message.id}")


async def test_where_the_bot_may_not_write_any_more_the_picture_comes_by_dm_once(tmp_path: Path) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        message = await begun(studio, gate)
        studio.world.shift += QUARTER
        message.channel.permissions = 0
        gate.open()
        dm = studio.world.dm(studio.ann.person)
        found = await studio.world.until(
            lambda: [each for each in studio.world.messages.values() if each.channel is dm]
        )
        await studio.core.idle()
        assert len(found) == 1
        assert found[0].files
        assert (await studio.newest()).state == "delivered"


async def test_who_takes_no_messages_finds_the_picture_at_show(tmp_path: Path) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        message = await begun(studio, gate)
        studio.world.shift += QUARTER
        message.channel.permissions, studio.ann.person.takes_messages = 0, False
        gate.open()
        await studio.core.idle()
        assert (await studio.newest()).state == "delivered"
        message.channel.permissions = EVERYTHING
        assert (await studio.drawn(await studio.ann.slash("show", job=1))).files


async def test_a_deleted_message_is_the_end_of_it_and_no_second_one_comes(tmp_path: Path) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        message = await begun(studio, gate)
        studio.world.remove(message)
        gate.open()
        await studio.core.idle()
        assert (await studio.newest()).state == "delivered"
        assert studio.ann.sees() == []


async def test_after_a_restart_the_job_goes_on_in_the_same_message(tmp_path: Path) -> None:
    gate = StepGate()
    async with running() as discord:
        async with living(discord, tmp_path, engine=FakeEngine(64, gate)) as studio:
            message = await begun(studio, gate)
        async with living(discord, tmp_path) as studio:
            await studio.finished(message)
            assert message.files
            assert studio.ann.sees() == [message]


async def test_after_a_late_restart_too(tmp_path: Path) -> None:
    gate = StepGate()
    async with running() as discord:
        async with living(discord, tmp_path, engine=FakeEngine(64, gate)) as studio:
            message = await begun(studio, gate)
        discord.world.shift += QUARTER
        async with living(discord, tmp_path) as studio:
            await studio.finished(message)
            assert message.files


async def test_commands_are_told_once_and_again_when_they_change(tmp_path: Path) -> None:
    async with running() as discord:
        for command in ("imagine", "imagine", "draw"):
            async with living(discord, tmp_path, command=command):
                pass
        told = [
            body
            for method, path, body in discord.world.calls
            if path.endswith("/commands") and method == "PUT"
        ]
    assert [commands[0]["name"] for commands in told] == ["imagine", "draw"]


async def test_commands_are_named_in_every_language_and_work_everywhere(tmp_path: Path) -> None:
    async with opened(tmp_path) as studio:
        imagine = studio.world.commands[0]
    names = {"ja": "描画", "zh-CN": "画图", "zh-TW": "畫圖"}
    assert imagine["name_localizations"].items() >= names.items()
    assert imagine["contexts"] == [0, 1, 2]
    assert imagine["integration_types"] == [0, 1]
    descriptions = {"ja": "画像を描く", "zh-CN": "画一张图", "zh-TW": "畫一張圖"}
    assert imagine["description_localizations"].items() >= descriptions.items()


async def test_everything_is_told_in_every_language_and_taiwans_is_traditional(
    studio: DiscordHarness,
) -> None:
    texts = Texts()
    tags = {texts.say(language, "language-tag") for language in LANGUAGES} - {DEFAULT} | {TAIWAN}
    for command in studio.world.commands:
        for tag in tags:
            names = [option["name_localizations"][tag] for option in command.get("options", [])]
            assert len(names) == len(set(names))
        for each in (command, *command.get("options", [])):
            assert each["name_localizations"].keys() == tags, each["name"]
            each["name_localizations"]["zh-TW"].encode("big5")
            if command["type"] == 1:
                taiwanese = each["description_localizations"]["zh-TW"]
                # Taiwan's old code page lacks simplified characters, but for a few that mean something else.
                taiwanese.encode("big5")
                assert not set(taiwanese) & set("么体余几个后里"), taiwanese


async def test_shards_are_several_connections_of_one_bot(tmp_path: Path) -> None:
    async with opened(tmp_path, shards=2) as studio:
        assert len(studio.discord.gateway.sessions) == 2
        assert (await studio.draw()).files
