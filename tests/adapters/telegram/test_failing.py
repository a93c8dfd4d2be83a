"""What goes wrong on our side when one asks on Telegram: tried again, then told; never lost in silence."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.telegram import intake, webhook
from bot.storage.database import DATABASE
from engine.fake import striped
from tests.adapters.telegram.chats import ANN, BOB, GROUP
from tests.adapters.telegram.harness import TelegramHarness, telegram_harness
from tests.adapters.telegram.server import Telegram
from tests.adapters.telegram.test_webhook import listening, sent, written

SORRY = "Something went wrong on our side; please try again."
__all__ = ["listening"]


class Lock:
    """Another program that writes to the bot's database, for so many of the bot's pauses."""

    def __init__(self, folder: Path, pauses: float = float("inf")) -> None:
        self.slept: list[float] = []
        self.offsets: set[int] = set()
        self.server: Telegram | None = None
        self._file = folder / DATABASE
        self._pauses = pauses
        self._writer: sqlite3.Connection | None = None

    def take(self) -> None:
        self._writer = sqlite3.connect(self._file, isolation_level=None)
        self._writer.execute("BEGIN IMMEDIATE")

    def free(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def sleep(self, seconds: float) -> None:
        """Be the adapter's sleep."""
        self.slept.append(seconds)
        if self.server is not None:
            self.offsets |= set(self.server.offsets)
        if len(self.slept) >= self._pauses:
            self.free()
        await asyncio.sleep(0)


@asynccontextmanager
async def opened(server: Telegram, folder: Path, lock: Lock, **more: Any) -> AsyncIterator[TelegramHarness]:
    """A bot that does not wait for locks, so that a test need not."""
    async with telegram_harness(server, folder, sleep=lock.sleep, **more) as here:
        await here.home.store._db.write("PRAGMA busy_timeout = 0")
        await here.home.core.sweep()  # and with it the one that every start begins with
        await server.until(lambda: server.offsets or server.made("setWebhook"))  # the start writes as well
        lock.server = server
        try:
            yield here
        finally:
            lock.free()


async def test_an_ask_during_a_lock_is_drawn_when_it_is_over(server: Telegram, tmp_path: Path) -> None:
    lock = Lock(tmp_path, pauses=3)
    async with opened(server, tmp_path, lock) as here:
        lock.take()
        assert (await here.said("a boat"))["photo"]
    assert lock.slept[:3] == [1.0, 2.0, 4.0]


async def test_an_ask_is_not_confirmed_while_it_is_not_kept(server: Telegram, tmp_path: Path) -> None:
    lock = Lock(tmp_path, pauses=3)
    async with opened(server, tmp_path, lock) as here:
        lock.take()
        await here.chats.says("a boat")
        [update] = here.chats.updates
        await here.settled()
    assert update["update_id"] + 1 not in lock.offsets
    assert update["update_id"] + 1 in server.offsets


async def test_an_album_during_a_lock_is_drawn_when_it_is_over(server: Telegram, tmp_path: Path) -> None:
    lock = Lock(tmp_path, pauses=6)
    async with opened(server, tmp_path, lock) as here:
        lock.take()
        await here.chats.album(striped("x", 64, 64), striped("y", 64, 64), text="as a painting")
        await here.settled()
        assert [bool(message.get("photo")) for message in here.chats.of_bot()] == [True]


