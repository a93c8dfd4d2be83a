"""What a person sees on Telegram: every state of a message, in both languages, drawn by the small model.

`python -m tests.adapters.telegram.gallery DIR` writes `DIR/en.html` and `DIR/zh.html` in Telegram's colours,
and the same words as `DIR/en.txt` and `DIR/zh.txt`. The bot is the real one, on the small Telegram.
"""

import asyncio
import copy
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bot.policy.access import Access
from bot.policy.limits import Rule
from engine.fake import FakeEngine
from engine.models import profiles
from engine.runtime.process import ProcessEngine
from engine.types import EngineSettings, Optimize, image_tokens
from tests.adapters.telegram.chats import ANN, BOB, GROUP, Json
from tests.adapters.telegram.gallery_page import Shot, page, text
from tests.adapters.telegram.harness import TelegramHarness, telegram_harness
from tests.adapters.telegram.server import telegram
from tests.bot.harness import StepGate

CODES = {"en": "en", "zh": "zh-hans"}
NAMES = {"en": ("Ann", "Ben"), "zh": ("小安", "阿本")}
WISHES = {
    "en": ("a red sailboat on the sea at sunset", "a yellow house in a meadow in the morning"),
    "zh": ("夕阳下海上的一艘红色帆船", "清晨草地上的一座黄房子"),
}
ROUGH = {"en": "boat, red, pretty, sunset", "zh": "落日里的红色小船，好看一点"}
CHANGE = {"en": "at night", "zh": "在夜里"}
BANNED = {"en": "a forbidden thing", "zh": "forbidden 的东西"}
RULE = Rule(0, 12, 3, 0, 4, 1.0)
HURRY = 8.0
"""How much faster than ours the adapter's clock runs, so that previews come while a small model draws."""
TICK = 0.05


@dataclass
class Album:
    """The shots of one language, in order."""

    language: str
    here: TelegramHarness
    shots: list[Shot] = field(default_factory=list)

    def __post_init__(self) -> None:
        code, (ann, ben) = CODES[self.language], NAMES[self.language]
        self.ann: Json = {**ANN, "first_name": ann, "language_code": code}
        self.ben: Json = {**BOB, "first_name": ben, "language_code": code}

    def take(self, title: str, message: Json, asked: str = "") -> Json:
        """Keep how a message looks now."""
        photo = message.get("photo")
        data = self.here.chats.files[photo[-1]["file_id"]] if photo else b""
        kept = {key: value for key, value in message.items() if key != "reply_to_message"}
        self.shots.append(Shot(title, copy.deepcopy(kept), data, asked))
        return message

    async def said(self, title: str, words: str, who: Json | None = None, **more: Any) -> Json:
        """Write, and keep the answer."""
        return self.take(title, await self.here.said(words, who or self.ann, **more), words)

    async def pressed(self, title: str, message: Json, button: str) -> None:
        """Press, and keep the newest message or the pop-up."""
        answer = await self.here.pressed(message, button, self.ann)
        if answer.get("text"):
            self.shots.append(Shot(title, None, alert=answer["text"]))
        else:
            self.take(title, self.here.chats.of_bot(message["chat"]["id"])[-1])


async def drawn_by_the_model(album: Album) -> None:
    """Everything around pictures, drawn by the small model."""
    here, (wish, other) = album.here, WISHES[album.language]
    first = await here.said(f"{wish} --seed 7", album.ann)
    await here.chats.says(f"{other} --count 4 --steps 20", album.ann)
    await here.chats.says(f"{other} --count 4", album.ben)
    await here.chats.says(wish, album.ann)
    [_, grid, _, queued] = await here.server.until(lambda: _at_least(here, 4))
    await here.server.until(lambda: "⏳" in queued.get("text", ""))
    album.take("In line, with when it is due", queued, wish)
    await here.server.until(lambda: "photo" in grid)
    album.take("Drawing, with a preview", grid)
    await here.settled()
    album.take("One picture", first, f"{wish} --seed 7")
    album.take("Four pictures", grid, f"{other} --count 4 --steps 20")
    await album.pressed("Enlarged", first, "upscale:1:0")
    await album.said("Covered", f"{wish} --seed 7 --spoiler")
    await album.said("A picture changed by an answer", CHANGE[album.language], reply_to=first)
    await album.said("/optimize", f"/optimize {ROUGH[album.language]}")
    for title, button in (("Edit", "edit:1:0"), ("Info", "info:1:0"), ("File", "file:1")):
        await album.pressed(title, first, button)
    document = here.chats.of_bot()[-1]
    await album.said("/info on any file", "/info", reply_to=document)
    await here.chats.reacts(first, "❤", album.ann)
    await here.settled()
    album.take("❤ under a picture", here.chats.of_bot()[-1])
    for command in ("/history", "/quota"):
        await album.said(command, command)
    await album.pressed("Deleted", first, "delete:1:0")


