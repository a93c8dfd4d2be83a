"""What `doctor` and `setup` hear from Discord."""

import discord
import pytest

from adapters.discord import examine
from bot.setup.config import DiscordConfig
from tests.adapters.discord.rest import TOKEN, Discord, running


def settings(server: Discord, token: str = TOKEN, proxy: str = "none") -> DiscordConfig:
    return DiscordConfig(token, api_base=server.api_base, gateway_url=server.gateway_url, proxy=proxy)


def server(name: str, **permissions: bool) -> dict[str, str]:
    return {"id": "1", "name": name, "permissions": str(discord.Permissions(**permissions).value)}


ALL = dict.fromkeys(examine.NEEDED, True)


async def test_a_good_token_in_servers_that_lack_nothing_is_one_line() -> None:
    async with running() as here:
        here.servers = [server("home", **ALL), server("castle", administrator=True)]
        [found] = await examine.examine(settings(here))
    assert (found.grade, found.fix) == ("ok", "")
    assert "in 2 servers" in found.text


async def test_what_a_server_does_not_let_the_bot_do_is_named() -> None:
    async with running() as here:
        here.servers = [server("home", **ALL | {"attach_files": False, "embed_links": False})]
        _, found = await examine.examine(settings(here))
        link = f"client_id={here.world.application}&scope=bot+applications.commands&permissions=274878024768"
    assert found.text == "lacks in home: Attach Files, Embed Links"
    assert link in found.fix


async def test_a_bot_in_no_server_gets_its_invitation() -> None:
    async with running() as here:
        [found] = await examine.examine(settings(here))
    assert found.grade == "note"
    assert found.fix.startswith("https://discord.com/oauth2/authorize?client_id=")


@pytest.mark.parametrize("token", ["another.token", "two words"])
async def test_a_token_that_is_refused_is_a_problem(token: str) -> None:
    async with running() as here:
        [found] = await examine.examine(settings(here, token))
    assert (found.grade, found.text) == ("problem", "discord.token is not accepted by Discord")


async def test_a_discord_that_cannot_be_asked_says_nothing_against_the_token() -> None:
    async with running() as here:
        pass
    [found] = await examine.examine(settings(here))
    assert found.grade == "note"
    assert found.text.startswith("cannot be asked: ")


async def test_discord_is_asked_through_the_bots_own_proxy() -> None:
    async with running() as here:
        [found] = await examine.examine(settings(here, proxy="ftp://127.0.0.1:1"))
        assert (found.grade, found.text.split(" = ")[0]) == ("problem", "discord.proxy")
        [found] = await examine.examine(settings(here, proxy="socks5://127.0.0.1:9"))
        assert found.text.startswith("cannot be asked: ")
