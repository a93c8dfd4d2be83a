"""Which proxy a platform is reached through, and both platforms through a real SOCKS proxy on loopback."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from adapters.discord.platform import SocksConnector
from adapters.proxy import Proxy, find_proxy
from bot.setup.config import ConfigError
from tests.adapters.discord.harness import opened
from tests.adapters.telegram.harness import telegram_harness
from tests.adapters.telegram.server import telegram

SERVER = "https://api.telegram.org/bot"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@asynccontextmanager
async def socks() -> AsyncIterator[tuple[str, list[str]]]:
    """A SOCKS5 proxy without a password: its address, and the hosts that were asked for through it."""
    hosts: list[str] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        *_, kind = await reader.readexactly(4)
        if kind == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        hosts.append(host)
        there, back = await asyncio.open_connection(host, port)
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"socks5://127.0.0.1:{server.sockets[0].getsockname()[1]}", hosts
    finally:
        server.close()


async def test_telegram_is_reached_through_a_socks_proxy(tmp_path: Path) -> None:
    async with (
        socks() as (proxy, hosts),
        telegram() as server,
        telegram_harness(server, tmp_path, proxy=proxy) as here,
    ):
        assert (await here.said("a boat"))["photo"]
    assert hosts


async def test_discord_is_reached_through_a_socks_proxy(tmp_path: Path) -> None:
    async with socks() as (proxy, hosts), opened(tmp_path, proxy=proxy):
        pass
    assert hosts


async def test_a_proxy_that_is_not_there_is_a_connection_that_fails() -> None:
    connector = SocksConnector.from_url("socks5://127.0.0.1:1")
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientConnectionError, match="proxy"):
            await session.get("http://127.0.0.1:2")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_machines_proxy_is_used(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "socks5://127.0.0.1:7891")
    assert find_proxy(SERVER, "telegram.proxy", "") == Proxy("socks5://127.0.0.1:7891", variable)


def test_a_proxy_without_a_scheme_speaks_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "127.0.0.1:7890")
    assert find_proxy(SERVER, "telegram.proxy", "") == Proxy("http://127.0.0.1:7890", "HTTPS_PROXY")


def test_what_is_configured_goes_before_the_machines_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    found = find_proxy(SERVER, "telegram.proxy", "http://proxy:8080")
    assert found == Proxy("http://proxy:8080", "telegram.proxy")


def test_none_ignores_the_machines_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://")
    assert find_proxy(SERVER, "telegram.proxy", "none") is None


@pytest.mark.parametrize("direct", ["api.telegram.org", ".telegram.org", "*", "fd00::/8,api.telegram.org"])
def test_hosts_in_no_proxy_are_reached_directly(monkeypatch: pytest.MonkeyPatch, direct: str) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", direct)
    assert find_proxy(SERVER, "telegram.proxy", "") is None


@pytest.mark.parametrize("direct", ["fd00::/8", "10.0.0.0/8", "localhost,::1", "[::1]", "http://x/", ",,"])
def test_odd_entries_in_no_proxy_harm_nothing(monkeypatch: pytest.MonkeyPatch, direct: str) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", direct)
    assert find_proxy(SERVER, "telegram.proxy", "") is not None


def test_networks_in_no_proxy_are_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert find_proxy("http://10.1.2.3:8081/bot", "telegram.proxy", "") is None


@pytest.mark.parametrize(
    "value",
    ["ftp://host:1", "http://host:99999", "http://", "://", "socks4://host:1", "http://[::1", "ß://x"],
)
def test_a_proxy_that_cannot_be_used_is_one_line_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(ConfigError, match=r"^ALL_PROXY = .* is no proxy that can be used") as caught:
        find_proxy(SERVER, "telegram.proxy", "")
    assert "\n" not in str(caught.value)


def test_the_line_about_a_proxy_shows_no_password() -> None:
    with pytest.raises(ConfigError) as caught:
        find_proxy(SERVER, "telegram.proxy", "ftp://ann:secret@host:1")
    assert "secret" not in str(caught.value)


async def test_a_machines_proxy_that_cannot_be_used_stops_only_its_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "ftp://127.0.0.1:1")
    async with telegram() as server, telegram_harness(server, tmp_path) as here:
        with pytest.raises(ConfigError, match="ALL_PROXY"):
            await here.serving
        assert (await here.home.ask()).id
