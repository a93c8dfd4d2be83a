"""Makes Telegram's messages look like replies: sends once, then edits, and repeats nothing that may be there.

Knows places and replies; knows no job and no core. A message that must be replaced is sent as text first and
becomes the picture by an edit, since an edit may be repeated after a lost answer and an upload may not.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Generic, TypeVar

from telegram import (
    ForceReply,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError
from telegram.ext import ExtBot

from adapters.telegram import markup, photos
from adapters.telegram.place import Place
from bot.types import Reply

GROUP_PACE = 3.0
ACTION_LASTS = 5.0
REMEMBERED = 2000
DIFFERENT = "\N{WORD JOINER}"
"""Invisible. Told apart by it: an edit refused because nothing changes, or because the message is gone."""

_K = TypeVar("_K")
_V = TypeVar("_V")
Markup = InlineKeyboardMarkup | None

log = logging.getLogger(__name__)


class Recent(OrderedDict[_K, _V], Generic[_K, _V]):
    """A dictionary that forgets its oldest entries."""

    def __setitem__(self, key: _K, value: _V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > REMEMBERED:
            self.popitem(last=False)


class Outbox:
    """Sends and edits through `bot`; `clock` and `sleep` are handed in so that tests need no real time."""

    def __init__(
        self,
        bot: "ExtBot[int]",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bot = bot
        self._clock = clock
        self._sleep = sleep
        self._places: Recent[str, Place] = Recent()
        self._looks: Recent[tuple[int, int | None], str] = Recent()
        self._edited: Recent[str, float] = Recent()
        self._acted: Recent[int, float] = Recent()
        self._silent: Recent[int, bool] = Recent()

    async def show(self, place: Place, reply: Reply) -> Place:
        """Make the message at `place` look like `reply`; return where it is now.

        A chat that does not let the bot in any more gets nothing: the pictures stay in the person's history.
        """
        place = self._places.get(place.event, place)
        try:
            place = await self._show(place, reply, markup.keyboard(reply))
        except Forbidden as error:
            if place.chat not in self._silent:
                log.warning("chat %d does not let the bot in: %s", place.chat, error)
            self._silent[place.chat] = True
            return place
        except ChatMigrated as moved:
            self._places[place.event] = Place(moved.new_chat_id, place.event)
            return await self.show(place, reply)
        self._silent.pop(place.chat, None)
        return place

    async def say(self, place: Place, reply: Reply, buttons: "Markup | ForceReply" = None) -> Message:
        """Send a new message in reply; a picture goes as a photo."""
        if not reply.images:
            return await self._send(place, markup.body(reply, markup.TEXT), buttons)
        photo = await asyncio.to_thread(photos.fit, reply.images[0])
        return await self._bot.send_photo(
            place.chat,
            photo,
            caption=markup.body(reply, markup.CAPTION),
            parse_mode=ParseMode.HTML,
            filename=reply.images[0].name,
            reply_markup=buttons,
            message_thread_id=place.thread,
            reply_parameters=_in_reply(place),
        )

    async def remove(self, place: Place) -> None:
        """Delete a message, if it is still there and young enough to be deleted."""
        with suppress(BadRequest):
            await self._bot.delete_message(place.chat, place.message or 0)

    async def _show(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        if place.message is None:
            place = await self._begin(place, reply, buttons)
        if reply.progress is not None:
            await self._act(place)
        await self._pace(place)
        if reply.images and reply.progress is None:
            return await self._picture(place, reply, buttons)
        if place.photo:
            return await self._uncover(place, reply, buttons)
        return await self._text(place, reply, buttons)

    async def _begin(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        text = markup.body(reply, markup.TEXT)
        sent = await self._send(place, text, buttons)
        place = replace(place, message=sent.message_id, photo=False)
        self._places[place.event] = place
        self._remember(place, text, buttons)
        return place

    async def _text(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        text = markup.body(reply, markup.TEXT)
        if self._looks.get((place.chat, place.message)) == _look(text, buttons):
            return place
        try:
            await self._edit_text(place, text, buttons)
        except BadRequest:
            try:
                await self._edit_text(place, text + DIFFERENT, buttons)
            except BadRequest:
                return await self._begin(place, reply, buttons)
        self._remember(place, text, buttons)
        return place

    async def _picture(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        caption, image = markup.body(reply, markup.CAPTION), reply.images[0]
        look = image.name + caption
        if self._looks.get((place.chat, place.message)) == _look(look, buttons):
            return place
        photo = await asyncio.to_thread(photos.fit, image)
        media = InputMediaPhoto(photo, caption, parse_mode=ParseMode.HTML, filename=image.name)
        try:
            await self._edit_media(place, media, buttons)
        except BadRequest:
            gone = place
            place = await self._text(replace(place, photo=False), replace(reply, images=()), buttons)
            if place.message != gone.message:
                await self.remove(gone)
            try:
                await self._edit_media(place, media, buttons)
            except BadRequest as error:  # the words and their buttons stay: one of them sends the file
                log.warning("chat %d takes no photo: %s", place.chat, error)
                return place
        place = replace(place, photo=True)
        self._places[place.event] = place
        self._remember(place, look, buttons)
        return place

    async def _uncover(self, place: Place, reply: Reply, buttons: Markup) -> Place:
        """Put words in place of a picture: Telegram turns no photo back into a text."""
        try:
            await self._bot.delete_message(place.chat, place.message or 0)
        except BadRequest:  # gone already, or too old to be taken back: then a blank picture covers it
            caption = markup.body(reply, markup.CAPTION)
            with suppress(BadRequest):
                blank = InputMediaPhoto(photos.blank(), caption, parse_mode=ParseMode.HTML)
                await self._edit_media(place, blank, buttons)
                return place
        return await self._begin(place, reply, buttons)

    async def _edit_media(self, place: Place, media: InputMediaPhoto, buttons: Markup) -> None:
        await self._bot.edit_message_media(
            media, chat_id=place.chat, message_id=place.message, reply_markup=buttons
        )

    async def _edit_text(self, place: Place, text: str, buttons: Markup) -> None:
        await self._bot.edit_message_text(
            text,
            chat_id=place.chat,
            message_id=place.message,
            parse_mode=ParseMode.HTML,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
            reply_markup=buttons,
        )

    async def _send(self, place: Place, text: str, buttons: "Markup | ForceReply") -> Message:
        """Send a text; a topic that was closed or deleted meanwhile is answered in the chat itself."""
        try:
            return await self._send_in(place, text, buttons)
        except BadRequest:
            if place.thread is None:
                raise
            return await self._send_in(replace(place, thread=None), text, buttons)

    async def _send_in(self, place: Place, text: str, buttons: "Markup | ForceReply") -> Message:
        return await self._bot.send_message(
            place.chat,
            text,
            parse_mode=ParseMode.HTML,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
            message_thread_id=place.thread,
            reply_parameters=_in_reply(place),
            reply_markup=buttons,
        )

    async def _act(self, place: Place) -> None:
        """Show "sending a photo" while a picture is drawn: rarely in groups, where it counts as a message."""
        now, lasts = self._clock(), ACTION_LASTS * (4 if place.group else 1)
        if now - self._acted.get(place.chat, -lasts) < lasts:
            return
        self._acted[place.chat] = now
        try:
            await self._bot.send_chat_action(place.chat, ChatAction.UPLOAD_PHOTO, place.thread)
        except TelegramError as error:
            log.debug("chat %d: no chat action: %s", place.chat, error)

    async def _pace(self, place: Place) -> None:
        if place.group:
            now = self._clock()
            await self._sleep(max(0.0, self._edited.get(place.event, now - GROUP_PACE) + GROUP_PACE - now))
            self._edited[place.event] = self._clock()

    def _remember(self, place: Place, text: str, buttons: Markup) -> None:
        self._looks[place.chat, place.message] = _look(text, buttons)


def _in_reply(place: Place) -> ReplyParameters | None:
    return ReplyParameters(place.reply, allow_sending_without_reply=True) if place.reply else None


def _look(text: str, buttons: Markup) -> str:
    return text + (buttons.to_json() if buttons else "")
