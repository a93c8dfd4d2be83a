"""What Discord writes as `<@7>` or `<:pepe:8>` in a text, by the names that people see."""

import asyncio
import re

import discord

from adapters.discord.permissions import Interaction

PATIENCE = 1.0
"""Seconds in which Discord must say who is mentioned."""
_TAG = re.compile(
    r"<(?:a?:(?P<emoji>\w{1,40}):[0-9]{15,20}|(?P<kind>@[!&]?|#)(?P<id>[0-9]{15,20})"
    r"|/(?P<command>[^:>]{1,100}):[0-9]{15,20}|t:-?[0-9]{1,15}(?::[a-zA-Z])?|id:\w{1,20})>"
)


async def named(text: str, interaction: Interaction) -> str:
    """Return the text with names in place of Discord's tags; what has no name goes."""
    if not _TAG.search(text):
        return text
    names = await asyncio.gather(*(_name(tag, interaction) for tag in _TAG.finditer(text)))
    left = iter(names)
    return " ".join(_TAG.sub(lambda tag: next(left), text).split())


async def _name(tag: re.Match[str], interaction: Interaction) -> str:
    if tag["emoji"]:
        return tag["emoji"].replace("_", " ")
    if tag["command"]:
        return tag["command"]
    if not tag["kind"]:
        return ""
    number, guild = int(tag["id"]), interaction.guild
    if tag["kind"] == "#":
        channel = guild and guild.get_channel_or_thread(number)
        return str(channel.name) if channel else ""
    if tag["kind"] == "@&":
        role = guild and guild.get_role(number)
        return role.name if role else ""
    try:
        # Nothing is acknowledged yet, and Discord waits for three seconds only.
        async with asyncio.timeout(PATIENCE):
            user: discord.User = await interaction.client.fetch_user(number)
    except (discord.HTTPException, TimeoutError):
        return ""
    return user.display_name
