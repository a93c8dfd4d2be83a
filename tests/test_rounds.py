"""A whole round on each chat service: the bot as a process, sockets, the embedded model, and a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.adapters.discord import rest as discord
from tests.adapters.discord.fake_discord import Interaction, Message
from tests.adapters.discord.people import Chat, words
from tests.adapters.telegram.chats import ANN, Json
from tests.adapters.telegram.server import TOKEN, Telegram, telegram
from tests.running import running

WISH = "夕阳下海上的一艘红色帆船"
PROMPT = "a red sailboat on the sea at sunset"
SLOW = {"steps": 24, "count": 4}
"""Long enough that progress is seen: a chat service lets a message be edited every other second."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_round_on_discord(tmp_path: Path) -> None:
    async with discord.running() as server:
        ann = Chat(server)
        async with _on_discord(server, tmp_path):
            asked = await ann.slash("imagine", prompt=f"{PROMPT} --seed 7 --size 256x256", **SLOW)
            first = await ann.answered(asked)
            await server.world.until(lambda: "%" in words(first) and "█" in words(first))
            assert (await _drawn(server, first)).files
            again = await _answer(server, ann, await ann.press(first, "reroll"))
            assert again.files != first.files
        async with _on_discord(server, tmp_path):
            larger = await _answer(server, ann, await ann.press(again, "upscale", 0))
            assert "enlarged to" in words(larger)
            before = set(server.world.messages)
            await ann.react(again, "🔄")
            [reacted] = await server.world.until(
                lambda: [m for m in server.world.messages.values() if m.id not in before]
            )
            assert (await _drawn(server, reacted)).files
            better = await _answer(server, ann, await ann.slash("optimize", prompt=WISH))
            assert PROMPT in words(better)
            used = await _answer(server, ann, await ann.press(better, "use"))
            assert used.files
            assert PROMPT in words(used)
        assert server.world.broken == []


async def test_a_round_on_telegram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with telegram() as server:
        chats = server.chats
        async with _on_telegram(server, tmp_path):
            flags = " ".join(f"--{name} {value}" for name, value in SLOW.items())
            await chats.says(f"{PROMPT} --seed 7 --size 256x256 {flags}")
            [first] = await server.until(chats.of_bot)
            await server.until(lambda: "%" in _said(first))
            await _photo(server, first)
            again = await _pressed(server, first, "Reroll")
            assert again["photo"] != first["photo"]
        async with _on_telegram(server, tmp_path):
            larger = await _pressed(server, again, "U1")
            assert "enlarged to" in _said(larger)
            count = len(chats.of_bot())
            await chats.reacts(again, "⚡")
            await server.until(lambda: len(chats.of_bot()) > count)
            await _photo(server, chats.of_bot()[-1])
            count = len(chats.of_bot())
            await chats.says(f"/optimize {WISH}")
            await server.until(lambda: len(chats.of_bot()) > count and PROMPT in _said(chats.of_bot()[-1]))
            used = await _pressed(server, chats.of_bot()[-1], "Draw this")
            assert PROMPT in _said(used)
        assert server.spec is None or server.spec.violations == []


@asynccontextmanager
async def _on_discord(server: discord.Discord, data: Path) -> AsyncIterator[None]:
    environment = {
        "DISCORD__TOKEN": discord.TOKEN,
        "DISCORD__API_BASE": server.api_base,
        "DISCORD__GATEWAY_URL": server.gateway_url,
    }
    async with running(data, **environment):
        await server.world.until(server.gateway.ready)
        yield


@asynccontextmanager
async def _on_telegram(server: Telegram, data: Path) -> AsyncIterator[None]:
    environment = {
        "TELEGRAM__TOKEN": TOKEN,
        "TELEGRAM__BASE_URL": f"{server.url}/bot",
        "TELEGRAM__BASE_FILE_URL": f"{server.url}/file/bot",
    }
    async with running(data, **environment):
        yield


async def _drawn(server: discord.Discord, message: Message) -> Message:
    """Wait until a message shows an ended job."""

    def ended() -> bool:
        return bool(message.custom_ids) and not any(":cancel:" in each for each in message.custom_ids)

    await server.world.until(ended)
    return message


async def _answer(server: discord.Discord, ann: Chat, asked: Interaction) -> Message:
    return await _drawn(server, await ann.answered(asked))


async def _photo(server: Telegram, message: Json) -> None:
    await server.until(lambda: message.get("photo") and "Cancel" not in str(message.get("reply_markup")))


async def _pressed(server: Telegram, message: Json, button: str, who: Json = ANN) -> Json:
    count = len(server.chats.of_bot())
    await server.chats.presses(message, button, who)
    await server.until(lambda: len(server.chats.of_bot()) > count)
    found = server.chats.of_bot()[-1]
    await _photo(server, found)
    return found


def _said(message: Json) -> str:
    return str(message.get("text") or message.get("caption") or "")