async def test_who_asks_while_a_lock_lasts_is_told_so_in_their_language(
    server: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock = Lock(tmp_path)
    async with opened(server, tmp_path, lock) as here:
        lock.take()
        assert (await here.said("一条船", BOB))["text"] == here.home.replies.texts.say(
            "zh", "refused-internal"
        )
    assert tuple(lock.slept) == intake.PAUSES
    assert "database is locked" in caplog.text


async def test_a_bot_that_could_not_keep_an_ask_goes_on_with_the_next(
    server: Telegram, tmp_path: Path
) -> None:
    lock = Lock(tmp_path)
    async with opened(server, tmp_path, lock) as here:
        lock.take()
        assert (await here.said("a boat"))["text"] == SORRY
        lock.free()
        assert (await here.said("a house"))["photo"]


async def test_others_are_served_while_an_ask_is_tried_again(server: Telegram, tmp_path: Path) -> None:
    tried = asyncio.Event()

    async def hang(seconds: float) -> None:
        tried.set()
        await asyncio.Event().wait()

    server.fail("getFile", "gateway")
    async with telegram_harness(server, tmp_path, sleep=hang) as here:
        await here.chats.says("as a painting", photo=striped("x", 64, 64))
        await tried.wait()
        await here.chats.says("a boat", BOB)
        await server.until(lambda: [m for m in here.chats.of_bot(BOB["id"]) if m.get("photo")])
        assert here.chats.of_bot(ANN["id"]) == []


@pytest.mark.parametrize(
    "button", ["Reroll", "U1", "favourite:1:0", "cancel:1:0", "delete:1:0", "set:0:0:steps=9"]
)
async def test_a_press_during_a_lock_is_answered(server: Telegram, tmp_path: Path, button: str) -> None:
    lock = Lock(tmp_path)
    async with opened(server, tmp_path, lock) as here:
        picture = await here.said("a boat --count 4")
        picture["reply_markup"]["inline_keyboard"].append([{"text": button, "callback_data": button}])
        lock.take()
        assert (await here.pressed(picture, button)).get("text") == SORRY
    assert tuple(lock.slept[-3:]) == intake.PAUSES_OF_A_PRESS


async def test_a_press_during_a_short_lock_is_done(server: Telegram, tmp_path: Path) -> None:
    lock = Lock(tmp_path, pauses=2)
    async with opened(server, tmp_path, lock) as here:
        picture = await here.said("a boat")
        lock.slept.clear()
        lock.take()
        assert "text" not in await here.pressed(picture, "Reroll")
        assert len(here.chats.of_bot()) == 2


async def test_a_reaction_during_a_lock_is_answered_in_private(server: Telegram, tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    async with opened(server, tmp_path, lock) as here:
        picture = await here.said("/imagine a boat --steps 1", chat=GROUP)
        lock.take()
        await here.chats.reacts(picture, "⚡")
        await here.settled()
        assert here.chats.of_bot(ANN["id"])[-1]["text"] == SORRY


async def test_telegram_is_asked_to_send_what_is_not_kept_again(
    server: Telegram, tmp_path: Path, listening: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = asyncio.Event()

    async def hold(seconds: float) -> None:
        await held.wait()

    monkeypatch.setattr(webhook, "PATIENCE", 0.1)
    lock = Lock(tmp_path)
    monkeypatch.setattr(lock, "sleep", hold)
    async with opened(server, tmp_path, lock, webhook=listening) as here:
        await server.until(lambda: server.chats.webhook)
        lock.take()
        update = written(here, "a boat")
        assert await sent(here, update) == 503
        lock.free()
        held.set()
        monkeypatch.setattr(webhook, "PATIENCE", 20.0)
        assert await sent(here, update) == 200
        await here.home.core.idle()
        assert [bool(message.get("photo")) for message in here.chats.of_bot()] == [True]


@pytest.mark.parametrize(
    "text", ["/show 99999999999999999999", "/info #" + "9" * 20, "/cancel " + "9" * 20, "/show ²"]
)
async def test_a_number_that_no_job_has_is_answered(here: TelegramHarness, text: str) -> None:
    assert "You have no job" in (await here.said(text))["text"]


@pytest.mark.parametrize("text", ["/upscale " + "9" * 20, "/ban #" + "9" * 20, "/unban #" + "9" * 20])
async def test_any_other_number_is_answered_too(here: TelegramHarness, text: str) -> None:
    assert (await here.said(text))["text"] != SORRY


@pytest.mark.parametrize(
    "data", [f"info:{'9' * 20}:0", f"file:{'9' * 20}", f"set:{'9' * 50}:0", "info:1:" + "9" * 50]
)
async def test_a_forged_press_is_answered(here: TelegramHarness, data: str) -> None:
    picture = await here.said("a boat")
    picture["reply_markup"]["inline_keyboard"].append([{"text": "x", "callback_data": data}])
    assert (await here.pressed(picture, "x")).get("text") != SORRY
