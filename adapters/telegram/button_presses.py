"""Buttons under the bot's messages, however old: put before the core, and answered where they were pressed.

Knows which verb changes what: the pressed message, a new one, or nothing but what the presser reads. What
only one may read comes in a pop-up over the button or in their own chat with the bot.
"""

import asyncio
import logging
from dataclasses import replace

from telegram import CallbackQuery, InlineKeyboardMarkup, Message
from telegram.error import BadRequest, Forbidden, NetworkError, TelegramError

from adapters.telegram import incoming, markup, menu
from adapters.telegram.address import Place, is_at
from adapters.telegram.api_calls import Markup
from adapters.telegram.files import Files
from adapters.telegram.people import Moderators, user_of
from adapters.telegram.responder import Responder
from bot.requests.commands import Command
from bot.types import Action, Job, Refused, Reply, User

log = logging.getLogger(__name__)


class Presses:
    """Takes every press."""

    def __init__(self, responder: Responder, files: Files, moderators: Moderators) -> None:
        self._responder = responder
        self._core = responder.core
        self._files = files
        self._moderators = moderators

    async def pressed(self, query: CallbackQuery) -> None:
        """Do what a button says, and let the client stop waiting for it."""
        message = query.message
        if message is None:
            await self._pop_up(query)
            return
        user = user_of(query.from_user, message.chat)
        try:
            await self._do(query, user, _place(query, message))
        except Refused as refused:
            await self._pop_up(query, self._responder.refused(refused, user))
        except TelegramError as error:
            log.warning("chat %d: the answer to a press was not taken: %r", message.chat.id, error)

    async def apologize(self, query: CallbackQuery) -> None:
        """Say that what was pressed went wrong on our side."""
        if query.message is not None:
            await self._pop_up(query, self._responder.sorry(user_of(query.from_user, query.message.chat)))

    async def _do(self, query: CallbackQuery, user: User, place: Place) -> None:
        data = query.data or ""
        if (job := markup.read_file(data)) is not None:
            paths = await self._files.originals(user, job)
            await self._pop_up(query)
            await self._files.send(paths, place)
        elif (opened := menu.read(data)) is not None:
            await self._open(query, user, opened, place)
        elif (action := incoming.read_button(data)) is None:
            await self._pop_up(query)
        elif action.verb in ("set", "forget"):
            await self._change(query, user, action, place)
        elif action.verb in ("cancel", "delete"):
            await self._end(query, user, action, place)
        else:
            await self._press(query, user, action, place)

    async def _press(self, query: CallbackQuery, user: User, action: Action, place: Place) -> None:
        """Press, and answer as soon as there is a job: its first message may have to wait for its turn."""
        accepted = self._responder.accepted
        taken = asyncio.create_task((kept := accepted.expect(place.event)).wait())
        pressing = asyncio.create_task(self._core.press(user, action, place.address(), place.event))
        try:
            await asyncio.wait({taken, pressing}, return_when=asyncio.FIRST_COMPLETED)
            if not pressing.done():
                await self._pop_up(query)
                await pressing
                return
            found = pressing.result()
        finally:
            accepted.forget(place.event, kept)
            taken.cancel()
            pressing.cancel()
        if isinstance(found, Reply):
            await self._tell(query, user, action, place, found)
        else:
            await self._pop_up(query)

    async def _open(self, query: CallbackQuery, user: User, name: str, place: Place) -> None:
        """Show the options of one setting, or all settings again."""
        self._owned(place)
        reply = await self._core.answer(user, Command("settings", ""))
        rows = menu.options(reply, name, self._responder.say(user, "telegram-back"))
        await self._pop_up(query)
        buttons = InlineKeyboardMarkup(rows) if rows else markup.keyboard(reply)
        await self._responder.outbox.redraw(_pressed(place), reply, buttons)

    async def _change(self, query: CallbackQuery, user: User, action: Action, place: Place) -> None:
        """Set something, or forget everything: the pressed message says so."""
        self._owned(place)
        found = await self._core.press(user, action, place.address(), place.event)
        await self._pop_up(query)
        if isinstance(found, Reply):
            await self._responder.outbox.redraw(_pressed(place), found, markup.keyboard(found))

    async def _end(self, query: CallbackQuery, user: User, action: Action, place: Place) -> None:
        user, job = await self._ending(user, action, place)
        await self._core.press(user, action, place.address(), place.event)
        await self._pop_up(query)
        pressed = _pressed(place)
        if is_at(job.request.address, pressed.chat, pressed.message):
            return  # the job's own message changes by itself
        if action.verb == "delete":
            await self._responder.outbox.remove(pressed)  # a copy that /show made
            return
        rest = await self._core.answer(user, Command("queue", ""))
        await self._responder.outbox.redraw(pressed, rest, markup.keyboard(rest))

    async def _ending(self, user: User, action: Action, place: Place) -> tuple[User, Job]:
        """Return who presses and the job, after a look at who moderates where it is another's."""
        try:
            return user, await self._core.job_for_action(user, action)
        except Refused as refused:
            if refused.code != "not-yours" or not place.group:
                raise
        user = await self._moderators.named(user, place.chat)
        return user, await self._core.job_for_action(user, action)

    async def _tell(
        self, query: CallbackQuery, user: User, action: Action, place: Place, reply: Reply
    ) -> None:
        """Give private words to the one who pressed: here, in a pop-up, or in their own chat with the bot."""
        if place.group:
            place = Place(int(user.id), place.event, lang=place.lang)
        try:
            await self._responder.outbox.say(place, reply, await self._copies(user, action, reply))
        except Forbidden:
            await self._pop_up(query, reply)
        else:
            await self._pop_up(query)

    async def _copies(self, user: User, action: Action, reply: Reply) -> Markup:
        """Return buttons that copy what one may want to use again."""
        prompt_words = self._responder.say(user, "telegram-copy-prompt")
        if action.verb == "edit":
            return markup.copies([(prompt_words, reply.prefill)])
        if action.verb != "info":
            return None
        job = await self._core.job_for_action(user, action)
        seed = next((made.seed for made in job.pictures if made.index == action.index), job.seed)
        prompt = job.used_prompt or job.request.params.prompt
        seed_words = self._responder.say(user, "telegram-copy-seed")
        return markup.copies([(prompt_words, prompt), (seed_words, str(seed))])

    async def _pop_up(self, query: CallbackQuery, reply: Reply | None = None) -> None:
        try:
            await query.answer(markup.plain(reply) if reply else None, show_alert=reply is not None)
        except BadRequest as error:
            log.debug("a press was answered too late: %s", error)
        except NetworkError as error:
            log.warning("a press was not answered: %r", error)

    def _owned(self, place: Place) -> None:
        """Refuse a press on a panel that stands where others can press it."""
        if place.group:
            raise Refused("not-yours")


def _place(query: CallbackQuery, message: object) -> Place:
    """Return where a press is answered: in reply to the pressed message, in its topic."""
    assert query.message is not None
    in_topic = isinstance(message, Message) and message.is_topic_message
    return Place(
        query.message.chat.id,
        f"query/{query.id}",
        thread=message.message_thread_id if isinstance(message, Message) and in_topic else None,
        reply=query.message.message_id,
        lang=query.from_user.language_code or "",
        user=query.from_user.id,
    )


def _pressed(place: Place) -> Place:
    """Return the pressed message itself."""
    return replace(place, message=place.reply)
