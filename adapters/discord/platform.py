"""Discord as the bot sees it: serve until cancelled, and make a message look like a reply. Holds no job."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import discord
import yarl
from aiohttp_socks import ProxyConnector
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord import address as places
from adapters.discord.address import Place
from adapters.discord.client import Client, client_class
from adapters.discord.reactions import OFFERED
from adapters.discord.render import Look, look
from adapters.proxy import find_proxy
from bot.core import Core
from bot.replies.replies import Replies
from bot.setup.config import ConfigError, DiscordConfig
from bot.types import Address, Gone, Reply

FIRST_RETRY = 1.0
LAST_RETRY = 120.0
TOKEN = re.compile(r"[!-~]+")
BAD_TOKEN = "discord.token is not accepted by Discord; copy it anew from the developer portal, page Bot"
AUTHENTICATION_FAILED = 4004
UNKNOWN_MESSAGE = 10008
DEAD_TOKEN = (10015, 50027)
"""An interaction's token ended early: unknown webhook, or invalid webhook token."""
TOO_MANY = 429

log = logging.getLogger(__name__)


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
        self._client: Client | None = None
        self._shut_until = 0.0
        self._online = asyncio.Event()

    async def run(self, core: Core) -> None:
        """Serve until cancelled, however often Discord goes away; raises `ConfigError` for a bad token."""
        if not TOKEN.fullmatch(self.settings.token):
            raise ConfigError(BAD_TOKEN)
        _point(self.settings)
        async for _ in self._attempts():
            try:
                await self._serve(core)
            except discord.LoginFailure:
                raise ConfigError(BAD_TOKEN) from None
            except discord.ConnectionClosed as error:
                if error.code == AUTHENTICATION_FAILED:
                    raise ConfigError(BAD_TOKEN) from None
                log.warning("the gateway closed the connection: %s", error)
            except (OSError, TimeoutError, aiohttp.ClientError, discord.DiscordException) as error:
                log.warning("Discord cannot be reached: %s", error)

    async def show(self, address: Address, reply: Reply) -> Address:
        """Make the message look like `reply`: by the interaction's token, else as the bot, else by DM.

        Waits while Discord was never reached; raises `Gone` where nobody can be reached any more, and what
        the library raises where a later try may succeed.
        """
        await self._online.wait()
        if (wait := self._shut_until - time.monotonic()) > 0:
            await self._sleep(wait)
        client = self._client
        assert client is not None
        place = places.read(address)
        shown = await look(reply, place)
        try:
            place = await self._put(client, place, shown)
        except discord.NotFound as error:
            if error.code == UNKNOWN_MESSAGE:
                raise Gone(f"message {place.message} was deleted") from None
            place = await self._by_message(client, place, shown, reply)
        except discord.Forbidden:
            place = await self._by_message(client, place, shown, reply)
        except discord.HTTPException as error:
            self._heed(error)
            raise
        if self.settings.add_reactions and reply.images and reply.final:
            await _offer_reactions(client, place)
        return place.address()

    def _heed(self, error: discord.HTTPException) -> None:
        """Send nothing for as long as Cloudflare says; the library obeys Discord's own limits itself."""
        if error.status == TOO_MANY:
            self._shut_until = time.monotonic() + float(error.response.headers.get("Retry-After", LAST_RETRY))

    async def _put(self, client: Client, place: Place, shown: Look) -> Place:
        if place.by_token(self.now()):
            try:
                webhook = discord.Webhook.partial(client.application_id or 0, place.token, client=client)
                await webhook.edit_message(place.message, **shown.edit())
                return place
            except discord.HTTPException as error:
                if error.code not in DEAD_TOKEN:
                    raise
        channel = client.get_partial_messageable(place.channel)
        if place.message:
            await channel.get_partial_message(place.message).edit(**shown.edit())
            return place
        message = await channel.send(nonce=place.nonce, **shown.send())
        return replace(place, message=message.id)

    async def _by_message(self, client: Client, place: Place, shown: Look, reply: Reply) -> Place:
        """Send by DM what has no place in its channel any more; only the final reply is worth that."""
        if not reply.final:
            return place
        if not reply.images and not reply.actions:
            raise Gone(f"channel {place.channel} is out of reach")
        try:
            channel = await client.create_dm(discord.Object(place.user))
            message = await channel.send(nonce=str(place.message or place.nonce), **shown.send())
        except discord.Forbidden:
            raise Gone(f"channel {place.channel} is out of reach, and user {place.user} too") from None
        return replace(place, channel=channel.id, message=message.id, token="")

    async def _serve(self, core: Core) -> None:
        make_client = client_class(self.settings)
        options = _proxy_options(self.settings)
        async with make_client(
            core, self._replies, self.settings, self.show, self._data_dir, **options
        ) as client:
            await client.login(self.settings.token)
            self._client = client
            self._online.set()
            try:
                await client.connect()
            except AttributeError:
                # The library resumes a connection that was never made when the very first one fails.
                if client.ws is not None:
                    raise
                raise ConnectionError(f"no gateway at {self.settings.gateway_url}") from None
            finally:
                self._online.clear()
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


def _point(settings: DiscordConfig) -> None:
    """Point the library where the operator says; it has no other way than these class attributes."""
    Route.BASE = settings.api_base.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


def _proxy_options(settings: DiscordConfig) -> dict[str, Any]:
    """Return the options that give the library's client a proxy; raises `ConfigError` for one of no use."""
    proxy = find_proxy(settings.api_base, "discord.proxy", settings.proxy)
    if proxy is None:
        return {}
    if not proxy.is_socks:
        return {"proxy": proxy.url}
    # The names of hosts are left to the proxy: whoever needs one may get wrong addresses at home.
    return {"connector": ProxyConnector.from_url(proxy.url.replace("socks5h:", "socks5:"), rdns=True)}


async def _offer_reactions(client: Client, place: Place) -> None:
    message = client.get_partial_messageable(place.channel).get_partial_message(place.message)
    try:
        for emoji in OFFERED:
            await message.add_reaction(emoji)
    except discord.HTTPException as error:
        log.info("no reactions under message %d: %s", place.message, error)
