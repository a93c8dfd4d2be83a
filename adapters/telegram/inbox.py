"""What people say to the bot on Telegram, one update at a time, put before the core and answered.

Knows updates and messages; knows no offset. Presses and reactions have modules of their own.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from telegram import ForceReply, Message, Update

from adapters.telegram import asking, incoming
from adapters.telegram.address import Place
from adapters.telegram.asking import Question
from adapters.telegram.button_presses import Presses
from adapters.telegram.files import Files
from adapters.telegram.incoming import Incoming
from adapters.telegram.people import Moderators, user_of
from adapters.telegram.reactions import Reactions
from adapters.telegram.responder import Responder
from bot.locales.texts import LANGUAGES
from bot.types import Kind, Refused, Reply, User

log = logging.getLogger(__name__)


class Inbox:
    """Handles updates for one bot."""

    def __init__(self, desk: Responder, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._desk = desk
        self._files = Files(desk.core, desk.bot, sleep)
        self._presses = Presses(desk, self._files, Moderators(desk.bot))
        self._reactions = Reactions(desk)
        self._strange: set[int] = set()

    async def handle(self, update: Update) -> None:
        """Do what an update asks for."""
        if update.message is not None:
            await self._message(update.message)
        elif update.callback_query is not None:
            await self._presses.pressed(update.callback_query)
        elif update.message_reaction is not None:
            await self._reactions.changed(update.message_reaction, event_of(update))

    async def apologize(self, update: Update) -> None:
        """Tell whoever asked that it went wrong on our side."""
        message = update.message
        if message is not None and message.from_user is not None:
            if incoming.parse_message(message, self._desk.bot.bot) is not None:
                user = user_of(message.from_user, message.chat)
                await self._desk.answer(incoming.place_of(message), self._desk.sorry(user))
        elif update.callback_query is not None:
            await self._presses.apologize(update.callback_query)
        elif update.message_reaction is not None:
            await self._reactions.apologize(update.message_reaction, event_of(update))

    async def _message(self, message: Message) -> None:
        account = message.from_user
        if account is None or account.is_bot:
            return
        heard = incoming.parse_message(message, self._desk.bot.bot)
        if heard is None:
            return
        user, place, heard = (
            user_of(account, message.chat),
            incoming.place_of(message),
            self._completed(heard),
        )
        if place.group and await self._desk.outbox.refuses(place):
            muted = Reply(self._desk.say(user, "telegram-muted"), private=True)
            await self._desk.whisper(place, user, muted)
            return
        try:
            found = await asking.ask(
                self._desk.core, user, heard, place, lambda: self._files.fetch(heard.picture)
            )
        except Refused as refused:
            await self._refuse(place, user, heard, refused)
            return
        if isinstance(found, Question):
            await self._ask_for(place, user, found.kind)
        elif isinstance(found, Reply) and found.private:
            await self._desk.whisper(place, user, found, asking.name_of(heard.text))
        elif isinstance(found, Reply):
            await self._desk.answer(place, found)

    async def _refuse(self, place: Place, user: User, heard: Incoming, refused: Refused) -> None:
        """Say why not; a group that is not served, and a command that may be another bot's, get no answer."""
        if refused.code == "unknown-command" and not heard.spoken:
            return
        if (
            refused.code == "not-here"
            and place.group
            and not self._desk.core.members.access.administers(user)
        ):
            if place.chat not in self._strange:
                log.info("not served, since access says so: %s", refused.values["place"])
            self._strange.add(place.chat)
            return
        await self._desk.answer(place, self._desk.refused(refused, user))

    def _completed(self, heard: Incoming) -> Incoming:
        """Put the command of our question before the words that answer it."""
        for kind in ("imagine", "optimize"):
            texts = self._desk.core.replies.texts
            asked = {texts.say(locale, f"telegram-ask-{kind}") for locale in LANGUAGES}
            if heard.asked in asked and not heard.text.startswith("/"):
                return replace(heard, text=f"/{kind} {heard.text}")
        return heard

    async def _ask_for(self, place: Place, user: User, kind: Kind) -> None:
        text = self._desk.say(user, f"telegram-ask-{kind}")
        hint = self._desk.say(user, "telegram-ask-hint")
        buttons = ForceReply(selective=True, input_field_placeholder=hint)
        await self._desk.answer(place, Reply(text), buttons)


def event_of(update: Update) -> str:
    """Return the intake key of an update: the same event again is the same job."""
    if update.message is not None:
        return incoming.place_of(update.message).event
    if update.callback_query is not None:
        return f"query/{update.callback_query.id}"
    return f"update/{update.update_id}"
