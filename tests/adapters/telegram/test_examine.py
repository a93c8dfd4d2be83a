"""What `doctor` and `setup` hear from Telegram."""

import asyncio

import pytest

from adapters.telegram import examine
from tests.adapters.telegram.harness import config
from tests.adapters.telegram.server import telegram


async def test_a_good_token_is_one_line_with_the_bots_address() -> None:
    async with telegram() as server:
        [found] = await examine.examine(config(server, proxy="none"))
    assert (found.grade, found.fix) == ("ok", "")
    assert "https://t.me/" in found.text


@pytest.mark.parametrize(
    ("token", "text"), [("123456:other", "telegram.token is refused by 127.0.0.1"), ("other", "is no token")]
)
async def test_a_token_that_is_refused_is_a_problem(token: str, text: str) -> None:
    async with telegram() as server:
        [found] = await examine.examine(config(server, token=token, proxy="none"))
    assert found.grade == "problem"
    assert text in found.text


async def test_another_programs_webhook_is_named() -> None:
    async with telegram() as server:
        server.foreign_webhook = "https://other.example/hook"
        _, found = await examine.examine(config(server, proxy="none"))
    assert found.text == "another program gets its updates, at other.example"


async def test_a_telegram_that_cannot_be_asked_says_nothing_against_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with telegram() as server:
        server.fail("getMe", "down")
        [found] = await examine.examine(config(server, proxy="none"))
        assert (found.grade, found.text[:15]) == ("note", "cannot be asked")
        server.hanging.add("getMe")
        monkeypatch.setattr(examine, "PATIENCE", 0.05)
        async with asyncio.timeout(5):
            [found] = await examine.examine(config(server, proxy="none"))
        assert found.text == "cannot be asked: no answer"


async def test_telegram_is_asked_through_the_bots_own_proxy() -> None:
    async with telegram() as server:
        [found] = await examine.examine(config(server, proxy="ftp://127.0.0.1:1"))
        assert (found.grade, found.text.split(" = ")[0]) == ("problem", "telegram.proxy")
        [found] = await examine.examine(config(server, proxy="socks5://127.0.0.1:9"))
        assert found.text.startswith("cannot be asked: ")
