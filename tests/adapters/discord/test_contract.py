"""Discord keeps what every platform promises."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.types import Address
from engine.fake import FakeEngine
from tests.adapters.discord.fake_discord import Message
from tests.adapters.discord.harness import DiscordHarness, living
from tests.adapters.discord.people import words
from tests.adapters.discord.rest import Discord, running
from tests.bot.harness import StepGate
from tests.contracts.platform_contract import PlatformContract, Seen


class DiscordStage:
    """Ann in a channel of a small Discord, and Bob who looks on."""

    def __init__(self, small: Discord, directory: Path) -> None:
        self._small = small
        self._directory = directory
        self._life = AsyncExitStack()
        self._studio: DiscordHarness

    async def begin(self, engine: FakeEngine | None = None) -> None:
        life = living(self._small, self._directory, engine=engine)
        self._studio = await self._life.enter_async_context(life)
        self.platform = self._studio.platform
        self._ann, self._bob = getattr(self, "_ann", self._studio.ann), self._studio.person("Bob")

    async def end(self) -> None:
        await self._life.aclose()

    async def place(self) -> Address:
        asked = await self._ann.slash("imagine", prompt="x")
        message = await self._studio.drawn(asked)
        await self._studio.core.idle()
        job = await self._studio.job(message)
        return job.request.address

    async def seen(self) -> Sequence[Seen]:
        return [_seen(message) for message in self._ann.sees()]

    async def seen_by_others(self) -> Sequence[Seen]:
        return [_seen(message) for message in self._bob.sees()]

    async def ask(self, prompt: str) -> None:
        asked = await self._ann.slash("imagine", prompt=prompt)
        if "--zoom" in prompt:
            await self._ann.told()
        else:
            await self._studio.drawn(asked)

    async def press(self, verb: str) -> None:
        last = [each for each in self._ann.sees() if any(f":{verb}:" in one for one in each.custom_ids)][-1]
        await self._studio.drawn(await self._ann.press(last, verb))

    async def throttle(self, times: int) -> None:
        self._small.fail("PATCH", "/messages/", 429, times)

    async def restart(self) -> None:
        await self.end()
        await self.begin()

    async def interrupted(self, prompt: str) -> None:
        gate = StepGate()
        await self.end()
        await self.begin(FakeEngine(64, gate))
        asked = await self._ann.slash("imagine", prompt=prompt)
        await gate.reached()
        await self.restart()
        await self._studio.drawn(asked)


def _seen(message: Message) -> Seen:
    ids = tuple(each.partition(":")[2] for each in message.custom_ids)
    return Seen(words(message).replace("\\", ""), len(message.files), ids)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[DiscordStage]:
    async with running() as small:
        found = DiscordStage(small, tmp_path)
        await found.begin()
        yield found
        await found.end()


class TestFacts(PlatformContract):
    """All of them."""
