"""Discord: slash commands, buttons, menus and reactions through discord.py."""

from adapters.discord.platform import DiscordPlatform
from adapters.discord.settings import DiscordSettings

__all__ = ["DiscordPlatform", "DiscordSettings"]
