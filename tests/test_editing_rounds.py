"""A picture changed by words on each platform: the bot as a process with a tiny klein of the real classes."""

import json
from pathlib import Path

import pytest

from engine.pictures import metadata
from tests.adapters.discord import rest as discord
from tests.adapters.discord.people import Chat, words
from tests.adapters.telegram.server import telegram
from tests.engine.generic.editors import write
from tests.running import running
from tests.test_rounds import _drawn, _on_discord, _on_telegram, _photo, _said

SAID = "the model was given the picture itself"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def klein(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a bot that draws with a klein of 64 pixels."""
    model = write("Flux2KleinPipeline", tmp_path)
    profile = {"name": "klein", "base_size": 64, "max_size": 128, "steps": 2, "guidance_scale": 1.0}
    (model / "profile.json").write_text(json.dumps(profile))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("ZIMAGE_BOT_MODEL__NAME", str(model))
    monkeypatch.setenv("ZIMAGE_BOT_MODEL__OPTIMIZER", "rules")
    return tmp_path / "data"


async def test_a_reply_to_a_picture_changes_it_on_telegram(klein: Path) -> None:
    async with telegram() as server, _on_telegram(server, klein):
        await server.chats.says("a cat")
        [first] = await server.until(server.chats.of_bot)
        await _photo(server, first)
        await server.chats.says("make it night", reply_to_message=first)
        await server.until(lambda: len(server.chats.of_bot()) == 2)
        changed = server.chats.of_bot()[-1]
        await _photo(server, changed)
        assert SAID in _said(changed)
        assert changed["photo"] != first["photo"]


async def test_the_edit_window_takes_an_instruction_on_discord(klein: Path) -> None:
    async with discord.running() as server:
        ann = Chat(server)
        async with _on_discord(server, klein):
            first = await _drawn(server, await ann.answered(await ann.slash("imagine", prompt="a cat")))
            window = await ann.press(first, "edit")
            await server.world.until(lambda: window.modal)
            assert window.modal is not None
            assert window.modal["components"][0]["component"].get("value", "") == ""
            sent = await ann.send_off(window, "make it night")
            changed = await _drawn(server, await ann.answered(sent))
            assert SAID in words(changed)
            again = await ann.slash("edit", words="add a moon", job=1)
            assert SAID in words(await _drawn(server, await ann.answered(again)))
        assert server.world.broken == []


async def test_the_edit_button_and_the_command_change_a_picture_on_the_page(klein: Path) -> None:
    async with running(klein) as bot:
        first = await bot.say("a cat")
        await bot.until(first, "delivered")
        draft = (await bot.post(f"/api/jobs/{first}/actions", {"verb": "edit"}))["draft"]
        assert draft["text"] == f"/edit {first} "
        changed = await bot.say(draft["text"] + "make it night")
        assert (await bot.until(changed, "delivered", "failed"))["state"] == "delivered"
        found = metadata.read(await bot.picture(changed))
        assert found is not None
        assert (found.edit, found.prompt) == (True, "make it night")


async def test_the_small_model_zooms_out_of_its_own_picture(tmp_path: Path) -> None:
    async with running(tmp_path, MODEL__SIZE="512") as bot:
        first = await bot.say("a red sailboat on the sea at sunset")
        await bot.until(first, "delivered")
        body = {"verb": "zoom", "value": "1.5"}
        seen = (await bot.post(f"/api/jobs/{first}/actions", body))["job"]
        assert (await bot.until(seen, "delivered", "failed"))["state"] == "delivered"
        found = metadata.read(await bot.picture(seen))
        assert found is not None
        assert (found.mask, found.width, found.height) == ("around", 512, 512)
