"""Reactions under the bot's pictures: 🔄 again, ⬆️ larger, ❌ stop or delete, ✉️ by DM.

Works on messages of any age, since the message itself says which job it shows. What others put there is no
ask; a refusal goes to its person by DM.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord

from adapters.discord import buttons
from adapters.discord.place import UPLOAD_LIMIT, Place
from adapters.discord.render import look
from adapters.discord.settings import DiscordSettings
from bot.core import Core
from bot.types import Action, Job, Refused, User, Verb

if TYPE_CHECKING:
    from adapters.discord.desk import Show

VERBS: dict[str, Verb] = {"🔄": "reroll", "⬆": "upscale"}
STOP, SEND = "❌", "✉"
OFFERED = ("🔄", "⬆️")

log = logging.getLogger(__name__)


class Reactions:
    """Turns raw reaction events into presses."""

    def __init__(self, core: Core, settings: DiscordSettings, show: "Show", client: discord.Client) -> None:
        self._core = core
        self._settings = settings
        self._show = show
        self._client = client

    async def added(self, event: discord.RawReactionActionEvent) -> None:
        """Do what a reaction asks for, where it stands under one of the person's own jobs."""
        emoji = event.emoji.name.rstrip("\ufe0f")
        me = self._client.user
        if me is None or event.user_id == me.id or emoji not in (*VERBS, STOP, SEND):
            return
        if event.message_author_id not in (None, me.id) or self._is_elsewhere(event):
            return
        try:
            shown = await self._message(event)
        except discord.HTTPException as error:
            log.info("the message under a reaction cannot be read: %s", error)
            return
        if shown.author.id == me.id and (actions := buttons.actions(shown)):
            await self._act(event, emoji, actions)

    async def _act(
        self, event: discord.RawReactionActionEvent, emoji: str, actions: Sequence[Action]
    ) -> None:
        person = User("discord", str(event.user_id), event.member.display_name if event.member else "")
        try:
            job = await self._core.job(person, actions[0].job)
        except Refused:
            return
        try:
            await self._do(job.request.user, job, event, emoji)
        except Refused as refused:
            reply = self._core.replies.refused(refused, job.request.user.locale)
            await self._whisper(event.user_id, (await look(reply)).send())

    async def _do(self, user: User, job: Job, event: discord.RawReactionActionEvent, emoji: str) -> None:
        # An event of this kind has no id of its own, and the same reaction may be given, taken and given.
        name = str(discord.utils.time_snowflake(discord.utils.utcnow()))
        here = self._place(event, name)
        if emoji == SEND:
            channel = await self._client.create_dm(discord.Object(event.user_id))
            sent = Place(channel.id, event.user_id, nonce=name)
            reply, number = await self._core.reply(job), {"job": str(job.id)}
            told = self._core.replies.texts.say(user.locale, "info-job", **number)
            await self._show(sent.address(), replace(reply, text=f"{told} · {reply.text}"))
            return
        verb = VERBS.get(emoji) or ("cancel" if job.state in ("queued", "running") else "delete")
        await self._core.press(user, Action(verb, job.id), here.address(), f"reaction {name} {event.user_id}")

    def _place(self, event: discord.RawReactionActionEvent, nonce: str) -> Place:
        guild = self._client.get_guild(event.guild_id) if event.guild_id else None
        limit = guild.filesize_limit if guild else UPLOAD_LIMIT
        spoiler = event.channel_id in self._settings.spoiler_channels
        return Place(event.channel_id, event.user_id, limit=limit, spoiler=spoiler, nonce=nonce)

    def _is_elsewhere(self, event: discord.RawReactionActionEvent) -> bool:
        guilds = self._settings.guilds
        return bool(guilds) and event.guild_id is not None and event.guild_id not in guilds

    async def _message(self, event: discord.RawReactionActionEvent) -> discord.Message:
        channel = self._client.get_partial_messageable(event.channel_id, guild_id=event.guild_id)
        return await channel.fetch_message(event.message_id)

    async def _whisper(self, user: int, said: dict[str, Any]) -> None:
        try:
            await (await self._client.create_dm(discord.Object(user))).send(**said)
        except discord.Forbidden:
            log.info("user %d takes no direct messages", user)
