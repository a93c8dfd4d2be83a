"""What goes wrong between the bot and Telegram, over real sockets: nothing is sent twice, nothing is lost."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.telegram import TelegramPlatform
from bot import wiring
from bot.setup.config import Config, ConfigError, WebConfig
from engine.fake import FakeEngine
from tests.adapters.telegram.chats import ANN, BOB, GROUP
from tests.adapters.telegram.faults import ROWS, Row
from tests.adapters.telegram.harness import TelegramHarness, config, telegram_harness
from tests.adapters.telegram.server import TOKEN, Telegram
from tests.bot.harness import StepGate


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.where}: {row.fault}")
async def test_a_fault_comes_out_as_the_table_says(row: Row, tmp_path: Path) -> None:
    await row.trial(tmp_path)


async def test_a_bad_token_is_one_line_without_the_token(server: Telegram, tmp_path: Path) -> None:
    async with telegram_harness(server, tmp_path) as here:
        wrong = TOKEN.replace("A", "B")
        with pytest.raises(ConfigError, match=r"telegram\.token") as caught:
            await TelegramPlatform(config(server, token=wrong), here.home.replies).run(here.home.core)
    assert wrong not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("token", ["1:x", "no token", "1:\n", "١:x"])
async def test_a_bad_token_ends_a_bot_that_serves_nobody_else(
    server: Telegram, tmp_path: Path, token: str
) -> None:
    settings = Config(web=WebConfig(enabled=False), telegram=config(server, token=token))
    async with telegram_harness(server, tmp_path) as here:
        platforms = wiring.platforms_of(settings, here.home.replies, lambda: "ready")
        with pytest.raises(wiring.CommandError, match=r"telegram\.token"):
            await wiring.keep_serving(here.home.core, platforms, asyncio.Event().wait)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_token_that_is_withdrawn_while_the_bot_runs_is_one_line(
    server: Telegram, tmp_path: Path, status: int
) -> None:
    async with telegram_harness(server, tmp_path) as here:
        await here.said("a boat")
        await server.revoke(status)
        with pytest.raises(ConfigError, match=r"telegram\.token"):
            await here.serving


async def test_a_bot_serves_telegram_again_once_its_token_holds_again(
    server: Telegram, tmp_path: Path
) -> None:
    async with telegram_harness(server, tmp_path) as here:
        await server.revoke(401)
        await asyncio.gather(here.serving, return_exceptions=True)
        await server.revoke(0)
        here.serving = asyncio.create_task(here.platform.run(here.home.core))
        assert (await here.said("a boat"))["photo"]


async def test_what_was_asked_for_before_the_token_was_withdrawn_is_kept(
    server: Telegram, tmp_path: Path
) -> None:
    gate = StepGate()
    async with telegram_harness(server, tmp_path, engine=FakeEngine(16, gate)) as here:
        await here.chats.says("a boat")
        await gate.reached()
        await server.revoke(401)
        await asyncio.gather(here.serving, return_exceptions=True)
        gate.open()
        await here.home.until(lambda: _finished(here))
    await server.revoke(0)
    async with telegram_harness(server, tmp_path) as here:
        await here.settled()
        assert here.chats.of_bot()[-1]["photo"]


async def _finished(here: TelegramHarness) -> bool:
    job = await here.home.store.job(1)
    return job is not None and job.state == "finished"


async def test_an_update_is_confirmed_only_when_its_job_is_kept(server: Telegram, tmp_path: Path) -> None:
    server.fail("sendMessage", *["cut"] * 3)
    async with telegram_harness(server, tmp_path, run=False) as here:
        await here.chats.says("a boat")
        [update] = here.chats.updates
        await server.until(lambda: update["update_id"] + 1 in server.offsets)
        job = await here.home.store.by_event("telegram", f"{ANN['id']}/{update['message']['message_id']}")
        assert job is not None


async def test_a_message_that_looks_right_already_is_left_alone_after_a_restart(
    server: Telegram, tmp_path: Path
) -> None:
    async with telegram_harness(server, tmp_path, run=False) as before:
        await before.chats.says("a boat")
        await server.until(lambda: server.chats.of_bot())
        await before.home.settled()
    async with telegram_harness(server, tmp_path, run=False) as after:
        await after.home.settled()
        assert len(after.chats.of_bot()) == 1
        assert after.chats.of_bot()[0]["text"].startswith("You're next.")


async def test_a_person_who_blocked_the_bot_is_no_retry_and_finds_the_picture_later(
    server: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = StepGate()
    async with telegram_harness(server, tmp_path, engine=FakeEngine(16, gate)) as here:
        await here.chats.says("a boat")
        await gate.reached()
        here.chats.blocked.add(ANN["id"])
        gate.open()
        await here.settled()
        assert sum("out of reach for good" in record.message for record in caplog.records) == 1
        here.chats.blocked.clear()
        assert (await here.said("/show"))["photo"]


async def test_nothing_is_remembered_of_updates_that_are_done(here: TelegramHarness) -> None:
    await here.pressed(await here.said("a boat"), "Info")
    assert not here.platform._accepted._waited


async def test_a_group_is_edited_at_most_every_three_seconds(server: Telegram, tmp_path: Path) -> None:
    time = [0.0]
    edits: list[float] = []

    async def sleep(seconds: float) -> None:
        time[0] += seconds
        await asyncio.sleep(0)

    async with telegram_harness(server, tmp_path, clock=lambda: time[0], sleep=sleep) as here:
        await here.platform._outbox._connected.wait()
        post = here.platform._outbox._post
        real = post.edit_text

        async def edit(*args: object) -> None:
            edits.append(time[0])
            await real(*args)  # type: ignore[arg-type]

        post.edit_text = edit  # type: ignore[method-assign]
        await here.said("/imagine a boat --steps 4", chat=GROUP)
        assert edits
        assert all(later - earlier >= 3 for earlier, later in pairwise(edits))


async def test_two_people_are_served_while_one_chat_is_flooded(here: TelegramHarness) -> None:
    here.server.fail("sendMessage", "flood")
    await here.chats.says("a boat")
    await here.chats.says("a cat", BOB)
    await here.settled()
    assert len(here.chats.of_bot()) == 2
