"""Users on Discord, named as in the configuration: the account, its roles, and the channel of the request.

Everything comes with the event or is known already, so that knowing it costs no call.
"""

from typing import Any

import discord

from adapters.discord.address import PLATFORM
from adapters.discord.permissions import Interaction
from bot.types import User

AGE_RESTRICTED = "discord:age-restricted"


def of_interaction(interaction: Interaction) -> User:
    """Return the user behind an interaction."""
    return User(
        PLATFORM,
        str(interaction.user.id),
        interaction.user.display_name,
        str(interaction.locale),
        _groups(interaction.guild_id, interaction.channel_id or 0, interaction.channel, interaction.user),
        interaction.permissions.manage_messages,
    )


def of_reaction(event: discord.RawReactionActionEvent, guild: discord.Guild | None) -> User:
    """Return the user behind a reaction; their language does not come with it."""
    member, channel = event.member, channel_of(event, guild)
    name = member.display_name if member else ""
    groups = _groups(event.guild_id, event.channel_id, channel, member)
    moderates = member is not None and _permissions(channel, member).manage_messages
    return User(PLATFORM, str(event.user_id), name, groups=groups, moderator=moderates)


def channel_of(event: discord.RawReactionActionEvent, guild: discord.Guild | None) -> Any:
    """Return the channel or thread of a reaction, None where it is not known."""
    return guild.get_channel_or_thread(event.channel_id) if guild else None


def near(number: int, channel: Any) -> tuple[int, ...]:
    """Return the ids of a channel, of the one its thread belongs to, and of their category."""
    in_thread = isinstance(channel, discord.Thread)
    owner = channel.parent if in_thread else channel
    around = (number, channel.parent_id if in_thread else None, getattr(owner, "category_id", None))
    return tuple(filter(None, around))


def _permissions(channel: Any, member: discord.Member) -> discord.Permissions:
    """Return what a member may do in a channel; nothing where too little is known of it."""
    if channel is None or (isinstance(channel, discord.Thread) and channel.parent is None):
        return discord.Permissions.none()
    found: discord.Permissions = channel.permissions_for(member)
    return found


def _groups(guild: int | None, number: int, channel: Any, person: Any) -> tuple[str, ...]:
    names = [f"{PLATFORM}:server:{guild}"] if guild else []
    names += [f"{PLATFORM}:channel:{each}" for each in near(number, channel)]
    names += [f"{PLATFORM}:role:{role.id}" for role in getattr(person, "roles", ())]
    # Direct messages have no such mark; a thread has its channel's.
    if guild and channel is not None and channel.is_nsfw():
        names.append(AGE_RESTRICTED)
    return tuple(names)
