"""Whether an answer can stand in the place where it is asked for."""

from typing import Any

import discord

from bot.locales.texts import Texts
from bot.types import Refused

Asked = discord.Interaction[Any]
"""What a person did, as Discord tells it; the client behind it is always ours."""

THREADS = (
    discord.ChannelType.public_thread,
    discord.ChannelType.private_thread,
    discord.ChannelType.news_thread,
)


def check(asked: Asked, texts: Texts) -> None:
    """Raise `Refused` (`missing-permissions`) where an ask would lead to nothing.

    Permissions matter where the bot is a member: only there it posts as itself. Everywhere else it answers
    with the interaction's token, which needs none.
    """
    if asked.guild_id is None or not asked.is_guild_integration():
        return
    missing = [name for name in _needed(asked) if not getattr(asked.app_permissions, name)]
    if missing:
        locale = str(asked.locale)
        names = [texts.say(locale, f"discord-permission-{name.replace('_', '-')}") for name in missing]
        raise Refused("missing-permissions", permissions=texts.say(locale, "discord-comma").join(names))


def _needed(asked: Asked) -> tuple[str, ...]:
    channel = asked.channel
    in_thread = channel is not None and channel.type in THREADS
    send = "send_messages_in_threads" if in_thread else "send_messages"
    return "view_channel", send, "attach_files", "embed_links"
