"""Discord as the bot sees it: serve until cancelled, and make a message look like a reply. Holds no job."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import discord
import yarl
from aiohttp.connector import Connection
from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord import address as places
from adapters.discord.client import client_class
from adapters.discord.outbox import Outbox
from adapters.proxy import find_proxy
from bot.core import Core
from bot.replies.replies import Replies
from bot.setup.config import ConfigError, DiscordConfig
from bot.types import Address, Reply

FIRST_RETRY = 1.0
LAST_RETRY = 120.0
TOKEN = re.compile(r"[!-~]+")
BAD_TOKEN = "discord.token is not accepted by Discord; copy it anew from the developer portal, page Bot"
BAD_SHARDS = "discord.shards does not suit this bot; leave it 0, or set what Discord wants for its size"
BAD_INTENTS = (
    "Discord does not allow this bot the events it needs: see on the developer portal, page Bot, whether it "
    "is restricted"
)
REMEDIES = {
    4004: BAD_TOKEN,
    4010: BAD_SHARDS,
    4011: "discord.shards = 0 is too few for a bot on this many servers: set it to 1 for each 2,000 of them",
    4012: "this version of discord.py is too old for Discord: update the bot",
    4013: BAD_INTENTS,
    4014: BAD_INTENTS,
}
"""What can be done where the gateway closes with these codes: trying again is of no use."""

log = logging.getLogger(__name__)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Have the library say of a lost connection what went wrong, without a traceback each time."""
    if record.exc_info and str(record.msg).startswith("Attempting a reconnect"):
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", ()
        record.exc_info = None
    return True


class DiscordPlatform:
    """A Discord bot. `data_dir` keeps which commands Discord has; `now` is Unix seconds."""

    name = places.PLATFORM
    pace = 1.5

    def __init__(
        self,
        settings: DiscordConfig,
        data_dir: Path,
        replies: Replies,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.now = now
        self._data_dir = data_dir
        self._replies = replies
        self._sleep = sleep
        self._outbox = Outbox(replies.texts, settings.add_reactions, now, sleep)

    async def run(self, core: Core) -> None:
        """Serve until cancelled, however often Discord goes away; raises `ConfigError` for a bad token."""
        if not TOKEN.fullmatch(self.settings.token):
            raise ConfigError(BAD_TOKEN)
        point(self.settings)
        logging.getLogger("discord.client").addFilter(_in_one_line)
        async for _ in self._attempts():
            try:
                await self._serve(core)
            except discord.LoginFailure:
                raise ConfigError(BAD_TOKEN) from None
            except discord.PrivilegedIntentsRequired:
                raise ConfigError(BAD_INTENTS) from None
            except discord.ConnectionClosed as error:
                if remedy := REMEDIES.get(error.code):
                    raise ConfigError(remedy) from None
                log.warning("the gateway closed the connection: %s", error)
            except (OSError, TimeoutError, aiohttp.ClientError, discord.DiscordException) as error:
                log.warning("Discord cannot be reached: %s", error)

    async def show(self, address: Address, reply: Reply) -> Address:
        """Make the message look like `reply`, as `Outbox.show` does."""
        return (await self._outbox.show(places.read(address), reply)).address()

    async def _serve(self, core: Core) -> None:
        make_client = client_class(self.settings)
        options = proxy_options(self.settings)
        async with make_client(
            core, self._replies, self.settings, self.show, self._data_dir, self.now, **options
        ) as client:
            await client.login(self.settings.token)
            self._outbox.connect(client, core.database)
            try:
                await client.connect()
            except AttributeError:
                # The library resumes a connection that was never made when the very first one fails.
                if client.ws is not None:
                    raise
                raise ConnectionError(f"no gateway at {self.settings.gateway_url}") from None
            finally:
                self._outbox.disconnect()
                await client.responder.close()

    async def _attempts(self) -> AsyncIterator[None]:
        """Yield for each try, ever more slowly while they fail quickly."""
        pause = FIRST_RETRY
        while True:
            begun = time.monotonic()
            yield
            pause = FIRST_RETRY if time.monotonic() - begun > LAST_RETRY else pause
            await self._sleep(pause)
            pause = min(2 * pause, LAST_RETRY)


def point(settings: DiscordConfig) -> None:
    """Point the library where the operator says; it has no other way than these class attributes."""
    Route.BASE = settings.api_base.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


class SocksConnector(ProxyConnector):
    """Connects through a SOCKS proxy, and fails as the library knows it from any other connection."""

    async def connect(self, *args: Any, **options: Any) -> Connection:
        """Open a connection; raises aiohttp.ClientConnectionError where the proxy does not."""
        try:
            return await super().connect(*args, **options)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError) as error:
            raise aiohttp.ClientConnectionError(f"{error} (the proxy)") from error


def proxy_options(settings: DiscordConfig) -> dict[str, Any]:
    """Return the options that give the library's client a proxy; raises `ConfigError` for one of no use."""
    proxy = find_proxy(settings.api_base, "discord.proxy", settings.proxy)
    if proxy is None:
        return {}
    if not proxy.is_socks:
        return {"proxy": proxy.url}
    # The names of hosts are left to the proxy: whoever needs one may get wrong addresses at home.
    return {"connector": SocksConnector.from_url(proxy.url.replace("socks5h:", "socks5:"), rdns=True)}
