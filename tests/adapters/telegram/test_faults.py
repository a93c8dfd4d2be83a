"""What goes wrong between the bot and Telegram, over real sockets: nothing is sent twice, nothing is lost."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.telegram import TelegramPlatform
from bot import __main__
from bot.config import Config, ConfigError, TelegramConfig, WebConfig
from engine.fake import FakeEngine, striped
from tests.adapters.telegram.chats import ANN, BOB, GROUP
from tests.adapters.telegram.server import TOKEN, Fault, Telegram
from tests.adapters.telegram.town import Town, town
from tests.bot.house import Gate

# Method, what happens to it, and how many messages the bot may have sent in the end.
FAULTS: list[tuple[str, list[Fault], int]] = [
    ("sendMessage", ["flood"], 1),
    ("editMessageMedia", ["flood"], 1),
    ("editMessageText", ["gateway", "flood", "cut"], 1),
    ("sendMessage", ["gateway"], 1),
    ("sendMessage", ["cut"], 1),
    ("editMessageMedia", ["gateway", "gateway"], 1),
    ("editMessageMedia", ["cut", "cut"], 1),
    ("editMessageMedia", ["lost", "lost"], 1),
    ("editMessageText", ["lost"], 1),
    ("sendChatAction", ["gateway"], 1),
    ("getUpdates", ["conflict", "gateway", "cut", "lost", "flood"], 1),
    ("getMe", ["gateway", "cut", "lost"], 1),
    ("setMyCommands", ["gateway", "flood"], 1),
    ("deleteWebhook", ["cut"], 1),
]


@pytest.mark.parametrize(("method", "faults", "messages"), FAULTS, ids=lambda value: str(value))
async def test_a_fault_loses_nothing_and_doubles_nothing(
    server: Telegram, tmp_path: Path, method: str, faults: list[Fault], messages: int
) -> None:
    server.fail(method, *faults)
    async with town(server, tmp_path) as here:
        await here.chats.says("a boat")
        await here.settled()
        found = here.chats.of_bot()
        assert len(found) == messages
        assert found[-1]["photo"]
        assert len(here.home.engine.tasks) == 1
        await here.pressed(found[-1], "Reroll")
        assert len(here.chats.of_bot()) == messages + 1


async def test_a_flood_error_is_waited_out_and_not_answered(here: Town) -> None:
    here.server.fail("editMessageText", "flood")
    clock = asyncio.get_running_loop().time
    started = clock()
    await here.said("a boat")
    assert clock() - started >= 1
    assert len(here.server.made("sendMessage")) == 1


async def test_a_picture_that_cannot_be_fetched_at_once_is_fetched_later(here: Town) -> None:
    here.server.fail("getFile", "gateway", "cut")
    here.server.fail("file", "cut")
    message = await here.said("as a painting", photo=striped("x", 64, 64))
    assert message["photo"]


async def test_a_bad_token_is_one_line_without_the_token(server: Telegram, tmp_path: Path) -> None:
    async with town(server, tmp_path) as here:
        wrong = TOKEN.replace("A", "B")
        config = _config(server, wrong)
        with pytest.raises(ConfigError, match=r"telegram\.token") as caught:
            await TelegramPlatform(config).run(here.home.core)
    assert wrong not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_bad_token_ends_the_bot_like_any_bad_setting(server: Telegram, tmp_path: Path) -> None:
    config = Config(
        web=WebConfig(enabled=False),
        telegram=_config(server, "1:x"),
    )
    async with town(server, tmp_path) as here:
        with pytest.raises(ConfigError, match=r"telegram\.token"):
            await __main__._serve(here.home.core, __main__._platforms(config))


async def test_an_update_is_confirmed_only_when_its_job_is_kept(server: Telegram, tmp_path: Path) -> None:
    server.fail("sendMessage", *["cut"] * 3)
    async with town(server, tmp_path, run=False) as here:
        await here.chats.says("a boat")
        [update] = here.chats.updates
        await server.until(lambda: update["update_id"] + 1 in server.offsets)
        job = await here.home.store.by_event("telegram", f"{ANN['id']}/{update['message']['message_id']}")
        assert job is not None


async def test_a_picture_that_cannot_be_fetched_at_all_is_answered(here: Town) -> None:
    here.server.fail("getFile", *["gateway"] * 4)
    message = await here.said("as a painting", photo=striped("x", 64, 64))
    assert message["text"] == "Something went wrong on our side; please try again."


async def test_an_update_that_was_not_handled_comes_again_after_a_crash(
    server: Telegram, tmp_path: Path
) -> None:
    tried = asyncio.Event()

    async def hang(seconds: float) -> None:
        tried.set()
        await asyncio.Event().wait()

    server.fail("getFile", "gateway")
    async with town(server, tmp_path, sleep=hang) as before:
        await before.chats.says("as a painting", photo=striped("x", 64, 64))
        await tried.wait()
    assert len(server.chats.updates) == 1
    async with town(server, tmp_path) as after:
        await after.settled()
        [picture] = after.chats.of_bot()
        assert picture["photo"]


async def test_a_job_goes_on_in_the_same_message_after_a_restart(server: Telegram, tmp_path: Path) -> None:
    gate = Gate()
    async with town(server, tmp_path, engine=FakeEngine(16, gate)) as before:
        await before.chats.says("a boat")
        await gate.reached()
        await server.until(lambda: "Getting ready" in server.chats.of_bot()[-1].get("text", ""))
    async with town(server, tmp_path) as after:
        await after.settled()
        [picture] = after.chats.of_bot()
        assert picture["photo"]


async def test_a_message_that_looks_right_already_is_left_alone_after_a_restart(
    server: Telegram, tmp_path: Path
) -> None:
    async with town(server, tmp_path, run=False) as before:
        await before.chats.says("a boat")
        await server.until(lambda: server.chats.of_bot())
        await before.home.settled()
    async with town(server, tmp_path, run=False) as after:
        await after.home.settled()
        assert len(after.chats.of_bot()) == 1
        assert after.chats.of_bot()[0]["text"].startswith("You're next.")


async def test_a_message_deleted_meanwhile_is_sent_anew(server: Telegram, tmp_path: Path) -> None:
    gate = Gate()
    async with town(server, tmp_path, engine=FakeEngine(16, gate)) as here:
        await here.chats.says("a boat")
        await gate.reached()
        await here.home.settled()
        for message in here.chats.of_bot():
            del here.chats.messages[message["chat"]["id"], message["message_id"]]
        gate.open()
        await here.settled()
        [picture] = here.chats.of_bot()
        assert picture["photo"]


async def test_a_person_who_blocked_the_bot_is_no_retry_and_finds_the_picture_later(
    server: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    async with town(server, tmp_path, engine=FakeEngine(16, gate)) as here:
        await here.chats.says("a boat")
        await gate.reached()
        here.chats.blocked.add(ANN["id"])
        gate.open()
        await here.settled()
        assert sum("out of reach for good" in record.message for record in caplog.records) == 1
        here.chats.blocked.clear()
        assert (await here.said("/show"))["photo"]


async def test_a_group_that_became_a_supergroup_gets_its_picture_there(
    server: Telegram, tmp_path: Path
) -> None:
    gate = Gate()
    async with town(server, tmp_path, engine=FakeEngine(16, gate)) as here:
        await here.chats.says("/imagine a boat --steps 1", chat=GROUP)
        await gate.reached()
        here.chats.migrated[GROUP] = -100777
        gate.open()
        await here.settled()
        [picture] = here.chats.of_bot(-100777)
        assert picture["photo"]


async def test_a_picture_too_old_to_be_deleted_is_covered(here: Town) -> None:
    picture = await here.said("a boat")
    before = picture["photo"][0]["file_id"]
    here.server.too_old = True
    await here.pressed(picture, "Delete")
    [left] = here.chats.of_bot()
    assert left["caption"] == "Deleted."
    assert left["photo"][0]["file_id"] != before


async def test_a_chat_that_takes_no_photos_gets_the_words_and_the_file(here: Town) -> None:
    here.server.no_photos = True
    message = await here.said("a boat")
    assert message["text"].startswith("Here is your picture")
    assert len(here.server.made("sendMessage")) == 1
    await here.pressed(message, "PNG")
    assert here.chats.of_bot()[-1]["document"]


async def test_nothing_is_remembered_of_updates_that_are_done(here: Town) -> None:
    await here.pressed(await here.said("a boat"), "Info")
    assert not here.platform._accepted._waited


async def test_a_group_is_edited_at_most_every_three_seconds(server: Telegram, tmp_path: Path) -> None:
    time = [0.0]
    edits: list[float] = []

    async def sleep(seconds: float) -> None:
        time[0] += seconds
        await asyncio.sleep(0)

    async with town(server, tmp_path, clock=lambda: time[0], sleep=sleep) as here:
        post = here.platform._outbox._post
        real = post.edit_text

        async def edit(*args: object) -> None:
            edits.append(time[0])
            await real(*args)  # type: ignore[arg-type]

        post.edit_text = edit  # type: ignore[method-assign]
        await here.said("/imagine a boat --steps 4", chat=GROUP)
        assert edits
        assert all(later - earlier >= 3 for earlier, later in pairwise(edits))


async def test_two_people_are_served_while_one_chat_is_flooded(here: Town) -> None:
    here.server.fail("sendMessage", "flood")
    await here.chats.says("a boat")
    await here.chats.says("a cat", BOB)
    await here.settled()
    assert len(here.chats.of_bot()) == 2


def _config(server: Telegram, token: str) -> TelegramConfig:
    return TelegramConfig(token, base_url=f"{server.url}/bot", base_file_url=f"{server.url}/file/bot")
