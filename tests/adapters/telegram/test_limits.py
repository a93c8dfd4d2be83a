"""Telegram's limits: one chat's flood, one slow file or one muted group holds up nobody else."""

import asyncio
import itertools
import logging
from pathlib import Path
from typing import Any

import pytest
from telegram.error import RetryAfter

from adapters.telegram.limiter import PER_GROUP, RESERVE, RETRIES, ChatLimiter
from engine.fake import striped
from tests.adapters.telegram.chats import ANN, BOB, GROUP, Json
from tests.adapters.telegram.harness import TelegramHarness, telegram_harness
from tests.adapters.telegram.server import Telegram

FLOOD = 30


class Clock:
    """A clock that sleeping moves on; sleeping longer than `patience` seconds never ends."""

    def __init__(self, patience: float = float("inf")) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._patience = patience

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if seconds > self._patience:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def call(
    limiter: ChatLimiter, chat: int, endpoint: str = "sendMessage", gives_way: bool = False
) -> Any:
    """Make a call that Telegram takes."""

    async def taken() -> bool:
        return True

    return await limiter.process_request(taken, (), {}, endpoint, {"chat_id": chat}, gives_way)


async def flood(limiter: ChatLimiter, chat: int, seconds: int = FLOOD) -> None:
    """Make a status edit that Telegram answers with a flood error."""

    async def refused() -> bool:
        raise RetryAfter(seconds)

    with pytest.raises(RetryAfter):
        await limiter.process_request(refused, (), {}, "editMessageText", {"chat_id": chat}, True)


def photos(here: TelegramHarness, chat: int) -> list[Json]:
    return [message for message in here.chats.of_bot(chat) if message.get("photo")]


async def test_a_call_to_a_flooded_chat_is_made_when_its_wait_is_over() -> None:
    clock = Clock()
    limiter = ChatLimiter(clock, clock.sleep)
    await flood(limiter, GROUP)
    await call(limiter, GROUP)
    assert clock.now == 1000.0 + FLOOD


async def test_other_chats_do_not_wait_for_a_flooded_one() -> None:
    clock = Clock()
    limiter = ChatLimiter(clock, clock.sleep)
    await flood(limiter, GROUP)
    await call(limiter, ANN["id"])
    assert clock.slept == []


async def test_everybody_waits_once_three_chats_are_flooded() -> None:
    clock = Clock()
    limiter = ChatLimiter(clock, clock.sleep)
    for chat in (-1, -2, -3):
        await flood(limiter, chat)
    await call(limiter, ANN["id"])
    assert clock.now == 1000.0 + FLOOD


async def test_a_call_that_gives_way_is_not_made_while_its_chat_is_flooded() -> None:
    clock = Clock()
    limiter = ChatLimiter(clock, clock.sleep)
    await flood(limiter, GROUP)
    with pytest.raises(RetryAfter):
        await call(limiter, GROUP, "editMessageText", gives_way=True)
    assert clock.slept == []


async def test_status_edits_leave_half_of_a_groups_minute_to_what_is_finished() -> None:
    clock = Clock()
    limiter = ChatLimiter(clock, clock.sleep)
    for _ in range(PER_GROUP - RESERVE):
        await call(limiter, GROUP, "editMessageText", gives_way=True)
    with pytest.raises(RetryAfter):
        await call(limiter, GROUP, "editMessageText", gives_way=True)
    for _ in range(RESERVE):
        await call(limiter, GROUP, "editMessageMedia")
    assert clock.slept == []
    await call(limiter, GROUP)
    assert clock.slept == [pytest.approx(3.0)]


async def test_a_private_chat_may_be_written_to_as_often_as_thirty_times_a_second() -> None:
    clock = Clock()
    limiter = ChatLimiter(clock, clock.sleep)
    for _ in range(60):
        await call(limiter, ANN["id"])
    assert clock.now == pytest.approx(1001.0)


async def test_a_call_that_is_refused_at_every_try_raises_what_telegram_said() -> None:
    clock = Clock()
    limiter = ChatLimiter(clock, clock.sleep)
    tries = itertools.count(1)

    async def refused() -> bool:
        next(tries)
        raise RetryAfter(FLOOD)

    with pytest.raises(RetryAfter):
        await limiter.process_request(refused, (), {}, "getFile", {}, None)
    assert next(tries) == RETRIES + 2


async def test_a_flooded_group_holds_up_nobody_elsewhere(server: Telegram, tmp_path: Path) -> None:
    clock = Clock(patience=FLOOD - 1)
    async with telegram_harness(server, tmp_path, sleep=clock.sleep) as here:
        server.floods[GROUP] = FLOOD
        await here.chats.says("/imagine a boat", chat=GROUP)
        await here.chats.says("a house", BOB)
        await server.until(lambda: photos(here, BOB["id"]))
        assert here.chats.of_bot(GROUP) == []


