"""Discord: slash commands, buttons, menus and reactions through discord.py."""

from adapters.discord.platform import DiscordPlatform

__all__ = ["DiscordPlatform"]
