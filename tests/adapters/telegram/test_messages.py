"""What people say on Telegram and what comes of it, over a real socket with the real client library."""

import io
from pathlib import Path

from PIL import Image

from adapters.telegram.photos import fit
from bot.policy.access import Access
from bot.types import Image as Shown
from engine.fake import FakeEngine, striped
from tests.adapters.telegram.chats import ANN, BOB, GROUP, TOPIC
from tests.adapters.telegram.server import Telegram
from tests.adapters.telegram.town import Town, buttons, town
from tests.bot.house import Gate

PNG = striped("x", 64, 64)


async def test_words_become_one_message_that_turns_into_the_picture(here: Town) -> None:
    asked = await here.chats.says("a red boat --seed 5")
    await here.settled()
    [message] = here.chats.of_bot()
    assert message["reply_to_message"]["message_id"] == asked["message_id"]
    assert "seed 5" in message["caption"]
    assert "a picture of a red boat" in message["caption"]
    assert [each.split()[-1] for each in buttons(message)] == [
        "Reroll", "Vary", "Upscale", "Edit", "Info", "Delete", "PNG"
    ]  # fmt: skip
    assert len(here.server.made("sendMessage")) == 1
    assert here.server.made("sendPhoto") == []


async def test_progress_is_shown_in_the_message_and_over_the_chat(here: Town) -> None:
    await here.said("a boat")
    assert here.server.made("sendChatAction")[0]["action"] == "upload_photo"
    texts = [said["text"] for said in here.server.made("editMessageText")]
    assert any("step" in text for text in texts)


async def test_a_command_may_name_the_bot_but_not_another(here: Town) -> None:
    assert "a cat" in (await here.said("/imagine@painter_bot a cat"))["caption"]
    await here.chats.says("/imagine@other_bot a dog", chat=GROUP)
    await here.settled()
    assert here.chats.of_bot(GROUP) == []


async def test_an_empty_command_asks_for_words_and_takes_the_answer(here: Town) -> None:
    question = await here.said("/optimize")
    assert here.server.made("sendMessage")[-1]["reply_markup"]["force_reply"] is True
    done = await here.said("a boat", reply_to=question)
    assert buttons(done) == ["🎨 Draw this", "✏️ Edit", "💬 Draw mine", "🔁 Reword"]


async def test_a_refusal_answers_the_asker_in_their_language(here: Town) -> None:
    asked = await here.chats.says("a boat --colour red", BOB)
    await here.settled()
    [refusal] = here.chats.of_bot()
    assert refusal["text"] == "没有 --colour 这个参数，发 /help 看看有哪些。"
    assert refusal["reply_to_message"]["message_id"] == asked["message_id"]


async def test_markup_in_a_prompt_is_shown_and_not_read(here: Town) -> None:
    message = await here.said("a <b>bold</b> cat & 'dog' <3 --raw")
    assert "a <b>bold</b> cat & 'dog' <3" in message["caption"]


async def test_a_long_prompt_is_cut_and_still_delivered(here: Town) -> None:
    message = await here.said("𝕏 cat, " * 250)
    assert len(message["caption"].encode("utf-16-le")) // 2 <= 1024
    assert message["photo"]


async def test_a_group_is_answered_only_when_it_means_the_bot(here: Town) -> None:
    await here.chats.says("what a nice day", chat=GROUP)
    await here.chats.says("/roll 6", chat=GROUP)
    await here.settled()
    assert here.chats.of_bot(GROUP) == []
    picture = await here.said("@Painter_bot a cat --steps 1", chat=GROUP)
    assert "a cat" in picture["caption"]


async def test_a_forum_topic_is_answered_in_the_topic(here: Town) -> None:
    topic = {"message_thread_id": TOPIC, "is_topic_message": True}
    message = await here.said("/imagine a cat --steps 1", chat=GROUP, **topic)
    assert message["message_thread_id"] == TOPIC


async def test_a_photo_with_words_is_drawn_over(here: Town) -> None:
    await here.said("as a painting", photo=PNG)
    await here.said("as a sketch", file=PNG)
    assert [bool(task.init_image) for task in here.home.engine.tasks] == [True, True]


async def test_a_photo_without_words_is_asked_for_them(here: Town) -> None:
    assert "Tell me what to draw" in (await here.said(photo=PNG))["text"]


async def test_a_sent_picture_is_enlarged(here: Town) -> None:
    message = await here.said("/upscale", photo=PNG)
    assert "enlarged to 128×128" in message["caption"]


