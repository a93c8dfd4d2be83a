"""The calls that put messages into a chat, change them and take them away.

Knows places and the calls of the Bot API; decides nothing.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from telegram import (
    ForceReply,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import ExtBot

from adapters.telegram.address import Place

Markup = InlineKeyboardMarkup | None
Buttons = InlineKeyboardMarkup | ForceReply | None

NO_LINKS = LinkPreviewOptions(is_disabled=True)

log = logging.getLogger(__name__)


class Post:
    """Talks to Telegram through `bot`; every call raises what the library raises.

    An edit that `gives_way` raises RetryAfter where it would have to wait.
    """

    def __init__(self, bot: "ExtBot[bool]") -> None:
        self._bot = bot

    async def text(self, place: Place, text: str, buttons: Buttons) -> Message:
        """Send a text."""
        return await _in_topic(
            place,
            lambda place: self._bot.send_message(
                place.chat,
                text,
                parse_mode=ParseMode.HTML,
                link_preview_options=NO_LINKS,
                message_thread_id=place.thread,
                reply_parameters=_in_reply(place),
                reply_markup=buttons,
            ),
        )

    async def photo(
        self, place: Place, data: bytes, name: str, caption: str, spoiler: bool, buttons: Buttons
    ) -> Message:
        """Send a photo."""
        return await _in_topic(
            place,
            lambda place: self._bot.send_photo(
                place.chat,
                data,
                caption=caption,
                parse_mode=ParseMode.HTML,
                filename=name,
                has_spoiler=spoiler,
                reply_markup=buttons,
                message_thread_id=place.thread,
                reply_parameters=_in_reply(place),
            ),
        )

    async def document(self, place: Place, data: bytes, name: str) -> Message:
        """Send a file, which keeps every byte."""
        return await _in_topic(
            place,
            lambda place: self._bot.send_document(
                place.chat,
                data,
                filename=name,
                message_thread_id=place.thread,
                disable_content_type_detection=True,
                reply_parameters=_in_reply(place),
            ),
        )

    async def edit_text(self, place: Place, text: str, buttons: Markup, gives_way: bool) -> None:
        """Change a text message."""
        await self._bot.edit_message_text(
            text,
            chat_id=place.chat,
            message_id=place.message,
            parse_mode=ParseMode.HTML,
            link_preview_options=NO_LINKS,
            reply_markup=buttons,
            rate_limit_args=gives_way,
        )

    async def edit_caption(self, place: Place, caption: str, buttons: Markup, gives_way: bool) -> None:
        """Change the words under a photo."""
        await self._bot.edit_message_caption(
            place.chat,
            place.message,
            caption=caption,
            parse_mode=ParseMode.HTML,
            reply_markup=buttons,
            rate_limit_args=gives_way,
        )

    async def edit_photo(
        self,
        place: Place,
        data: bytes,
        name: str,
        caption: str,
        spoiler: bool,
        buttons: Markup,
        gives_way: bool,
    ) -> None:
        """Put a photo in place of a text or of another photo."""
        media = InputMediaPhoto(
            data, caption, parse_mode=ParseMode.HTML, filename=name, has_spoiler=spoiler or None
        )
        await self._bot.edit_message_media(
            media,
            chat_id=place.chat,
            message_id=place.message,
            reply_markup=buttons,
            rate_limit_args=gives_way,
        )

    async def delete(self, place: Place) -> None:
        """Take a message away."""
        await self._bot.delete_message(place.chat, place.message or 0)

    async def act(self, place: Place) -> bool:
        """Show "sending a photo" over the chat; return False where the bot may not write there."""
        try:
            await self._bot.send_chat_action(
                place.chat, ChatAction.UPLOAD_PHOTO, place.thread, rate_limit_args=True
            )
        except (BadRequest, Forbidden):
            return False
        except TelegramError as error:
            log.debug("chat %d: no chat action: %s", place.chat, error)
        return True


async def _in_topic(place: Place, send: Callable[[Place], Awaitable[Message]]) -> Message:
    """Send; a topic that was closed or deleted meanwhile is answered in the chat itself."""
    try:
        return await send(place)
    except BadRequest:
        if place.thread is None:
            raise
        return await send(replace(place, thread=None))


def _in_reply(place: Place) -> ReplyParameters | None:
    return ReplyParameters(place.reply, allow_sending_without_reply=True) if place.reply else None