async def test_a_picture_is_shown_once_its_flooded_chat_takes_it(server: Telegram, tmp_path: Path) -> None:
    clock = Clock()
    async with telegram_harness(server, tmp_path, sleep=clock.sleep, clock=clock) as here:
        server.fail("editMessageMedia", "flood")
        assert (await here.said("a boat"))["photo"]
        assert 1.0 in [round(seconds, 3) for seconds in clock.slept]
        assert len(server.made("sendMessage")) == 1


async def test_twelve_people_in_a_group_see_their_pictures_and_few_edits_before(
    server: Telegram, tmp_path: Path
) -> None:
    async with telegram_harness(server, tmp_path, clock=lambda: 1000.0) as here:
        for number in range(12):
            account = ANN | {"id": 1000 + number}
            await here.chats.says(f"/imagine a boat {number}", account, chat=GROUP)
        await here.settled()
        assert len(photos(here, GROUP)) == 12
        assert len(server.made("editMessageText")) <= PER_GROUP - RESERVE


async def test_a_file_that_never_comes_holds_up_nobody_else(server: Telegram, tmp_path: Path) -> None:
    server.hanging.add("getFile")
    async with telegram_harness(server, tmp_path) as here:
        await here.chats.says("as a painting", photo=striped("x", 64, 64))
        await here.chats.says("/queue", BOB)
        await server.until(lambda: here.chats.of_bot(BOB["id"]))
        await server.until(lambda: not here.chats.updates)
        assert here.chats.of_bot(ANN["id"]) == []


async def test_somebody_elses_file_holds_up_nobody_in_a_group(server: Telegram, tmp_path: Path) -> None:
    server.hanging.add("getFile")
    async with telegram_harness(server, tmp_path) as here:
        await here.chats.says("/imagine as a painting", photo=striped("x", 64, 64), chat=GROUP)
        await here.chats.says("/queue", BOB, chat=GROUP)
        await server.until(lambda: here.chats.of_bot(GROUP))


async def test_an_update_that_was_being_handled_is_handled_after_the_next_start(
    server: Telegram, tmp_path: Path
) -> None:
    server.hanging.add("getFile")
    async with telegram_harness(server, tmp_path) as here:
        await here.chats.says("as a painting", photo=striped("x", 64, 64))
        await server.until(lambda: here.server.offsets and not here.chats.updates)
    server.hanging.clear()
    async with telegram_harness(server, tmp_path) as here:
        await server.until(lambda: photos(here, ANN["id"]))
        await here.settled()
        assert await here.home.store.kept_updates.left("telegram") == []


async def test_a_group_that_lets_nobody_write_is_answered_in_private(here: TelegramHarness) -> None:
    here.chats.muted.add(GROUP)
    await here.chats.says("/imagine a boat", chat=GROUP)
    await here.settled()
    [picture] = here.chats.of_bot(ANN["id"])
    assert picture["photo"]


async def test_nothing_more_is_drawn_for_a_group_that_lets_nobody_write(here: TelegramHarness) -> None:
    here.chats.muted.add(GROUP)
    await here.chats.says("/imagine a boat", chat=GROUP)
    await here.settled()
    await here.chats.says("/imagine a house", chat=GROUP)
    await here.settled()
    assert "may not write in that group" in here.chats.of_bot(ANN["id"])[-1]["text"]
    assert len(here.home.engine.tasks) == 1


async def test_a_group_that_lets_the_bot_write_again_is_served_again(here: TelegramHarness) -> None:
    here.chats.muted.add(GROUP)
    await here.chats.says("/imagine a boat", chat=GROUP)
    await here.settled()
    here.chats.muted.clear()
    assert (await here.said("/imagine a house", chat=GROUP))["photo"]


async def test_a_webhook_of_another_program_is_named_and_taken_back(
    server: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with telegram_harness(server, tmp_path) as here:
        await here.said("a boat")
        with caplog.at_level(logging.WARNING):
            server.foreign_webhook = "https://other.example.org/secret-path"
            assert (await here.said("a house"))["photo"]
    assert "other.example.org" in caplog.text
    assert "secret-path" not in caplog.text


@pytest.mark.parametrize(
    "method", ["setMyCommands", "getChatMember", "answerCallbackQuery", "sendChatAction"]
)
async def test_a_call_that_is_never_answered_holds_up_nobody_else(
    server: Telegram, tmp_path: Path, method: str
) -> None:
    async with telegram_harness(server, tmp_path) as here:
        picture = await here.said("/imagine a boat --steps 1", chat=GROUP)
        server.hanging.add(method)
        await here.chats.presses(picture, "🗑", BOB)
        await here.chats.says("/imagine a house", chat=GROUP)
        await here.chats.says("/queue", BOB)
        await server.until(lambda: here.chats.of_bot(BOB["id"]))


async def test_nobody_waits_for_the_menu_of_commands(server: Telegram, tmp_path: Path) -> None:
    server.hanging.add("setMyCommands")
    async with telegram_harness(server, tmp_path) as here:
        assert (await here.said("a boat"))["photo"]
