"""The library's client as this bot needs it: its commands, its buttons, and the events it listens to."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import discord
from discord import app_commands

from adapters.discord import commands, modal, sync
from adapters.discord.button_presses import Presses
from adapters.discord.buttons import Pick, Press
from adapters.discord.lost_answers import LostAnswers
from adapters.discord.permissions import Interaction
from adapters.discord.reactions import Reactions
from adapters.discord.responder import Responder, Show
from bot.core import Core
from bot.replies.replies import Replies
from bot.setup.config import DiscordConfig

log = logging.getLogger(__name__)


class Client(discord.Client):
    """One connection, or several behind one face; needs no privileged intent."""

    def __init__(
        self,
        core: Core,
        replies: Replies,
        settings: DiscordConfig,
        show: Show,
        data_dir: Path,
        now: Callable[[], float],
        **options: Any,
    ) -> None:
        lost_answers = LostAnswers()
        intents = discord.Intents.none()
        intents.guilds = intents.guild_reactions = intents.dm_reactions = True
        super().__init__(
            intents=intents,
            max_messages=None,
            allowed_mentions=discord.AllowedMentions.none(),
            shard_count=settings.shards or None,
            http_trace=lost_answers.trace,
            **options,
        )
        self.responder = Responder(core, replies, settings, show, lost_answers, now)
        self.presses = Presses(self.responder)
        self._reactions = Reactions(core, replies, settings, show, self)
        self._settings = settings
        self.commands_file = data_dir / sync.FILE

    @property
    def database(self) -> str:
        """The name of the database whose buttons are this bot's."""
        return self.responder.core.database

    async def setup_hook(self) -> None:
        """Declare commands and buttons; Discord gets only what it does not know yet."""
        self.add_dynamic_items(Press, Pick)
        tree = Tree(self)
        commands.declare(tree, self.responder, self._settings.command)
        await tree.set_translator(commands.Names(self.responder.texts))
        await sync.sync(tree, self.commands_file)

    async def on_interaction(self, interaction: Interaction) -> None:
        """Take an edit window, which the library forgets with its process."""
        if modal.is_edit(interaction):
            await self.presses.edited(interaction)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Take a reaction, on old messages too."""
        with self.responder.working():
            await self._reactions.added(event)

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Take a reaction that was taken back."""
        with self.responder.working():
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

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Log what went wrong and say so to the asker, where Discord still takes it."""
        if isinstance(error, app_commands.CommandNotFound):
            # Somebody else changed the list, or an older version's command is still shown.
            log.warning("Discord offers a command that this bot does not have (%s); it is told again", error)
            await sync.sync(self, self.client.commands_file, anew=True)
            await self.client.responder.sorry(interaction)
            return
        await super().on_error(interaction, error)
        if isinstance(getattr(error, "original", None), discord.HTTPException):
            return
        await self.client.responder.sorry(interaction)


def client_class(settings: DiscordConfig) -> type[Client]:
    """Return the class of client that the configured number of shards needs."""
    return ShardedClient if settings.shards else Client
