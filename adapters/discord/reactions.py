"""Reactions under the bot's pictures: 🔄 or 🎲 again, ⬆️ larger, ❌ stop or delete, ✉️ by DM, ⭐ favourite.

Works on messages of any age, since the message itself says which job it shows. What people put there who may
not press is ignored; any other refusal goes to its user by DM.
"""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import discord

from adapters.discord import buttons
from adapters.discord.address import UPLOAD_LIMIT, Place, read
from adapters.discord.faults import FAULTS
from adapters.discord.people import channel_of, near, of_reaction
from adapters.discord.render import look
from bot.core import Core
from bot.replies.replies import Replies
from bot.setup.config import DiscordConfig
from bot.types import Action, Gone, Job, Refused, Reply, User, Verb

if TYPE_CHECKING:
    from adapters.discord.responder import Show

VERBS: dict[str, Verb] = {
    "🔄": "reroll",
    "🎲": "reroll",
    "⬆": "upscale",
    "❌": "delete",
    "✉": "info",
    "⭐": "favourite",
}
OFFERED = ("🔄", "⬆️")

log = logging.getLogger(__name__)


class Reactions:
    """Turns raw reaction events into presses."""

    def __init__(
        self, core: Core, replies: Replies, settings: DiscordConfig, show: "Show", client: discord.Client
    ) -> None:
        self._core = core
        self._replies = replies
        self._settings = settings
        self._show = show
        self._client = client

    async def added(self, event: discord.RawReactionActionEvent) -> None:
        """Do what a reaction means, where it stands under a picture of ours."""
        verb = VERBS.get(event.emoji.name.rstrip("\ufe0f"))
        if verb is not None and (number := await self._shown(event)):
            await self._act(event, Action(verb, number, value="on" if verb == "favourite" else ""))

    async def removed(self, event: discord.RawReactionActionEvent) -> None:
        """Take back a favourite with its ⭐; what another reaction did is done."""
        verb = VERBS.get(event.emoji.name.rstrip("\ufe0f"))
        if verb == "favourite" and (number := await self._shown(event)):
            await self._act(event, Action(verb, number, value="off"))

    async def _shown(self, event: discord.RawReactionActionEvent) -> int | None:
        """Return the job under a reaction; None where it is the bot's own, or not under a picture of ours."""
        me = self._client.user
        if me is None or event.user_id == me.id or event.message_author_id not in (None, me.id):
            return None
        try:
            channel = self._client.get_partial_messageable(event.channel_id, guild_id=event.guild_id)
            shown = await channel.fetch_message(event.message_id)
        except discord.HTTPException as error:
            log.info("the message under a reaction cannot be read: %s", error)
            return None
        found = buttons.actions(shown) if shown.author.id == me.id else ()
        return found[0].job if found else None

    async def _act(self, event: discord.RawReactionActionEvent, action: Action) -> None:
        """Press for whoever reacted."""
        guild = self._client.get_guild(event.guild_id) if event.guild_id else None
        person = of_reaction(event, guild)
        try:
            self._core.check_access(person)
            job = await self._core.job_for_action(person, action)
        except Refused:
            return
        # The event does not tell a language; the job does, if not for sure that of everybody who may press.
        person = replace(person, locale=job.request.user.locale)
        try:
            await self._do(person, job, event, action)
        except Refused as refused:
            await self._refuse(person, refused)
        except Gone as gone:
            log.info("the answer to a reaction reaches nobody: %s", gone)
        except discord.HTTPException:
            raise
        except FAULTS as error:
            log.error("a reaction could not be served: %r", error)
            await self._refuse(person, Refused("internal"))
        except Exception:
            log.exception("a reaction went wrong")
            await self._refuse(person, Refused("internal"))

    async def _do(self, user: User, job: Job, event: discord.RawReactionActionEvent, action: Action) -> None:
        # An event of this kind has no id of its own, and the same reaction may be given, taken and given.
        name = str(discord.utils.time_snowflake(discord.utils.utcnow()))
        if action.verb == "info":
            await self._send(user, job, name)
            return
        if action.verb == "delete" and job.state in ("queued", "running"):
            action = replace(action, verb="cancel")
        here = self._place(event, name)
        found = await self._core.press(user, action, here.address(), f"reaction {name} {event.user_id}")
        if isinstance(found, Reply):
            await self._send_privately(event.user_id, found)
        if action.verb == "delete" and read(job.request.address).message != event.message_id:
            # The message may be a copy that /show made, which the job itself does not know of.
            copy = replace(here, message=event.message_id)
            await self._show(copy.address(), self._replies.deleted(job))

    async def _send(self, user: User, job: Job, name: str) -> None:
        """Send a job by DM, with its number and seed in words."""
        channel = await self._client.create_dm(discord.Object(int(user.id)))
        reply = await self._core.reply(job)
        title = self._replies.texts.say(user.locale, "info-job", job=str(job.id))
        sent = Place(channel.id, int(user.id), nonce=name)
        await self._show(sent.address(), replace(reply, text=f"{title} · {reply.text}"))

    def _place(self, event: discord.RawReactionActionEvent, nonce: str) -> Place:
        guild = self._client.get_guild(event.guild_id) if event.guild_id else None
        limit = guild.filesize_limit if guild else UPLOAD_LIMIT
        around = near(event.channel_id, channel_of(event, guild))
        spoiler = not self._settings.spoiler_channels.isdisjoint(around)
        return Place(event.channel_id, event.user_id, limit=limit, spoiler=spoiler, nonce=nonce)

    async def _refuse(self, person: User, refused: Refused) -> None:
        await self._send_privately(int(person.id), self._replies.refused(refused, person.locale))

    async def _send_privately(self, user: int, reply: Reply) -> None:
        try:
            channel = await self._client.create_dm(discord.Object(user))
            await channel.send(**(await look(reply, database=self._core.database)).send())
        except discord.Forbidden:
            log.info("user %d takes no direct messages", user)
