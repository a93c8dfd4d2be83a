"""What goes wrong on our side when one asks on Discord is answered: no interaction just fails."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.discord import responder
from bot.storage.database import DATABASE
from engine.fake import striped
from tests.adapters.discord.fake_discord import Message
from tests.adapters.discord.harness import DiscordHarness, opened
from tests.adapters.discord.people import words

SORRY = "Something went wrong on our side; please try again."
Do = Callable[[DiscordHarness, Message], Any]

ASKS: dict[str, Do] = {
    "a command that draws": lambda studio, picture: studio.ann.slash("imagine", prompt="a boat"),
    "a command that changes a job": lambda studio, picture: studio.ann.slash("upscale", job=1),
    "a button that draws": lambda studio, picture: studio.ann.press(picture, "reroll"),
    "a button that deletes": lambda studio, picture: studio.ann.press(picture, "delete"),
}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another program writes to the bot's database."""
    writer = sqlite3.connect(folder / DATABASE, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        writer.close()


async def prepared(studio: DiscordHarness) -> Message:
    """A bot that does not wait for locks, so that a test need not, and a picture of Ann's."""
    await studio.store._db.write("PRAGMA busy_timeout = 0")
    picture = await studio.draw()
    await studio.core.idle()
    return picture


@pytest.mark.parametrize("ask", ASKS)
async def test_an_ask_during_a_lock_is_answered_to_the_asker_alone_and_is_one_line(
    tmp_path: Path, ask: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as studio:
        picture = await prepared(studio)
        with locked(tmp_path):
            await ASKS[ask](studio, picture)
            assert await studio.ann.told() == SORRY
        assert studio.person("Bob").sees() == [picture]
    assert "database is locked" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("ask", ASKS)
async def test_where_discord_takes_no_answer_either_that_is_one_line_more(
    tmp_path: Path, ask: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(*_: object) -> None:
        raise aiohttp.ServerDisconnectedError

    warned = asyncio.Event()
    async with opened(tmp_path) as studio:
        picture = await prepared(studio)
        monkeypatch.setattr(responder.log, "warning", lambda *_: warned.set())
        monkeypatch.setattr(responder.Responder, "reply_privately", cut)
        with locked(tmp_path):
            await ASKS[ask](studio, picture)
            await warned.wait()
    assert "Traceback" not in caplog.text


async def test_a_setting_picked_during_a_lock_is_answered(tmp_path: Path) -> None:
    async with opened(tmp_path) as studio:
        await prepared(studio)
        await studio.ann.slash("settings")
        await studio.ann.told()
        with locked(tmp_path):
            await studio.ann.pick(studio.ann.whispers()[0], "steps", "12")
            assert await studio.ann.told(2) == SORRY


async def test_an_edit_window_sent_off_during_a_lock_is_answered(tmp_path: Path) -> None:
    async with opened(tmp_path) as studio:
        picture = await prepared(studio)
        asked = await studio.ann.press(picture, "edit")
        await studio.world.until(lambda: asked.modal)
        with locked(tmp_path):
            await studio.ann.send_off(asked, "a house")
            assert await studio.ann.told() == SORRY


async def test_a_menu_used_during_a_lock_is_answered(tmp_path: Path) -> None:
    async with opened(tmp_path) as studio:
        await prepared(studio)
        posted = await studio.ann.post(striped("x", 64, 64))
        with locked(tmp_path):
            await studio.ann.menu("Upscale picture", posted)
            assert await studio.ann.told() == SORRY


async def test_a_reaction_during_a_lock_is_answered_in_a_direct_message(tmp_path: Path) -> None:
    async with opened(tmp_path) as studio:
        picture = await prepared(studio)
        with locked(tmp_path):
            await studio.ann.react(picture, "🔄")
            own = studio.world.dm(studio.ann.person)
            found = await studio.world.until(
                lambda: [one for one in studio.world.messages.values() if one.channel is own]
            )
        assert words(found[0]) == SORRY


async def test_a_person_is_answered_in_their_own_language(tmp_path: Path) -> None:
    async with opened(tmp_path) as studio:
        await prepared(studio)
        somebody = studio.person("王", "zh-CN")
        with locked(tmp_path):
            await somebody.slash("imagine", prompt="一条船")
            expected = studio.texts.say("zh", "refused-internal")
            assert await somebody.told() == expected


async def test_a_database_that_takes_longer_than_discord_waits_is_answered_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responder, "SOON", 0.05)
    goes_on = threading.Event()
    async with opened(tmp_path) as studio:
        await studio.store._db.write("PRAGMA busy_timeout = 0")
        holding = asyncio.ensure_future(studio.store._db.transaction(lambda _: goes_on.wait()))
        try:
            await studio.ann.slash("link", code="off")
            assert await studio.ann.told() == SORRY
        finally:
            goes_on.set()
            await holding


async def test_a_number_that_no_job_has_is_answered(studio: DiscordHarness) -> None:
    await studio.ann.slash("show", job=2**53 - 1)
    assert "You have no job" in await studio.ann.told()
