"""Messages as people send them on Telegram: attachments of every kind, talk in groups, forwards and parts."""

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.policy.access import Access
from engine.fake import striped
from engine.types import Generate
from tests.adapters.telegram.chats import ANN, BOB, GROUP, Json
from tests.adapters.telegram.harness import TelegramHarness, telegram_harness
from tests.adapters.telegram.server import Telegram

PHOTO = striped("x", 64, 64)
NIGHT = "make it night"
CHANNEL = {"id": -100777, "type": "channel", "title": "News"}
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
FORWARDED = {"type": "user", "date": 1, "sender_user": BOB}


def encoded(form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, form, **options)
    return buffer.getvalue()


def gif() -> bytes:
    return encoded("GIF", save_all=True, append_images=[Image.new("RGB", (64, 64), "blue")])


def drawn_from(here: TelegramHarness) -> bytes | None:
    """Return the picture that the newest task starts from."""
    task = here.home.engine.tasks[-1]
    assert isinstance(task, Generate)
    return task.init_image


async def document(here: TelegramHarness, data: bytes, mime: str | None, **more: Any) -> Json:
    kind = {} if mime is None else {"mime_type": mime}
    return await here.said("", document={**here.chats.keep(data), **kind}, caption=NIGHT, **more)


@pytest.mark.parametrize("mime", ["application/octet-stream", None, "image/jpeg", "text/plain"])
async def test_a_picture_sent_as_a_file_is_used_by_its_bytes(here: TelegramHarness, mime: str | None) -> None:
    await document(here, encoded("JPEG"), mime)
    assert drawn_from(here)


async def test_the_first_frame_of_a_gif_is_used(here: TelegramHarness) -> None:
    await document(here, gif(), "image/gif")
    assert drawn_from(here)


async def test_a_gif_that_telegram_made_a_film_is_used_by_its_still(here: TelegramHarness) -> None:
    still = {**here.chats.keep(encoded("JPEG")), "width": 64, "height": 64}
    film = {**here.chats.keep(b"film"), "width": 64, "height": 64, "duration": 1, "mime_type": "video/mp4"}
    film["thumbnail"] = still
    await here.said("", animation=film, document=film, caption=NIGHT)
    assert drawn_from(here)


@pytest.mark.parametrize("moves", [False, True])
async def test_a_sticker_is_used(here: TelegramHarness, moves: bool) -> None:
    still = {**here.chats.keep(encoded("WEBP")), "width": 64, "height": 64}
    sticker = {**(here.chats.keep(b"film") if moves else still), "width": 64, "height": 64, "type": "regular"}
    sticker |= {"is_animated": moves, "is_video": False, "thumbnail": still}
    there = here.chats.post(ANN["id"], ANN, sticker=sticker)
    await here.said(f"/imagine {NIGHT}", reply_to=there)
    assert drawn_from(here)


@pytest.mark.parametrize(
    "content",
    [
        {"video": {"file_id": "V", "file_unique_id": "v", "width": 9, "height": 9, "duration": 1}},
        {"voice": {"file_id": "V", "file_unique_id": "v", "duration": 1}},
        {"document": {"file_id": "V", "file_unique_id": "v", "mime_type": "video/mp4"}},
    ],
    ids=["video", "voice", "film as a file"],
)
async def test_what_holds_no_picture_is_answered_in_words(here: TelegramHarness, content: Json) -> None:
    assert "cannot use this attachment" in (await here.said("", caption=NIGHT, **content))["text"]
    assert here.home.engine.tasks == []


async def test_a_file_that_is_no_picture_after_all_is_answered_in_words(here: TelegramHarness) -> None:
    assert (await document(here, b"PK zip", "application/zip"))["text"]
    assert here.home.engine.tasks == []


async def test_talk_below_a_picture_in_a_group_is_talk(here: TelegramHarness) -> None:
    picture = await here.said("/imagine a boat", chat=GROUP)
    before = len(here.chats.of_bot())
    sticker = {**here.chats.keep(encoded("WEBP")), "width": 64, "height": 64, "type": "regular"}
    sticker |= {"is_animated": False, "is_video": False}
    await here.chats.says("Thanks, looks great!", chat=GROUP, reply_to=picture)
    await here.chats.says("lol", BOB, chat=GROUP, reply_to=picture)
    await here.chats.says("", BOB, chat=GROUP, reply_to=picture, sticker=sticker)
    await here.settled()
    assert len(here.chats.of_bot()) == before


