"""The bot on a small Discord: the real client library, core and store; only the engine is the fake one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.discord import DiscordPlatform
from bot.core import Core, CoreSettings
from bot.locales.texts import Texts
from bot.policy.access import Access
from bot.policy.limits import Rule
from bot.policy.moderation import BannedWords
from bot.replies.replies import Replies
from bot.setup.config import DiscordConfig
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Job, Params
from engine.fake import FakeEngine
from engine.files.loras import LoraFolder
from engine.types import ModelProfile
from tests.adapters.discord.fake_discord import Interaction, Message
from tests.adapters.discord.people import Chat
from tests.adapters.discord.rest import TOKEN, Discord, running

PROFILE = ModelProfile("small", base_size=64, max_size=256)
EVERYWHERE = Access()
FREE = Rule(0, 0, 0, 0, 4, 1.0)


class DiscordHarness:
    """One life of the bot, and the Discord it lives on."""

    def __init__(
        self, discord: Discord, platform: DiscordPlatform, core: Core, store: JobStore, texts: Texts
    ) -> None:
        self.discord = discord
        self.world = discord.world
        self.platform = platform
        self.core = core
        self.store = store
        self.texts = texts
        self.ann = Chat(discord, "Ann")
        self.pauses: list[float] = []

    def person(self, name: str, locale: str = "en-US") -> Chat:
        return Chat(self.discord, name, locale)

    async def draw(self, prompt: str = "a boat", who: Chat | None = None, **options: Any) -> Message:
        """Ask for a picture and wait for it."""
        asked = await (who or self.ann).slash("imagine", prompt=prompt, **{"steps": 2, **options})
        return await self.drawn(asked)

    async def drawn(self, asked: Interaction) -> Message:
        """Wait until the answer to an interaction is a finished job."""
        return await self.finished(await self.ann.answered(asked))

    async def finished(self, message: Message) -> Message:
        """Wait until a message shows an ended job."""

        def ended() -> bool:
            ids = message.custom_ids
            return bool(ids) and not any(":cancel:" in each for each in ids)

        await self.world.until(ended)
        return message

    async def job(self, message: Message) -> Job:
        """The job that a message shows."""
        row = await self.store.job(int(message.custom_ids[0].split(":")[2]))
        assert row is not None
        return row

    async def newest(self) -> Job:
        """The newest job of all."""
        number = 0
        while (row := await self.store.job(number + 1)) is not None:
            number, found = number + 1, row
        return found


@asynccontextmanager
async def living(
    discord: Discord,
    directory: Path,
    *,
    engine: Any = None,
    rule: Rule = FREE,
    banned: Sequence[str] = ("forbidden",),
    access: Access = EVERYWHERE,
    profile: ModelProfile = PROFILE,
    ready: bool = True,
    hurried: bool = True,
    clock_off: float = 0.0,
    loras: Path | None = None,
    **said: Any,
) -> AsyncIterator[DiscordHarness]:
    """Let the bot live on a small Discord; it stops in order at the end, and what it broke is told.

    `hurried`, it waits a hundredth of a second wherever it would wait a second or longer. Its clock is
    `clock_off` seconds ahead of Discord's.
    """

    def now() -> float:
        return discord.world.now() + clock_off

    async def sleep(seconds: float) -> None:
        if seconds > 1000:
            await asyncio.Event().wait()
        await asyncio.sleep(0.01 if hurried and seconds >= 1.0 else seconds)

    settings = DiscordConfig(TOKEN, api_base=discord.api_base, gateway_url=discord.gateway_url)
    replies = Replies(profile)
    platform = DiscordPlatform(replace(settings, **said), directory, replies, now, sleep)
    async with JobStore.open(directory) as store:
        core = Core(
            store=store,
            images=PictureFolder(directory / "pictures"),
            engine=engine or FakeEngine(64),
            replies=replies,
            banned_words=BannedWords(banned),
            settings=CoreSettings(profile, Params(""), rule, access=access, loras=LoraFolder(loras)),
            platforms={platform.name: platform},
            now=now,
            sleep=sleep,
        )
        await core.recover()
        tasks = [asyncio.create_task(core.run()), asyncio.create_task(platform.run(core))]
        tasks[1].add_done_callback(lambda _: discord.world.change())
        try:
            if ready:
                shards = max(1, platform.settings.shards)
                await discord.world.until(lambda: tasks[1].done() or discord.gateway.ready(shards))
                if tasks[1].done():
                    await tasks[1]
            yield DiscordHarness(discord, platform, core, store, replies.texts)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert discord.world.broken == [], "\n".join(discord.world.broken)


@asynccontextmanager
async def opened(directory: Path, **said: Any) -> AsyncIterator[DiscordHarness]:
    """A small Discord with the bot on it."""
    async with running() as discord, living(discord, directory, **said) as studio:
        yield studio