async def test_an_unreadable_or_huge_picture_is_refused(here: Town) -> None:
    assert "can't read that picture" in (await here.said("x", file=b"\x89PNG broken"))["text"]
    broken = await here.chats.says("x", photo=PNG)
    broken["photo"][0]["file_size"] = 30_000_000
    await here.settled()
    assert "too large" in here.chats.of_bot()[-1]["text"]


async def test_an_album_is_one_request(here: Town) -> None:
    await here.chats.says("as a painting", photo=PNG, media_group_id="77")
    await here.chats.says("", photo=PNG, media_group_id="77")
    await here.settled()
    assert len(here.chats.of_bot()) == 1


async def test_a_reply_to_a_picture_changes_it_with_its_prompt_and_seed(here: Town) -> None:
    picture = await here.said("a boat --seed 5 --ar 2:1 --raw")
    await here.said("at night", reply_to=picture)
    first, second = here.home.engine.tasks
    assert second.prompt == "a boat, at night"
    assert (second.seed, second.width, second.height) == (5, first.width, first.height)


async def test_commands_name_the_picture_they_answer(here: Town) -> None:
    picture = await here.said("a boat")
    await here.said("a cat")
    assert (await here.said("/info", reply_to=picture))["text"].startswith("Job #1 ")
    assert "enlarged" in (await here.said("/upscale", reply_to=picture))["caption"]
    await here.said("再来一张", reply_to=picture)
    assert "boat" in here.home.engine.tasks[-1].prompt


async def test_an_edited_message_makes_no_second_picture(here: Town) -> None:
    asked = await here.chats.says("a boat")
    await here.chats.tell({"edited_message": {**asked, "text": "a cat"}})
    await here.chats.says("a dog")
    await here.settled()
    assert len(here.home.engine.tasks) == 2


async def test_what_says_nothing_is_left_alone(here: Town) -> None:
    await here.chats.says("", pinned_message=await here.said("a boat"))
    await here.settled()
    assert len(here.chats.of_bot()) == 1


async def test_commands_are_offered_in_each_language(here: Town) -> None:
    await here.said("/help")
    assert {"imagine", "queue", "help"} <= {entry["command"] for entry in here.server.commands[""]}
    assert here.server.commands["zh"][0]["description"].startswith("画图")


async def test_the_other_commands_are_answered(here: Town) -> None:
    await here.said("a boat --steps 1")
    starts = {
        "/start": "Tell me what to draw",
        "/queue": "Nobody is waiting",
        "/history": "Your latest",
        "/info": "Job #1",
        "/quota": "Pictures in the last",
        "/cancel": "You have nothing waiting",
    }
    for command, start in starts.items():
        assert (await here.said(command))["text"].startswith(start), command
    assert "a boat" in (await here.said("/show"))["caption"]


def test_a_picture_over_the_limits_of_a_photo_is_shrunk() -> None:
    wide = io.BytesIO()
    Image.new("RGB", (9600, 500), "teal").save(wide, "PNG")
    with Image.open(io.BytesIO(fit(Shown("x.png", wide.getvalue(), "image/png", 9600, 500)))) as small:
        assert sum(small.size) <= 10_000


async def test_cancel_stops_what_waits_in_its_message(server: Telegram, tmp_path: Path) -> None:
    gate = Gate()
    async with town(server, tmp_path, engine=FakeEngine(16, gate)) as here:
        await here.chats.says("a boat")
        await gate.reached()
        await here.chats.says("/cancel")
        await here.settled()
        assert here.chats.of_bot()[0]["text"].startswith("Cancelled.")


async def test_a_group_is_let_in_by_its_number_or_its_name(server: Telegram, tmp_path: Path) -> None:
    only = Access(allow=frozenset(["telegram:chat:@painters", "telegram:chat:-1"]))
    async with town(server, tmp_path, access=only) as here:
        await here.chats.says("/imagine a cat", chat=GROUP)
        await here.settled()
        assert here.chats.of_bot(GROUP) == []
        here.chats.usernames[GROUP] = "painters"
        assert "a cat" in (await here.said("/imagine a cat --steps 1", chat=GROUP))["caption"]


async def test_a_chat_that_is_not_served_is_told_so_once_and_draws_nothing(
    server: Telegram, tmp_path: Path
) -> None:
    only_ann = Access(allow=frozenset([f"telegram:user:{ANN['id']}"]))
    async with town(server, tmp_path, access=only_ann) as here:
        assert f"telegram:user:{BOB['id']}" in (await here.said("a boat", BOB))["text"]
        assert "caption" in await here.said("a boat", ANN)
