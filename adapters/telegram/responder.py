"""What inbox, presses and reactions share: answering one user, once, where only they should read it.

Knows replies, places and the outbox; knows no update.
"""

import logging

from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import ExtBot

from adapters.telegram import markup
from adapters.telegram.address import Place
from adapters.telegram.api_calls import Buttons
from adapters.telegram.intake import PendingEvents
from adapters.telegram.outbox import Outbox
from bot.core import Core
from bot.replies.replies import Replies
from bot.types import Refused, Reply, User

LINKED = ("settings", "link", "forget", "history", "quota", "info")
"""What a link may ask for: anybody can post one, so nothing that is done at once."""

log = logging.getLogger(__name__)


class Responder:
    """Answers people."""

    def __init__(
        self, core: Core, replies: Replies, bot: "ExtBot[bool]", outbox: Outbox, accepted: PendingEvents
    ) -> None:
        self.core = core
        self.texts = replies.texts
        self._replies = replies
        self.bot = bot
        self.outbox = outbox
        self.accepted = accepted

    async def answer(self, place: Place, reply: Reply, buttons: Buttons = None) -> None:
        """Answer a message that makes no job: once, since a message sent twice is worse than one lost."""
        self.accepted.accept(place.event)
        try:
            await self.outbox.say(place, reply, buttons or markup.keyboard(reply))
        except TelegramError as error:
            log.warning("chat %d: an answer was not taken: %r", place.chat, error)

    async def reply_privately(self, place: Place, user: User, reply: Reply, command: str = "") -> None:
        """Answer what only one user may read: in their own chat with the bot, wherever they asked.

        Where they have none yet, say how to open it; there `command` is answered at once.
        """
        if not place.group:
            await self.answer(place, reply)
            return
        self.accepted.accept(place.event)
        try:
            own = Place(int(user.id), place.event, lang=place.lang)
            await self.outbox.say(own, reply, markup.keyboard(reply))
        except (Forbidden, BadRequest):
            await self.answer(place, Reply(self.say(user, "telegram-private")), self._opening(user, command))
        except TelegramError as error:
            log.warning("chat %s: an answer was not taken: %r", user.id, error)

    def refused(self, refused: Refused, user: User) -> Reply:
        """Say why a request cannot be met; who is not let in learns what the operator has to write."""
        if refused.code == "not-here":
            name = str(refused.values["place"])
            return Reply(self.say(user, "telegram-closed", name=name), private=True)
        return self._replies.refused(refused, user.locale)

    def sorry(self, user: User) -> Reply:
        """Say that it went wrong on our side."""
        return self.refused(Refused("internal"), user)

    def say(self, user: User, key: str, **values: str) -> str:
        """Return a sentence in a user's language."""
        return self.texts.say(user.locale, key, **values)

    def _opening(self, user: User, command: str) -> InlineKeyboardMarkup:
        url = f"https://t.me/{self.bot.username}" + (f"?start={command}" if command in LINKED else "")
        return InlineKeyboardMarkup([[InlineKeyboardButton(self.say(user, "telegram-open"), url=url)]])