async def said_in_words(album: Album, gate: StepGate) -> None:
    """Refusals, failures and panels, for which nothing need be drawn."""
    here, (wish, other) = album.here, WISHES[album.language]
    await here.chats.says(wish, album.ann)
    await gate.reached()
    [held] = await here.server.until(
        lambda: [each for each in here.chats.of_bot() if "Cancel" in str(each) or "取消" in str(each)]
    )
    album.take("About to draw", held, wish)
    listed = await _queue(album)
    album.take("/queue", listed, "/queue")
    await here.pressed(held, "cancel:1:0", album.ann)
    gate.open()
    await here.settled()
    album.take("Cancelled", held)
    await album.said("Failed", f"fail out_of_memory: {other}")
    await album.said("Refused: words", BANNED[album.language])
    await album.said("Refused: a flag", f"{wish} --zoom 2")
    await album.said("Refused: quota", f"{wish} --steps 50 --count 4")
    await album.said("A command without words", "/imagine")
    panel = await album.said("/settings", "/settings")
    await here.pressed(panel, "menu:aspect", album.ann)
    album.take("/settings, one opened", panel)
    for command in ("/link", "/forget", "/help", "/stats", "/ban telegram:user:99 7"):
        await album.said(command, command)
    await _in_a_group(album, wish)


async def _in_a_group(album: Album, wish: str) -> None:
    picture = await album.here.said(f"/imagine {wish} --steps 1", album.ben, chat=GROUP)
    await album.pressed("Another person's button in a group", picture, "🔄")
    album.here.chats.blocked.add(album.ann["id"])
    await album.said("Private words in a group, to a stranger", "/settings", chat=GROUP)
    album.here.chats.blocked.clear()
    album.here.home.core._members.access = Access(allow=frozenset({"telegram:user:1"}))
    await album.said("A chat that is not let in", wish)


async def _queue(album: Album) -> Json:
    count = len(album.here.chats.of_bot())
    await album.here.chats.says("/queue", album.ann)
    found: list[Json] = await album.here.server.until(lambda: _at_least(album.here, count + 1))
    return found[-1]


def _at_least(here: TelegramHarness, count: int) -> list[Json]:
    found = here.chats.of_bot()
    return found if len(found) >= count else []


async def _album(language: str) -> list[Shot]:
    profile = profiles.profile("embedded")
    engine = ProcessEngine(EngineSettings(), image_tokens(profile.base_size, profile.base_size))
    async with aclosing(engine.run(Optimize("x"))) as loading:
        async for _ in loading:
            pass
    shots = await _with(language, drawn_by_the_model, engine=engine, profile=profile)
    await engine.close()
    return shots + await in_words(language)


async def in_words(language: str) -> list[Shot]:
    """Return what needs no picture."""
    gate = StepGate()
    scenes = partial(said_in_words, gate=gate)
    profile = profiles.profile("embedded")
    return await _with(language, scenes, engine=FakeEngine(64, gate), profile=profile, rule=RULE)


async def _with(language: str, scenes: Callable[[Album], Awaitable[None]], **said: Any) -> list[Shot]:
    access = Access(admins=frozenset({f"telegram:user:{ANN['id']}"}))
    with tempfile.TemporaryDirectory() as folder:
        async with telegram() as server:
            hurried = partial(_hurried, time.monotonic())
            async with telegram_harness(server, Path(folder), clock=hurried, access=access, **said) as here:
                album = Album(language, here)
                ticking = asyncio.create_task(_tick(here))
                await scenes(album)
                ticking.cancel()
                return album.shots


async def _tick(here: TelegramHarness) -> None:
    """Let time pass in the house, so that it can be foretold."""
    while True:
        here.home.time = time.time()
        await asyncio.sleep(TICK)


def _hurried(begun: float) -> float:
    return (time.monotonic() - begun) * HURRY


def main() -> None:
    """Write the pages and the words."""
    os.environ["NO_PROXY"] = "127.0.0.1"
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for language in CODES:
        shots = asyncio.run(_album(language))
        (folder / f"{language}.html").write_text(page(shots, language), "utf-8")
        (folder / f"{language}.txt").write_text(text(shots), "utf-8")


if __name__ == "__main__":
    main()
