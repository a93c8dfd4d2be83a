"""Makes Discord's messages look like replies, and finds another way where Discord refuses one for good.

Knows places, replies and how Discord refuses; knows no core. What a later try may cure is raised, everything
else ends in a message that says what happened, or in `Gone`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import discord

from adapters.discord.address import Place
from adapters.discord.reactions import OFFERED
from adapters.discord.render import look
from bot.locales.texts import Texts
from bot.types import Gone, Reply

LAST_RETRY = 120.0
TOO_LARGE = 413
TOO_MANY = 429
UNKNOWN_MESSAGE = 10008
EXPLICIT = 20009
ENTITY_TOO_LARGE = 40005
ARCHIVED = 50083
DEAD_TOKEN = (10015, 50027)
"""Unknown webhook, and invalid webhook token: how an interaction ends before its 15 minutes are over."""
SMALLER = (2, 8, 32)
"""What an upload limit is divided by, one after the other, where Discord takes less than it promised."""

log = logging.getLogger(__name__)


class Outbox:
    """Sends and edits once connected; `now` is Unix seconds, `add_reactions` puts 🔄 and ⬆️ under pictures."""

    def __init__(
        self,
        texts: Texts,
        add_reactions: bool,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._texts = texts
        self._add_reactions = add_reactions
        self._now = now
        self._sleep = sleep
        self._shut_until = 0.0
        self._online = asyncio.Event()

    def connect(self, client: discord.Client, database: str) -> None:
        """Send through `client` from now on, buttons of the database with this name."""
        self._client = client
        self._database = database
        self._online.set()

    def disconnect(self) -> None:
        """Wait with what is shown until `connect`."""
        self._online.clear()

    async def show(self, place: Place, reply: Reply) -> Place:
        """Make the message look like `reply`: by the interaction's token, else as the bot, else by DM.

        Waits while Discord was never reached; raises `Gone` where nobody can be reached any more, and what
        the library raises where a later try may succeed.
        """
        await self._online.wait()
        if (wait := self._shut_until - time.monotonic()) > 0:
            await self._sleep(wait)
        try:
            try:
                place = await self._put(place, reply)
            except discord.HTTPException as error:
                place = await self._fall_back(place, reply, error)
        except discord.HTTPException as error:
            if error.status == TOO_MANY:
                # Cloudflare's; the library obeys Discord's own limits itself.
                wait = float(error.response.headers.get("Retry-After", LAST_RETRY))
                self._shut_until = time.monotonic() + wait
            raise
        if self._add_reactions and reply.images and reply.final:
            await self._offer_reactions(place)
        return place

    async def _put(self, place: Place, reply: Reply) -> Place:
        if place.by_token(self._now()):
            try:
                return await self._edit_by_token(place, reply)
            except discord.HTTPException as error:
                if error.code not in DEAD_TOKEN:
                    raise
                place = replace(place, token="")
        return await self._put_as_bot(place, reply)

    async def _edit_by_token(self, place: Place, reply: Reply) -> Place:
        webhook = discord.Webhook.partial(self._client.application_id or 0, place.token, client=self._client)
        await webhook.edit_message(place.message, **(await look(reply, place, self._database)).edit())
        return place

    async def _put_as_bot(self, place: Place, reply: Reply) -> Place:
        shown = await look(reply, place, self._database)
        channel = self._client.get_partial_messageable(place.channel)
        if place.message:
            await channel.get_partial_message(place.message).edit(**shown.edit())
            return place
        message = await channel.send(nonce=place.nonce, **shown.send())
        return replace(place, message=message.id)

    async def _fall_back(self, place: Place, reply: Reply, error: discord.HTTPException) -> Place:
        """Find another way for a refused message; raises `error` where the same way may work later."""
        if error.status >= 500 or error.status == TOO_MANY:
            raise error
        if error.code == UNKNOWN_MESSAGE and not place.hidden:
            raise Gone(f"message {place.message} was deleted") from None
        log.info("channel %d does not take a reply: %s", place.channel, error)
        if error.code == ARCHIVED and (shown := await self._in_opened_thread(place, reply)):
            return shown
        if error.code == ENTITY_TOO_LARGE or error.status == TOO_LARGE:
            return await self._smaller(place, reply)
        if isinstance(error, discord.NotFound | discord.Forbidden) or error.code == ARCHIVED:
            return await self._elsewhere(place, reply)
        return await self._without_pictures(place, reply, error)

    async def _in_opened_thread(self, place: Place, reply: Reply) -> Place | None:
        """Open an archived thread and show the reply there; None where the bot may not."""
        with suppress(discord.HTTPException):
            await self._client.http.edit_channel(place.channel, archived=False)
            return await self._put(place, reply)
        return None

    async def _smaller(self, place: Place, reply: Reply) -> Place:
        """Show smaller files than the place's limit, and no picture where none is small enough."""
        for divisor in SMALLER:
            smaller = replace(place, limit=place.limit // divisor)
            try:
                return await self._put(smaller, reply)
            except discord.HTTPException as error:
                if error.code != ENTITY_TOO_LARGE and error.status != TOO_LARGE:
                    return await self._fall_back(smaller, reply, error)
                refused = error
        return await self._without_pictures(place, reply, refused)

    async def _without_pictures(self, place: Place, reply: Reply, error: discord.HTTPException) -> Place:
        """Show the words of a reply whose pictures Discord refuses, and say so once it is final."""
        if not reply.images:
            raise Gone(f"Discord does not take a message in channel {place.channel}: {error}") from None
        key = "discord-refused-explicit" if error.code == EXPLICIT else "discord-refused-picture"
        text = (
            f"{reply.text}\n{self._texts.say(place.lang, key, job=str(reply.job or 0))}"
            if reply.final
            else reply.text
        )
        try:
            return await self._put(place, replace(reply, text=text, images=()))
        except discord.HTTPException as again:
            if again.status >= 500 or again.status == TOO_MANY:
                raise
            raise Gone(f"Discord does not take a message in channel {place.channel}: {again}") from None

    async def _elsewhere(self, place: Place, reply: Reply) -> Place:
        """Send by DM what has no place in its channel any more; only the last word is worth that."""
        if place.token and not place.by_token(self._now()):
            # This machine's clock may have jumped; Discord knows how old the token is.
            with suppress(discord.HTTPException):
                return await self._edit_by_token(place, reply)
        if not reply.final:
            return place
        if not reply.images and not reply.actions:
            raise Gone(f"channel {place.channel} is out of reach")
        try:
            channel = await self._client.create_dm(discord.Object(place.user))
            direct = replace(
                place, channel=channel.id, message=0, token="", nonce=str(place.message or place.nonce)
            )
            sent = await self._put_as_bot(direct, reply)
        except discord.Forbidden:
            raise Gone(f"channel {place.channel} is out of reach, and user {place.user} too") from None
        except discord.HTTPException as error:
            if error.status >= 500 or error.status == TOO_MANY:
                raise
            return await self._without_pictures(direct, reply, error)
        if place.message:
            moved = Reply(self._texts.say(place.lang, "discord-sent-by-dm"), job=reply.job)
            with suppress(discord.HTTPException):
                await self._put(place, moved)
        return sent

    async def _offer_reactions(self, place: Place) -> None:
        message = self._client.get_partial_messageable(place.channel).get_partial_message(place.message)
        try:
            for emoji in OFFERED:
                await message.add_reaction(emoji)
        except discord.HTTPException as error:
            log.info("no reactions under message %d: %s", place.message, error)
