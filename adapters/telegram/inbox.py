"""Messages to the bot on Telegram, one update at a time, handed to the core and answered.

Knows updates and messages; knows no offset. Presses and reactions have modules of their own.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from telegram import ForceReply, Message, PhotoSize, Update

from adapters.telegram.address import NAME, Place
from adapters.telegram.button_presses import Presses
from adapters.telegram.files import Files
from adapters.telegram.incoming import Incoming, parse_messages, place_of
from adapters.telegram.message_parts import MessageParts
from adapters.telegram.people import Moderators, user_of
from adapters.telegram.reactions import Reactions
from adapters.telegram.responder import LINKED, Responder
from bot.locales.texts import LANGUAGES
from bot.requests import ask, commands
from bot.requests.ask import Invocation, Question, dispatch
from bot.requests.commands import Command
from bot.types import Address, Job, Kind, Refused, Reply, User

PUBLIC = ("help", "queue", "cancel")
"""Private elsewhere, but in a group Telegram shows nothing to one user alone, and these betray nothing."""

log = logging.getLogger(__name__)


class Inbox:
    """Handles updates for one bot."""

    def __init__(self, responder: Responder, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._responder = responder
        self._files = Files(responder.core, responder.bot, sleep)
        self._presses = Presses(responder, self._files, Moderators(responder.bot))
        self._reactions = Reactions(responder)
        self._strange: set[int] = set()
        self._parts = MessageParts(sleep)
        say = responder.texts.say
        self._questions = {
            say(locale, f"telegram-ask-{kind}"): kind
            for kind in ("imagine", "optimize")
            for locale in LANGUAGES
        }

    async def handle(self, update: Update) -> None:
        """Do what an update says."""
        if update.message is not None:
            await self._message(update.message)
        elif update.callback_query is not None:
            await self._presses.pressed(update.callback_query)
        elif update.message_reaction is not None:
            await self._reactions.changed(update.message_reaction, event_of(update))

    async def apologize(self, update: Update) -> None:
        """Tell the user that it went wrong on our side."""
        message = update.message
        if message is not None and message.from_user is not None:
            if parse_messages([message], self._responder.bot.bot, self._questions) is not None:
                user = user_of(message.from_user, message.chat)
                await self._responder.answer(place_of(message), self._responder.sorry(user))
        elif update.callback_query is not None:
            await self._presses.apologize(update.callback_query)
        elif update.message_reaction is not None:
            await self._reactions.apologize(update.message_reaction, event_of(update))

    def arrived(self, update: Update) -> None:
        """Note a message that may be part of what its user sees as one, before any part is handled."""
        if update.message is not None:
            self._parts.add(update.message)

    async def _message(self, message: Message) -> None:
        if message.migrate_to_chat_id is not None:
            await self._follow(message.chat.id, message.migrate_to_chat_id)
        messages = await self._parts.complete(message)
        account = message.from_user
        if not messages or account is None or (account.is_bot and message.sender_chat is None):
            return
        incoming = parse_messages(messages, self._responder.bot.bot, self._questions)
        if incoming is None:
            return
        user, place, incoming = (
            user_of(account, message.chat),
            place_of(message),
            self._completed(incoming),
        )
        if place.group and await self._responder.outbox.refuses(place):
            muted = Reply(self._responder.say(user, "telegram-muted"), private=True)
            await self._responder.reply_privately(place, user, muted)
            return
        if key := _no_request(incoming):
            await self._responder.answer(place, Reply(self._responder.say(user, key)))
            return
        try:
            command = _linked(commands.parse(incoming.text))
            found = await self._dispatch(user, place, incoming, command)
        except Refused as refused:
            await self._refuse(place, user, incoming, refused)
            return
        if isinstance(found, Question):
            await self._ask_for(place, user, found.kind)
        elif isinstance(found, Reply) and (not found.private or _is_public(command, incoming)):
            await self._responder.answer(place, found)
        elif isinstance(found, Reply):
            await self._responder.reply_privately(place, user, found, command.name)

    async def _dispatch(
        self, user: User, place: Place, incoming: Incoming, command: Command
    ) -> Job | Reply | Question:
        return await dispatch(
            self._responder.core,
            Invocation(
                user,
                place.event,
                command,
                partial(_place, place),
                partial(self._files.fetch, incoming.picture) if incoming.picture else None,
                unused=tuple(f"🖼 {number + 2}" for number in range(incoming.further)),
                replied_to=incoming.job,
                bare=not incoming.text.startswith("/"),
            ),
        )

    async def _refuse(self, place: Place, user: User, incoming: Incoming, refused: Refused) -> None:
        """Say why not; a group that is not served, and a command that may be another bot's, get no answer."""
        if refused.code == "unknown-command" and not incoming.addressed:
            return
        if refused.code == "not-here" and place.group and not self._responder.core.administers(user):
            if place.chat not in self._strange:
                log.info("not served, since access says so: %s", refused.values["place"])
            self._strange.add(place.chat)
            return
        if refused.code == "no-parameters" and isinstance(incoming.picture, PhotoSize):
            # Telegram makes every photo a JPEG and drops its metadata; only a file keeps it.
            reply = Reply(self._responder.say(user, "telegram-as-file"))
        else:
            reply = self._responder.refused(refused, user)
        await self._responder.answer(place, reply)

    def _completed(self, incoming: Incoming) -> Incoming:
        """Put the command of our question before the text that answers it."""
        kind = self._questions.get(incoming.question)
        if kind is None or incoming.text.startswith("/"):
            return incoming
        return replace(incoming, text=f"/{kind} {incoming.text}")

    async def _follow(self, before: int, now: int) -> None:
        """Know a group that became a supergroup under both its numbers."""
        names = f"{NAME}:chat:{before}", f"{NAME}:chat:{now}"
        await self._responder.core.rename_group(*names)
        log.warning("%s is %s from now on: write that in the configuration where the old name stands", *names)

    async def _ask_for(self, place: Place, user: User, kind: Kind) -> None:
        text = self._responder.say(user, f"telegram-ask-{kind}")
        hint = self._responder.say(user, "telegram-ask-hint")
        buttons = ForceReply(selective=True, input_field_placeholder=hint)
        await self._responder.answer(place, Reply(text), buttons)


def _no_request(incoming: Incoming) -> str:
    """Return the key of what to say of a message that is none; "" for a request."""
    if incoming.as_chat:
        return "telegram-as-chat"
    if incoming.forwarded:
        return "telegram-forwarded-picture" if incoming.picture else "telegram-forwarded-text"
    return "telegram-unusable" if incoming.unusable else ""


async def _place(place: Place, number: int, count: int) -> Address:
    """Return where a message's request is shown: each in a message of its own."""
    return replace(place, event=ask.event_of(place.event, number, count)).address()


def _linked(command: Command) -> Command:
    """Return the command that a link to the bot names: Telegram sends it as "/start settings"."""
    return Command(command.rest, "") if command.name == "help" and command.rest in LINKED else command


def _is_public(command: Command, incoming: Incoming) -> bool:
    """Say whether everybody in a group may read what is private elsewhere."""
    return command.name in PUBLIC or (command.name == "info" and incoming.picture is not None)


def event_of(update: Update) -> str:
    """Return the intake key of an update: the same event again is the same job."""
    if update.message is not None:
        return place_of(update.message).event
    if update.callback_query is not None:
        return f"query/{update.callback_query.id}"
    return f"update/{update.update_id}"
