"""How a message looks while it waits, is drawn and is done: previews, due times, covers, and the way back."""

import asyncio
from pathlib import Path

import pytest

from adapters.telegram import markup
from adapters.telegram.address import Place, read
from bot.types import Action, Button, Gone, Image, Reply
from engine.fake import striped
from engine.pictures.metadata import Parameters, write
from tests.adapters.telegram.chats import ANN, BOB, GROUP
from tests.adapters.telegram.harness import TelegramHarness, buttons, telegram_harness
from tests.adapters.telegram.server import Telegram

CANCEL = ((Button(Action("cancel", 17), "✖️", "Cancel"),),)
PREVIEW = Image("17-preview.jpg", striped("half", 8, 16), "image/jpeg", 8, 16)
PICTURE = Image("17-0.png", striped("done", 64, 128), "image/png", 64, 128)
WAITING = Reply("In line", actions=CANCEL, final=False)
DRAWING = Reply("step 3 of 8", images=(PREVIEW,), actions=CANCEL, progress=(3, 8), final=False)
DONE = Reply("Done", images=(PICTURE,), actions=((Button(Action("reroll", 17), "🔄", "Reroll"),),), job=17)


def test_buttons_with_an_emoji_alone_end_the_row_above() -> None:
    zoom, left = Button(Action("zoom", 17, 0, "2"), "🔍", "2×"), Button(Action("pan", 17, 0, "left"), "⬅️")
    shown = markup.keyboard(Reply("Done", actions=((zoom,), (left,))))
    assert shown is not None
    assert [[each.text for each in row] for row in shown.inline_keyboard] == [["🔍 2×", "⬅️"]]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


async def test_a_preview_takes_the_place_of_the_words_and_the_picture_that_of_the_preview(
    server: Telegram, tmp_path: Path
) -> None:
    clock = Clock()
    async with telegram_harness(server, tmp_path, clock=clock, sleep=clock.sleep) as here:
        address = Place(ANN["id"], "e").address()
        for reply, seconds in ((WAITING, 0), (DRAWING, 0), (DRAWING, 5)):
            clock.now += seconds
            address = await here.platform.show(address, reply)
        [message] = here.chats.of_bot()
        assert (message["photo"][0]["width"], message["photo"][0]["height"]) == (320, 640)
        assert message["caption"] == "step 3 of 8"
        await here.platform.show(address, DONE)
        assert (message["photo"][0]["width"], message["caption"]) == (64, "Done")
        assert here.chats.of_bot() == [message]


async def test_previews_keep_a_pace_and_words_change_between_them(server: Telegram, tmp_path: Path) -> None:
    clock = Clock()
    async with telegram_harness(server, tmp_path, clock=clock, sleep=clock.sleep) as here:
        address = Place(ANN["id"], "e").address()
        for step in range(9):
            drawing = Reply(
                f"step {step} of 8", images=(PREVIEW,), actions=CANCEL, progress=(step, 8), final=False
            )
            address = await here.platform.show(address, drawing)
            clock.now += 1
        assert len(server.made("editMessageMedia")) == 2
        [message] = here.chats.of_bot()
        assert message["caption"] == "step 8 of 8"


async def test_a_preview_stays_when_its_job_waits_again_and_goes_when_it_is_cancelled(
    server: Telegram, tmp_path: Path
) -> None:
    clock = Clock()
    async with telegram_harness(server, tmp_path, clock=clock, sleep=clock.sleep) as here:
        address = await here.platform.show(Place(ANN["id"], "e").address(), DRAWING)
        clock.now += 5
        address = await here.platform.show(address, DRAWING)
    async with telegram_harness(server, tmp_path) as here:
        address = await here.platform.show(address, WAITING)
        [message] = here.chats.of_bot()
        assert message["photo"]
        assert message["caption"] == "In line"
        await here.platform.show(address, Reply("Cancelled."))
        [message] = here.chats.of_bot()
        assert message["text"] == "Cancelled."


async def test_a_chat_without_photos_keeps_the_words_while_it_is_drawn(
    server: Telegram, tmp_path: Path
) -> None:
    clock = Clock()
    server.no_photos = True
    async with telegram_harness(server, tmp_path, clock=clock, sleep=clock.sleep) as here:
        address = await here.platform.show(Place(ANN["id"], "e").address(), DRAWING)
        clock.now += 5
        await here.platform.show(
            address, Reply("step 4 of 8", images=(PREVIEW,), progress=(4, 8), final=False)
        )
        [message] = here.chats.of_bot()
        assert message["text"] == "step 4 of 8"


@pytest.mark.parametrize(("lang", "words"), [("en", "about 2 minutes"), ("zh-hans", "约 2 分钟")])
async def test_who_waits_reads_when_it_is_due_in_their_language(
    here: TelegramHarness, lang: str, words: str
) -> None:
    await here.said("/help")
    waiting = Reply("In line", eta=here.home.time + 121, actions=CANCEL, final=False)
    await here.platform.show(Place(ANN["id"], "e", lang=lang).address(), waiting)
    assert words in here.chats.of_bot()[-1]["text"]


async def test_the_language_stays_with_the_message(here: TelegramHarness) -> None:
    await here.said("一艘船", BOB)
    [job] = await here.home.store.history("telegram:8", 1, None)
    assert read(job.request.address).lang == "zh-hans"


async def test_a_covered_picture_is_covered_everywhere(here: TelegramHarness) -> None:
    assert (await here.said("a boat --spoiler"))["has_media_spoiler"] is True
    assert (await here.said("/show"))["has_media_spoiler"] is True
    assert (await here.said("a boat"))["has_media_spoiler"] is False


@pytest.mark.parametrize("there", [False, True])
async def test_a_chat_that_is_no_more_is_gone(here: TelegramHarness, there: bool) -> None:
    address = Place(ANN["id"], "e").address()
    if there:
        address = await here.platform.show(address, WAITING)
    here.chats.vanished.add(ANN["id"])
    with pytest.raises(Gone):
        await here.platform.show(address, DONE)


async def test_an_original_that_was_sent_as_a_file_is_a_picture_to_draw_over(here: TelegramHarness) -> None:
    await here.pressed(await here.said("a boat"), "PNG")
    await here.said("at night", reply_to=here.chats.of_bot()[-1])
    assert here.home.engine.tasks[-1].init_image


async def test_any_file_tells_its_parameters_and_a_photo_says_why_not(here: TelegramHarness) -> None:
    file = write(striped("x", 64, 64), Parameters("a boat", seed=5, width=64, height=64, steps=8))
    told = await here.said("/info", file=file)
    assert "a boat" in told["text"]
    assert "seed 5" in told["text"]
    posted = here.chats.post(GROUP, ANN, document={**here.chats.keep(file), "mime_type": "image/png"})
    assert "a boat" in (await here.said("/info", BOB, chat=GROUP, reply_to=posted))["text"]
    assert "as a file" in (await here.said("/info", photo=striped("x", 64, 64)))["text"]
    assert "no parameters" in (await here.said("/info", file=striped("x", 64, 64)))["text"]


async def test_another_wording_is_a_message_of_its_own(here: TelegramHarness) -> None:
    prompt = await here.said("/optimize a boat")
    await here.pressed(prompt, "Reword")
    assert buttons(here.chats.of_bot()[-1])[0] == "🎨 Draw this"
    assert len(here.chats.of_bot()) == 2
