"""Whether the bot may post an answer in a channel."""

from typing import Any

import discord

from bot.locales.texts import Texts
from bot.types import Refused

Interaction = discord.Interaction[Any]
"""What a user did, as Discord reports it; the client behind it is always ours."""

THREADS = (
    discord.ChannelType.public_thread,
    discord.ChannelType.private_thread,
    discord.ChannelType.news_thread,
)


def check(interaction: Interaction, texts: Texts) -> None:
    """Raise `Refused` (`missing-permissions`) where an answer could not be posted.

    Permissions matter where the bot is a member: only there it posts as itself. Everywhere else it answers
    with the interaction's token, which needs none.
    """
    if interaction.guild_id is None or not interaction.is_guild_integration():
        return
    missing = [name for name in _needed(interaction) if not getattr(interaction.app_permissions, name)]
    if missing:
        locale = str(interaction.locale)
        names = [texts.say(locale, f"discord-permission-{name.replace('_', '-')}") for name in missing]
        raise Refused("missing-permissions", permissions=texts.say(locale, "discord-comma").join(names))


def _needed(interaction: Interaction) -> tuple[str, ...]:
    channel = interaction.channel
    in_thread = channel is not None and channel.type in THREADS
    send = "send_messages_in_threads" if in_thread else "send_messages"
    return "view_channel", send, "attach_files", "embed_links"
