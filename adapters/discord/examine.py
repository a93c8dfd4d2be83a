"""What Discord says of the bot: whether its token is good, and what it lacks. For `doctor` and `setup`."""

import asyncio

import aiohttp
import discord

from adapters.discord.address import PLATFORM
from adapters.discord.platform import BAD_TOKEN, TOKEN, point, proxy_options
from bot.setup.config import ConfigError, DiscordConfig
from bot.setup.doctor import Finding

PATIENCE = 15.0
"""Seconds for all that is asked."""
NEEDED = (
    "view_channel", "send_messages", "send_messages_in_threads", "attach_files", "embed_links",
    "read_message_history", "add_reactions",
)  # fmt: skip
MOST_SERVERS = 200
NAMED = 5
"""How many servers are named."""


async def examine(settings: DiscordConfig) -> list[Finding]:
    """Ask Discord, as the bot would reach it, for the bot's name, its servers and its permissions there."""
    if not TOKEN.fullmatch(settings.token):
        return [_refused()]
    point(settings)
    try:
        client = discord.Client(intents=discord.Intents(guilds=True), **proxy_options(settings))
        async with asyncio.timeout(PATIENCE), client:
            await client.login(settings.token)
            servers = await client.http.get_guilds(MOST_SERVERS)
    except ConfigError as error:
        return [Finding("problem", PLATFORM, str(error))]
    except discord.LoginFailure:
        return [_refused()]
    except (OSError, TimeoutError, aiohttp.ClientError, discord.DiscordException) as error:
        fix = "check the network, or set discord.proxy; the token may be good all the same"
        return [Finding("note", PLATFORM, f"cannot be asked: {str(error) or 'no answer'}", fix)]
    invitation = discord.utils.oauth_url(
        client.application_id or 0,
        permissions=discord.Permissions(**dict.fromkeys(NEEDED, True)),
        scopes=("bot", "applications.commands"),
    )
    if not servers:
        return [Finding("note", PLATFORM, f"the token is {client.user}'s, in no server yet", invitation)]
    found = [Finding("ok", PLATFORM, f"the token is {client.user}'s, in {len(servers)} servers")]
    for server in servers[:MOST_SERVERS]:
        held = discord.Permissions(int(server["permissions"]))
        missing = [name for name in NEEDED if not getattr(held, name)]
        if missing and not held.administrator:
            names = ", ".join(name.replace("_", " ").title() for name in missing)
            fix = f"give its role these permissions, or invite it anew: {invitation}"
            found.append(Finding("note", PLATFORM, f"lacks in {server['name']}: {names}", fix))
    return found[: 1 + NAMED]


def _refused() -> Finding:
    text, _, fix = BAD_TOKEN.partition("; ")
    return Finding("problem", PLATFORM, text, fix)
