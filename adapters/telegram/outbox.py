"""Makes Telegram's messages look like replies: sends once, then edits, and repeats nothing that may be there.

Knows places and replies; knows no job and no core. A message that must be replaced is sent as text first and
becomes the picture by an edit, since an edit may be repeated after a lost answer and an upload may not.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from telegram import Message
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter

from adapters.telegram import markup, photos
from adapters.telegram.address import Place
from adapters.telegram.api_calls import Buttons, Markup, Post
from bot.types import Gone, Reply
from engine.lru import LruDict

GROUP_PACE = 3.0
PREVIEW_PACE = 4.0
ACTION_LASTS = 5.0
IN_GROUPS = 4
"""In groups everything counts towards twenty messages a minute, so what is only nice comes so much rarer."""
CLOSED_FOR = 60.0
"""Seconds in which a chat that refused a message is sent no status."""
DIFFERENT = "\N{WORD JOINER}"
"""Invisible. Told apart by it: an edit refused because nothing changes, or because the message is gone."""

log = logging.getLogger(__name__)


class Outbox:
    """Sends and edits once connected; `clock` and `sleep` are handed in so that tests need no real time.

    `until` writes a Unix time as "about 2 minutes" in the language of a tag. `jobs` are those whose messages
    were shown lately, by chat and message.
    """

    def __init__(
        self,
        until: Callable[[str, float], str] = lambda lang, eta: "",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.jobs: LruDict[tuple[int, int | None], int] = LruDict()
        self._connected = asyncio.Event()
        self._until = until
        self._clock = clock
        self._sleep = sleep
        self._places: LruDict[str, Place] = LruDict()
        self._looks: LruDict[tuple[int, int | None], str] = LruDict()
        self._edited: LruDict[str, float] = LruDict()
        self._acted: LruDict[int, float] = LruDict()
        self._previewed: LruDict[str, float] = LruDict()
        self._closed: LruDict[int, float] = LruDict()

    def connect(self, post: Post) -> None:
        """Send through `post` from now on."""
        self._post = post
        self._connected.set()

    async def show(self, place: Place, reply: Reply) -> Place:
        """Make the message at `place` look like `reply`; return where it is now.

        A last word that a group does not take goes to the user's own chat. Raises `Gone` where that takes
        it neither.
        """
        await self._connected.wait()
        place = self._places.get(place.event, place)
        if not reply.final and self._clock() - self._closed.get(place.chat, -CLOSED_FOR) < CLOSED_FOR:
            return place
        try:
            place = await self._show(place, self._timed(place, reply), markup.keyboard(reply))
        except RetryAfter:
            if reply.final:
                raise
            return self._places.get(place.event, place)
        except ChatMigrated as moved:
            self._places[place.event] = replace(
                place, chat=moved.new_chat_id, message=None, reply=None, thread=None, photo=False
            )
            return await self.show(place, reply)
        except (BadRequest, Forbidden) as error:
            self._closed[place.chat] = self._clock()
            if not (place.group and place.user):
                raise Gone(f"chat {place.chat} takes no message: {error}") from error
            if not reply.final:
                return place
            log.info(
                "chat %d takes no message (%s): user %d is answered in private", place.chat, error, place.user
            )
            own = Place(place.user, place.event, lang=place.lang)
            self._places[place.event] = own
            return await self.show(own, reply)
        if reply.job is not None:
            self.jobs[place.chat, place.message] = reply.job
        return place

    async def refuses(self, place: Place) -> bool:
        """Say whether a chat that refused a message still does; only such a chat costs a call."""
        if place.chat not in self._closed:
            return False
        if await self._post.act(place):
            del self._closed[place.chat]
            return False
        return True

    async def say(self, place: Place, reply: Reply, buttons: Buttons = None) -> Message:
        """Send a new message in reply; a picture goes as a photo."""
        if not reply.images:
            return await self._post.text(place, markup.body(reply, markup.TEXT), buttons)
        image, caption = reply.images[0], markup.body(reply, markup.CAPTION)
        photo = await asyncio.to_thread(photos.fit, image)
        sent = await self._post.photo(place, photo, image.name, caption, reply.spoiler, buttons)
        if reply.job is not None:
            self.jobs[place.chat, sent.message_id] = reply.job
        return sent

    async def redraw(self, place: Place, reply: Reply, buttons: Markup) -> None:
        """Change a text message that is no job's; one that is gone, or looks so already, stays as it is."""
        with suppress(BadRequest):
            await self._post.edit_text(place, markup.body(reply, markup.TEXT), buttons, gives_way=False)

    async def remove(self, place: Place) -> None:
        """Delete a message, if it is still there and young enough to be deleted."""
        with suppress(BadRequest):
            await self._post.delete(place)

    def _timed(self, place: Place, reply: Reply) -> Reply:
        """Write when a waiting job is due into its text: Telegram counts nothing down."""
        due = self._until(place.lang, reply.eta) if reply.eta is not None else ""
        return replace(reply, text=f"{reply.text}\n⏳ {due}") if due else reply

    async def _show(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        if place.message is None:
            place = await self._begin(place, reply, buttons)
        if reply.progress is not None:
            await self._act(place)
        await self._pace(place)
        if reply.images and reply.final:
            return await self._picture(place, reply, buttons)
        if reply.images and self._wants_preview(place):
            return await self._preview(place, reply, buttons)
        if not place.photo:
            return await self._text(place, reply, buttons)
        if not reply.final:
            return await self._caption(place, reply, buttons)
        return await self._uncover(place, reply, buttons)

    async def _begin(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        text = markup.body(reply, markup.TEXT)
        sent = await self._post.text(place, text, buttons)
        place = replace(place, message=sent.message_id, photo=False)
        self._remember(place, text, buttons)
        return place

    async def _text(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        text = markup.body(reply, markup.TEXT)
        if self._looks_so(place, text, buttons):
            return place
        try:
            await self._post.edit_text(place, text, buttons, not reply.final)
        except BadRequest:
            try:
                await self._post.edit_text(place, text + DIFFERENT, buttons, not reply.final)
            except BadRequest:
                return await self._begin(place, reply, buttons)
        self._remember(place, text, buttons)
        return place

    async def _caption(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        """Change the words under a preview; where that fails, the last word will put it right."""
        caption = markup.body(reply, markup.CAPTION)
        if not self._looks_so(place, caption, buttons):
            with suppress(BadRequest):
                await self._post.edit_caption(place, caption, buttons, gives_way=True)
            self._remember(place, caption, buttons)
        return place

    async def _preview(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        """Show how far the picture is; a chat that takes no photos keeps the words."""
        caption, image = markup.body(reply, markup.CAPTION), reply.images[0]
        photo = await asyncio.to_thread(photos.preview, image)
        self._previewed[place.event] = self._clock()
        try:
            await self._post.edit_photo(
                place, photo, image.name, caption, reply.spoiler, buttons, gives_way=True
            )
        except BadRequest as error:
            log.debug("chat %d takes no preview: %s", place.chat, error)
            return await (self._caption if place.photo else self._text)(place, reply, buttons)
        place = replace(place, photo=True)
        self._remember(place, caption, buttons)
        return place

    async def _picture(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        caption, image = markup.body(reply, markup.CAPTION), reply.images[0]
        look = f"{image.name} {reply.spoiler} {caption}"
        if self._looks_so(place, look, buttons):
            return place
        photo = await asyncio.to_thread(photos.fit, image)
        try:
            await self._post.edit_photo(place, photo, image.name, caption, reply.spoiler, buttons, False)
        except BadRequest:
            gone = place
            place = await self._text(replace(place, photo=False), replace(reply, images=()), buttons)
            if place.message != gone.message:
                await self.remove(gone)
            try:
                await self._post.edit_photo(place, photo, image.name, caption, reply.spoiler, buttons, False)
            except BadRequest as error:  # the words and their buttons stay: one of them sends the file
                log.warning("chat %d takes no photo: %s", place.chat, error)
                return place
        place = replace(place, photo=True)
        self._remember(place, look, buttons)
        return place

    async def _uncover(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        """Put words in place of a picture: Telegram turns no photo back into a text."""
        try:
            await self._post.delete(place)
        except BadRequest:  # gone already, or too old to be taken back: then a blank picture covers it
            caption = markup.body(reply, markup.CAPTION)
            with suppress(BadRequest):
                await self._post.edit_photo(
                    place, photos.blank(), "deleted.png", caption, False, buttons, False
                )
                return place
        return await self._begin(place, reply, buttons)

    async def _act(self, place: Place) -> None:
        """Show "sending a photo" while a picture is drawn."""
        now, lasts = self._clock(), ACTION_LASTS * (IN_GROUPS if place.group else 1)
        if now - self._acted.get(place.chat, -lasts) >= lasts:
            self._acted[place.chat] = now
            await self._post.act(place)

    async def _pace(self, place: Place) -> None:
        if place.group:
            now = self._clock()
            await self._sleep(max(0.0, self._edited.get(place.event, now - GROUP_PACE) + GROUP_PACE - now))
            self._edited[place.event] = self._clock()

    def _wants_preview(self, place: Place) -> bool:
        """Say whether it is time for another preview: none for what is drawn in a moment."""
        now, pace = self._clock(), PREVIEW_PACE * (IN_GROUPS if place.group else 1)
        if place.event not in self._previewed:
            self._previewed[place.event] = now
        return now - self._previewed[place.event] >= pace

    def _looks_so(self, place: Place, text: str, buttons: Markup) -> bool:
        return self._looks.get((place.chat, place.message)) == _look(text, buttons)

    def _remember(self, place: Place, text: str, buttons: Markup) -> None:
        self._places[place.event] = place
        self._looks[place.chat, place.message] = _look(text, buttons)


def _look(text: str, buttons: Markup) -> str:
    return text + (buttons.to_json() if buttons else "")
