"""Updates that Telegram sends by itself: only it is believed, and what is not kept is not confirmed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from adapters.telegram import TelegramPlatform
from adapters.telegram.webhook import HEADER
from bot import wiring
from bot.setup.config import Config, ConfigError, WebConfig
from engine.fake import striped
from tests.adapters.telegram.chats import ANN, Json
from tests.adapters.telegram.harness import TelegramHarness, config, telegram_harness
from tests.adapters.telegram.server import Telegram


@pytest.fixture
def listening() -> tuple[str, str]:
    """Where the bot listens and what Telegram is told: an address of this machine that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}/hook", f"127.0.0.1:{port}"


@pytest.fixture
async def hooked(
    server: Telegram, tmp_path: Path, listening: tuple[str, str]
) -> AsyncIterator[TelegramHarness]:
    async with telegram_harness(server, tmp_path, webhook=listening) as here:
        await server.until(lambda: server.chats.webhook)
        yield here


async def sent(here: TelegramHarness, update: Json, secret: str | None = None) -> int:
    """Send an update as Telegram does; return the status it is answered with."""
    assert here.chats.webhook is not None
    url, told = here.chats.webhook
    async with ClientSession() as client:
        headers = {HEADER: told if secret is None else secret}
        async with client.post(url, json=update, headers=headers) as answer:
            return answer.status


def written(here: TelegramHarness, text: str, number: int = 1, **more: object) -> Json:
    """Return the update in which Ann writes."""
    return {"update_id": number, "message": here.chats.post(ANN["id"], ANN, text=text, **more)}


async def test_an_update_by_webhook_is_drawn_and_confirmed(hooked: TelegramHarness) -> None:
    assert await sent(hooked, written(hooked, "a boat")) == 200
    await hooked.home.core.idle()
    [picture] = hooked.chats.of_bot()
    assert picture["photo"]
    assert hooked.server.offsets == []
    assert hooked.server.made("deleteWebhook") == []


@pytest.mark.parametrize("secret", ["", "wrong", "Wr\N{LATIN SMALL LETTER O WITH DIAERESIS}ng"])
async def test_who_does_not_know_the_secret_is_turned_away(hooked: TelegramHarness, secret: str) -> None:
    assert await sent(hooked, written(hooked, "a boat"), secret) == 403
    await hooked.home.core.idle()
    assert hooked.home.engine.tasks == []


async def test_what_is_no_update_is_refused(hooked: TelegramHarness) -> None:
    assert await sent(hooked, {"message": 7}) == 400


async def test_the_same_update_twice_is_answered_once(hooked: TelegramHarness) -> None:
    update = written(hooked, "/queue")
    assert [await sent(hooked, update), await sent(hooked, update)] == [200, 200]
    assert len(hooked.chats.of_bot()) == 1


async def test_an_update_that_takes_long_is_confirmed_once_kept_and_survives_a_stop(
    server: Telegram, tmp_path: Path, listening: tuple[str, str]
) -> None:
    server.hanging.add("getFile")
    async with telegram_harness(server, tmp_path, webhook=listening) as here:
        await server.until(lambda: server.chats.webhook)
        photo = [{**here.chats.keep(striped("x", 64, 64)), "width": 64, "height": 64}]
        update = written(here, "", caption="as a painting", photo=photo)
        assert await sent(here, update) == 200
    server.hanging.clear()
    async with telegram_harness(server, tmp_path, webhook=listening) as here:
        await server.until(lambda: [message for message in here.chats.of_bot() if message.get("photo")])


async def test_polling_takes_an_earlier_webhook_back(here: TelegramHarness) -> None:
    await here.said("a boat")
    assert here.server.made("deleteWebhook")


async def test_an_address_in_use_is_one_line_that_names_the_setting(
    server: Telegram, tmp_path: Path, listening: tuple[str, str]
) -> None:
    host, _, port = listening[1].rpartition(":")
    with socket.create_server((host, int(port))):
        async with telegram_harness(server, tmp_path) as here:
            settings = Config(web=WebConfig(enabled=False), telegram=config(server, webhook=listening))
            platforms = wiring.platforms_of(settings, here.home.replies, lambda: "ready")
            with pytest.raises(wiring.CommandError, match=r"telegram\.webhook_listen, or stop"):
                await wiring.keep_serving(here.home.core, platforms, asyncio.Event().wait)


async def test_a_port_that_cannot_be_is_one_line(server: Telegram, tmp_path: Path) -> None:
    async with telegram_harness(server, tmp_path) as here:
        other = TelegramPlatform(
            config(server, webhook=("https://x.example/", "127.0.0.1:99999")), here.home.replies
        )
        with pytest.raises(ConfigError, match=r"telegram\.webhook_listen"):
            await other.run(here.home.core)