async def test_a_mention_below_a_picture_in_a_group_changes_it(here: TelegramHarness) -> None:
    picture = await here.said("/imagine a boat", chat=GROUP)
    assert (await here.said("@painter_bot at night", chat=GROUP, reply_to=picture))["photo"]
    assert here.home.engine.tasks[-1].prompt == "a boat, at night"


async def test_a_reply_to_a_picture_in_private_changes_it(here: TelegramHarness) -> None:
    picture = await here.said("a boat")
    assert (await here.said("at night", reply_to=picture))["photo"]
    assert here.home.engine.tasks[-1].prompt == "a boat, at night"


async def test_a_reply_in_private_to_ones_own_photo_draws_it_over(here: TelegramHarness) -> None:
    photo = [{**here.chats.keep(PHOTO), "width": 64, "height": 64}]
    await here.said(NIGHT, reply_to=here.chats.post(ANN["id"], ANN, photo=photo))
    assert drawn_from(here)


async def test_a_forwarded_text_is_no_request(here: TelegramHarness) -> None:
    assert "no request" in (await here.said("a boat", forward_origin=FORWARDED))["text"]
    assert here.home.engine.tasks == []


async def test_a_forwarded_picture_is_offered_what_can_be_done_with_it(here: TelegramHarness) -> None:
    assert "/upscale" in (await here.said(NIGHT, photo=PHOTO, forward_origin=FORWARDED))["text"]
    assert here.home.engine.tasks == []


@pytest.mark.parametrize("more", [{"forward_origin": FORWARDED}, {"is_automatic_forward": True}])
async def test_a_forward_in_a_group_is_passed_over(here: TelegramHarness, more: Json) -> None:
    await here.chats.says("/imagine a boat", chat=GROUP, **more)
    await here.settled()
    assert here.chats.of_bot() == []


@pytest.mark.parametrize("sender", [{"id": GROUP, "type": "supergroup", "title": "Painters"}, CHANNEL])
async def test_who_writes_as_a_group_or_channel_learns_why_nothing_is_drawn(
    here: TelegramHarness, sender: Json
) -> None:
    answer = await here.said("/imagine a boat", ANONYMOUS, chat=GROUP, sender_chat=sender)
    assert "write as yourself" in answer["text"]
    assert here.home.engine.tasks == []


async def test_an_album_is_one_request_that_says_what_it_has_no_use_for(here: TelegramHarness) -> None:
    await here.chats.album(PHOTO, PHOTO, PHOTO, text=NIGHT)
    await here.settled()
    [answer] = here.chats.of_bot()
    assert "🖼 2 🖼 3" in answer["html"]


async def test_an_album_without_words_gets_one_answer(here: TelegramHarness) -> None:
    await here.chats.album(PHOTO, PHOTO)
    await here.settled()
    [answer] = here.chats.of_bot()
    assert "what to draw" in answer["text"]


async def test_a_text_that_came_in_two_parts_gets_one_answer(here: TelegramHarness) -> None:
    parts = [here.chats.post(ANN["id"], ANN, text=text) for text in ("a boat " * 585, "and a house " * 75)]
    await here.chats.tell(*({"message": part} for part in parts))
    await here.settled()
    [answer] = here.chats.of_bot()
    assert "4994" in answer["text"] or "too long" in answer["text"]
    assert here.home.engine.tasks == []


async def test_two_short_messages_are_two_requests(here: TelegramHarness) -> None:
    parts = [here.chats.post(ANN["id"], ANN, text=text) for text in ("a boat", "a house")]
    await here.chats.tell(*({"message": part} for part in parts))
    await here.settled()
    assert len(here.home.engine.tasks) == 2


async def test_each_choice_in_braces_is_shown_in_a_message_of_its_own(here: TelegramHarness) -> None:
    await here.said("a {red, blue} boat")
    assert [bool(message.get("photo")) for message in here.chats.of_bot()] == [True, True]


async def test_a_group_that_became_a_supergroup_stays_allowed(
    server: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = -500
    allowed = Access(allow=frozenset({f"telegram:chat:{old}", f"telegram:user:{BOB['id']}"}))
    async with telegram_harness(server, tmp_path, access=allowed) as here:
        with caplog.at_level(logging.WARNING):
            await here.chats.says("", chat=old, migrate_to_chat_id=GROUP)
            await here.settled()
            assert (await here.said("/imagine a boat", chat=GROUP))["photo"]
    assert f"telegram:chat:{old} is telegram:chat:{GROUP} from now on" in caplog.text
    async with telegram_harness(server, tmp_path, access=allowed) as here:
        assert (await here.said("/imagine a house", chat=GROUP))["photo"]
