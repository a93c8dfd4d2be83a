"""The library's client as this bot needs it: its commands, its buttons, and the events it listens to."""

from pathlib import Path
from typing import Any

import discord
from discord import app_commands

from adapters.discord import commands, modal, sync
from adapters.discord.button_presses import Presses
from adapters.discord.buttons import Pick, Press
from adapters.discord.permissions import Asked
from adapters.discord.reactions import Reactions
from adapters.discord.responder import Responder, Show
from bot.core import Core
from bot.setup.config import DiscordConfig


class Client(discord.Client):
    """One connection, or several behind one face; needs no privileged intent."""

    def __init__(
        self, core: Core, settings: DiscordConfig, show: Show, data_dir: Path, **options: Any
    ) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.guild_reactions = intents.dm_reactions = True
        super().__init__(
            intents=intents,
            max_messages=None,
            allowed_mentions=discord.AllowedMentions.none(),
            shard_count=settings.shards or None,
            **options,
        )
        self.desk = Responder(core, settings, show)
        self.presses = Presses(self.desk)
        self._reactions = Reactions(core, settings, show, self)
        self._core = core
        self._settings = settings
        self._data_dir = data_dir

    async def setup_hook(self) -> None:
        """Declare commands and buttons; Discord is told only what it does not know yet."""
        self.add_dynamic_items(Press, Pick)
        tree = Tree(self)
        commands.declare(tree, self.desk, self._settings.command)
        await tree.set_translator(commands.Names(self._core.replies.texts))
        await sync.sync(tree, self._data_dir / sync.FILE)

    async def on_interaction(self, asked: Asked) -> None:
        """Take an edit window, which the library forgets with its process."""
        if modal.is_edit(asked):
            await self.presses.edited(asked)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Take a reaction, on old messages too."""
        with self.desk.working():
            await self._reactions.added(event)

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Take a reaction that was taken back."""
        with self.desk.working():
            await self._reactions.removed(event)


class ShardedClient(Client, discord.AutoShardedClient):
    """The same over several connections."""


class Tree(app_commands.CommandTree[Client]):
    """The slash commands and menus."""

    def __init__(self, client: Client) -> None:
        super().__init__(
            client,
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        )

    async def on_error(self, asked: Asked, error: app_commands.AppCommandError, /) -> None:
        """Log what went wrong and say so to the asker, where Discord still takes it."""
        await super().on_error(asked, error)
        if isinstance(getattr(error, "original", None), discord.HTTPException):
            return
        await self.client.desk.sorry(asked)


def client_class(settings: DiscordConfig) -> type[Client]:
    """Return the class of client that the configured number of shards needs."""
    return ShardedClient if settings.shards else Client
