"""What a member sees on Discord: every state of a message, in both languages, drawn by the small model.

`python -m tests.adapters.discord.gallery DIR` writes `DIR/en.html` and `DIR/zh.html` in Discord's colours,
and the same words as `DIR/en.txt` and `DIR/zh.txt`. The bot is the real one, on the small Discord.
"""

import asyncio
import copy
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bot.policy.access import Access
from bot.policy.limits import Rule
from engine.fake import FakeEngine
from engine.models import profiles
from engine.runtime.process import ProcessEngine
from engine.types import EngineSettings, image_tokens
from tests.adapters.discord.fake_discord import Message
from tests.adapters.discord.gallery_page import Shot, page, text
from tests.adapters.discord.harness import DiscordHarness, living
from tests.adapters.discord.people import Chat, words
from tests.adapters.discord.rest import running
from tests.bot.harness import StepGate

LOCALES = {"en": "en-US", "zh": "zh-CN"}
NAMES = {"en": ("Ann", "Ben", "Cho"), "zh": ("小安", "阿本", "小曹")}
WISHES = {
    "en": ("a red sailboat on the sea at sunset", "a yellow house in a meadow in the morning"),
    "zh": ("夕阳下海上的一艘红色帆船", "清晨草地上的一座黄房子"),
}
ROUGH = {"en": "boat, red, pretty, sunset", "zh": "落日里的红色小船，好看一点"}
BANNED = {"en": "a forbidden thing", "zh": "forbidden 的东西"}
RULE = Rule(0, 12, 3, 0, 4, 1.0)


@dataclass
class Album:
    """The shots of one language, in order."""

    language: str
    shots: list[Shot] = field(default_factory=list)

    def take(self, title: str, message: Message) -> None:
        """Keep how a message looks now."""
        eyes = message.seen_by != 0
        self.shots.append(Shot(title, copy.deepcopy(message.body), list(message.files), eyes))

    def window(self, title: str, window: dict[str, Any]) -> None:
        """Keep an edit window."""
        self.shots.append(Shot(title, {}, [], True, window))


async def drawn_by_the_model(album: Album, studio: DiscordHarness) -> None:
    """Everything around pictures, drawn by the small model."""
    people = [studio.person(name, LOCALES[album.language]) for name in NAMES[album.language]]
    ann, ben, cho = people
    wish, other = WISHES[album.language]
    studio.ann = ann
    first = await studio.draw(wish, seed=7, steps=8)
    grid_asked = await ann.slash("imagine", prompt=other, count=4, steps=20)
    await ben.slash("imagine", prompt=wish, count=4, steps=8)
    queued = await cho.answered(await cho.slash("imagine", prompt=wish, steps=8))
    await studio.world.until(lambda: queued.custom_ids)
    album.take("In line, with the time it will be done", queued)
    await _private(album, ann, "/queue", ann.slash("queue"))
    grid = await ann.answered(grid_asked)
    await studio.world.until(lambda: ("█" in words(grid) and grid.files) or "seeds" in words(grid))
    album.take("Drawing, with a preview", grid)
    await studio.finished(queued)
    await studio.finished(grid)
    album.take("One picture", first)
    album.take("Four pictures", grid)
    larger = await studio.drawn(await ann.press(first, "upscale"))
    album.take("Enlarged", larger)
    covered = await studio.draw(wish, ann, seed=7, steps=8, spoiler=True)
    album.take("Covered", covered)
    album.take("/optimize", await studio.drawn(await ann.slash("optimize", prompt=ROUGH[album.language])))
    asked = await ann.press(first, "edit")
    album.window("Edit", await studio.world.until(lambda: asked.modal))
    await _private(album, ann, "Info", ann.press(first, "info"))
    await ann.react(first, "⭐")
    starred = await studio.world.until(lambda: [each for each in ann.sees() if each.channel.kind == 1])
    album.take("⭐ under a picture (direct message)", starred[-1])
    for name in ("history", "quota"):
        await _private(album, ann, f"/{name}", ann.slash(name))
    await ann.press(first, "delete")
    await studio.world.until(lambda: not first.files)
    album.take("Deleted", first)


async def said_in_words(album: Album, studio: DiscordHarness, gate: StepGate) -> None:
    """Refusals, failures and panels, for which nothing need be drawn."""
    ann = studio.ann = studio.person(NAMES[album.language][0], LOCALES[album.language])
    wish, other = WISHES[album.language]
    held = await ann.answered(await ann.slash("imagine", prompt=wish, steps=8))
    await gate.reached()
    await studio.world.until(lambda: held.custom_ids)
    album.take("About to draw", held)
    await ann.press(held, "cancel")
    await studio.world.until(lambda: not any(":cancel:" in each for each in held.custom_ids))
    album.take("Cancelled", held)
    gate.open()
    failed = await studio.drawn(await ann.slash("imagine", prompt=f"fail out_of_memory: {other}", steps=8))
    album.take("Failed", failed)
    await _private(album, ann, "Refused: words", ann.slash("imagine", prompt=BANNED[album.language]))
    await _private(album, ann, "Refused: a flag", ann.slash("imagine", prompt=f"{wish} --zoom 2"))
    await _private(album, ann, "Refused: quota", ann.slash("imagine", prompt=wish, steps=50, count=4))
    ann.channel.permissions = 0
    await _private(album, ann, "Refused: permissions", ann.slash("imagine", prompt=wish))
    for name in ("settings", "link", "forget", "help", "stats"):
        await _private(album, ann, f"/{name}", ann.slash(name))
    await _private(album, ann, "/ban", ann.slash("ban", person=studio.person("Eve").person, days=7))


async def _private(album: Album, who: Chat, title: str, asking: Awaitable[object]) -> None:
    """Ask, and keep the answer, which only the asker sees."""
    count = len(who.whispers())
    await asking
    await who.told(count + 1)
    album.take(title, who.whispers()[-1])


async def staged(
    album: Album, scenes: Callable[[Album, DiscordHarness], Any], folder: Path, **said: Any
) -> None:
    """Play scenes on a small Discord where everybody is an administrator."""
    async with running() as discord:
        everybody = frozenset({f"discord:server:{discord.world.guild}"})
        async with living(discord, folder, access=Access(admins=everybody), **said) as studio:
            await scenes(album, studio)


async def _album(language: str) -> Album:
    album, gate = Album(language), StepGate()
    profile = profiles.profile("embedded")
    engine = ProcessEngine(EngineSettings(), image_tokens(profile.base_size, profile.base_size))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        said: dict[str, Any] = {"engine": engine, "hurried": False}
        await staged(album, drawn_by_the_model, Path(one), profile=profile, **said)
        await engine.close()
        said = {"engine": FakeEngine(64, gate), "rule": RULE}
        await staged(album, partial(said_in_words, gate=gate), Path(other), profile=profile, **said)
    return album


def main() -> None:
    """Write the pages and the words."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for language in LOCALES:
        album = asyncio.run(_album(language))
        (folder / f"{language}.html").write_text(page(album.shots, language), "utf-8")
        (folder / f"{language}.txt").write_text(text(album.shots), "utf-8")


if __name__ == "__main__":
    main()
