"""What people do on Telegram, one update at a time: say something, press a button, react to a picture.

Knows updates, the core and the outbox; knows no offset. Refusals and private words go only to
the one who asked: as an answer to their message, or in a pop-up over the button.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from telegram import CallbackQuery, ForceReply, Message, MessageReactionUpdated, ReactionTypeEmoji, Update
from telegram.error import BadRequest, Forbidden, NetworkError, TelegramError
from telegram.ext import ExtBot

from adapters.telegram import asking, hearing, markup
from adapters.telegram.asking import Question
from adapters.telegram.files import Files
from adapters.telegram.outbox import Markup, Outbox
from adapters.telegram.place import NAME, Place, read
from adapters.telegram.polling import Accepted
from bot.core import Core
from bot.texts import LANGUAGES
from bot.types import Action, Address, Job, Kind, Refused, Reply, User, Verb

REACTIONS: dict[str, Verb] = {"⚡": "reroll", "🏆": "upscale", "✍": "edit"}
"""Telegram offers a fixed set of reactions; these are the ones that mean what a button means."""

log = logging.getLogger(__name__)


class Inbox:
    """Handles updates for one bot; `chats` are the only ones served, all where it is empty."""

    def __init__(
        self,
        core: Core,
        bot: "ExtBot[int]",
        outbox: Outbox,
        accepted: Accepted,
        chats: Collection[str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._core = core
        self._bot = bot
        self._outbox = outbox
        self._accepted = accepted
        self._chats = chats
        self._files = Files(core, bot, sleep)

    async def handle(self, update: Update) -> None:
        """Do what an update asks for."""
        if update.message is not None:
            await self._message(update.message)
        elif update.callback_query is not None:
            await self._query(update.callback_query)
        elif update.message_reaction is not None:
            await self._reaction(update.message_reaction, event_of(update))

    async def _message(self, message: Message) -> None:
        account = message.from_user
        if account is None or account.is_bot:
            return
        heard = hearing.hear(message, self._bot.bot)
        if heard is None:
            return
        user, place = hearing.user_of(account), hearing.place_of(message)
        if not self._served(message.chat.id, message.chat.username):
            if message.chat.type == "private":
                text = self._say(user, "telegram-closed", chat=str(message.chat.id))
                await self._answer(place, Reply(text, private=True))
            return
        heard = self._completed(heard)
        try:
            found = await asking.ask(self._core, user, heard, place, lambda: self._files.fetch(heard.picture))
        except Refused as refused:
            if heard.spoken or refused.code != "unknown-command":
                await self._answer(place, self._core.replies.refused(refused, user.locale))
            return
        if isinstance(found, Question):
            await self._ask_for(place, user, found.kind)
        elif isinstance(found, Reply):
            await self._answer(place, found)

    def _completed(self, heard: hearing.Heard) -> hearing.Heard:
        """Put the command of our question before the words that answer it."""
        for kind in ("imagine", "optimize"):
            asked = {self._core.replies.texts.say(locale, f"telegram-ask-{kind}") for locale in LANGUAGES}
            if heard.asked in asked and not heard.text.startswith("/"):
                return replace(heard, text=f"/{kind} {heard.text}")
        return heard

    async def _ask_for(self, place: Place, user: User, kind: Kind) -> None:
        text = self._say(user, f"telegram-ask-{kind}")
        hint = self._say(user, "telegram-ask-hint")
        await self._answer(place, Reply(text), ForceReply(selective=True, input_field_placeholder=hint))

    async def _query(self, query: CallbackQuery) -> None:
        user, data = hearing.user_of(query.from_user), query.data or ""
        message = query.message
        if message is None or not self._served(message.chat.id, message.chat.username):
            await self._pop_up(query)
            return
        thread = (
            message.message_thread_id if isinstance(message, Message) and message.is_topic_message else None
        )
        place = Place(message.chat.id, f"query/{query.id}", thread=thread, reply=message.message_id)
        try:
            if (job := markup.read_file(data)) is not None:
                paths = await self._files.originals(user, job)
                await self._pop_up(query)
                await self._files.send(paths, place)
            elif action := hearing.read_button(data):
                await self._press(query, user, action, place)
            else:
                await self._pop_up(query)
        except Refused as refused:
            await self._pop_up(query, self._core.replies.refused(refused, user.locale))
        except TelegramError as error:
            log.warning("chat %d: the answer to a press was not taken: %r", place.chat, error)

    async def _press(self, query: CallbackQuery, user: User, action: Action, place: Place) -> None:
        """Press, and answer as soon as there is a job: its first message may have to wait for its turn."""
        taken = asyncio.create_task(self._accepted.expect(place.event).wait())
        pressing = asyncio.create_task(self._core.press(user, action, place.address(), place.event))
        try:
            await asyncio.wait({taken, pressing}, return_when=asyncio.FIRST_COMPLETED)
            if not pressing.done():
                await self._pop_up(query)
                await pressing
                return
            found = pressing.result()
        finally:
            self._accepted.accept(place.event)
            taken.cancel()
            pressing.cancel()
        if isinstance(found, Reply):
            await self._tell(query, user, action, place, found)
            return
        await self._pop_up(query)
        if action.verb == "delete":
            await self._remove_copy(user, action.job, place)

    async def _remove_copy(self, user: User, job: int, pressed: Place) -> None:
        """Take away a message that `/show` made; the job's own one changes by itself."""
        address = (await self._core.job(user, job)).request.address
        if pressed.reply is not None and not _shows(address, pressed.chat, pressed.reply):
            await self._outbox.remove(replace(pressed, message=pressed.reply))

    async def _tell(
        self, query: CallbackQuery, user: User, action: Action, place: Place, reply: Reply
    ) -> None:
        """Give private words to the one who pressed: here, in a pop-up, or in their own chat with the bot."""
        if place.group:
            place = Place(int(user.id), place.event)
        try:
            await self._outbox.say(place, reply, await self._copies(user, action, reply))
        except Forbidden:
            await self._pop_up(query, reply)
        else:
            await self._pop_up(query)

    async def _copies(self, user: User, action: Action, reply: Reply) -> Markup:
        """Return buttons that copy what one may want to use again."""
        if action.verb == "edit":
            return markup.copies([(self._say(user, "telegram-copy-prompt"), reply.prefill)])
        job = await self._core.job(user, action.job)
        seed = next((made.seed for made in job.pictures if made.index == action.index), job.seed)
        prompt = job.used_prompt or job.request.params.prompt
        return markup.copies(
            [
                (self._say(user, "telegram-copy-prompt"), prompt),
                (self._say(user, "telegram-copy-seed"), str(seed)),
            ]
        )

    async def _reaction(self, reaction: MessageReactionUpdated, event: str) -> None:
        account = reaction.user
        verb = _new_verb(reaction)
        if account is None or account.is_bot or verb is None:
            return
        chat, user = reaction.chat, hearing.user_of(account)
        job = await self._job_at(user, chat.id, reaction.message_id)
        if job is None or not self._served(chat.id, chat.username):
            return
        place = Place(chat.id, event, reply=reaction.message_id)
        index = job.pictures[0].index if job.pictures else 0
        try:
            found = await self._core.press(user, Action(verb, job.id, index), place.address(), event)
        except Refused as refused:
            found = self._core.replies.refused(refused, user.locale)
        if isinstance(found, Reply):
            await self._answer(place if not place.group else Place(account.id, event), found)

    async def _job_at(self, user: User, chat: int, message: int) -> Job | None:
        """Return the person's own job that a message shows, among their latest."""
        for job in await self._core.jobs(user):
            if _shows(job.request.address, chat, message):
                return job
        return None

    async def _answer(self, place: Place, reply: Reply, buttons: "Markup | ForceReply" = None) -> None:
        """Answer a message that makes no job: once, since a message sent twice is worse than one lost."""
        self._accepted.accept(place.event)
        try:
            await self._outbox.say(place, reply, buttons or markup.keyboard(reply))
        except TelegramError as error:
            log.warning("chat %d: an answer was not taken: %r", place.chat, error)

    async def _pop_up(self, query: CallbackQuery, reply: Reply | None = None) -> None:
        try:
            await query.answer(markup.plain(reply) if reply else None, show_alert=reply is not None)
        except BadRequest as error:
            log.debug("a press was answered too late: %s", error)
        except NetworkError as error:
            log.warning("a press was not answered: %r", error)

    def _served(self, chat: int, name: str | None) -> bool:
        return not self._chats or str(chat) in self._chats or f"@{name}" in self._chats

    def _say(self, user: User, key: str, **values: str) -> str:
        return self._core.replies.texts.say(user.locale, key, **values)


def event_of(update: Update) -> str:
    """Return the intake key of an update: the same event again is the same job."""
    if update.message is not None:
        return hearing.place_of(update.message).event
    if update.callback_query is not None:
        return f"query/{update.callback_query.id}"
    return f"update/{update.update_id}"


def _new_verb(reaction: MessageReactionUpdated) -> Verb | None:
    emojis = [kind.emoji for kind in reaction.new_reaction if isinstance(kind, ReactionTypeEmoji)]
    before = {kind.emoji for kind in reaction.old_reaction if isinstance(kind, ReactionTypeEmoji)}
    return next((REACTIONS[emoji] for emoji in emojis if emoji in REACTIONS and emoji not in before), None)


def _shows(address: Address, chat: int, message: int) -> bool:
    if address.platform != NAME:
        return False
    place = read(address)
    return (place.chat, place.message) == (chat, message)
