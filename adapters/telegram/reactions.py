"""Reactions under the bot's pictures, where Telegram reports them: what a button does, and favourites.

Knows reactions and the jobs that messages show; what others put under one's picture asks for nothing.
"""

from telegram import MessageReactionUpdated, ReactionType, ReactionTypeEmoji

from adapters.telegram.address import Place, is_at, read
from adapters.telegram.people import user_of
from adapters.telegram.responder import Responder
from bot.types import Action, Job, Refused, Reply, User, Verb

VERBS: dict[str, Verb] = {"⚡": "reroll", "🏆": "upscale", "✍": "edit"}
"""Telegram offers a fixed set of reactions; these are the ones that mean what a button means."""
FAVOURITE = "❤"
"""Telegram has no star. It stays a favourite for as long as the heart stays."""
OTHERS = ("not-yours", "not-here")


class Reactions:
    """Turns changes of reactions into presses."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._core = responder.core

    async def changed(self, reaction: MessageReactionUpdated, event: str) -> None:
        """Do what a reaction means."""
        account = reaction.user
        before, after = _emojis(reaction.old_reaction), _emojis(reaction.new_reaction)
        if account is None or account.is_bot or before == after:
            return
        user = user_of(account, reaction.chat)
        job = await self._job_at(user, reaction.chat.id, reaction.message_id)
        if job is None:
            return
        if (verb := _verb(before, after, job)) is not None:
            place = Place(
                reaction.chat.id,
                event,
                thread=_thread(job, reaction),
                reply=reaction.message_id,
                lang=account.language_code or "",
                user=account.id,
            )
            index = job.pictures[0].index if job.pictures else 0
            await self._press(user, Action(verb, job.id, index), place)

    async def apologize(self, reaction: MessageReactionUpdated, event: str) -> None:
        """Say that a reaction went wrong on our side."""
        if (account := reaction.user) is not None:
            place = Place(reaction.chat.id, event, lang=account.language_code or "")
            user = user_of(account, reaction.chat)
            await self._responder.reply_privately(place, user, self._responder.sorry(user))

    async def _press(self, user: User, action: Action, place: Place) -> None:
        try:
            found = await self._core.press(user, action, place.address(), place.event)
        except Refused as refused:
            if refused.code in OTHERS:
                return
            found = self._responder.refused(refused, user)
        if isinstance(found, Reply):
            await self._responder.reply_privately(place, user, found)

    async def _job_at(self, user: User, chat: int, message: int) -> Job | None:
        """Return the job a message shows: one shown lately, or the user's own among their latest."""
        if known := self._responder.outbox.jobs.get((chat, message)):
            try:
                return await self._core.job_for_action(user, Action("info", known))
            except Refused:
                return None
        for job in await self._core.jobs(user):
            if is_at(job.request.address, chat, message):
                return job
        return None


def _emojis(kinds: tuple[ReactionType, ...]) -> set[str]:
    return {kind.emoji.rstrip("\ufe0f") for kind in kinds if isinstance(kind, ReactionTypeEmoji)}


def _verb(before: set[str], after: set[str], job: Job) -> Verb | None:
    liked, likes = FAVOURITE in before, FAVOURITE in after
    if liked != likes:
        return "favourite" if job.favourite != likes else None
    return next((verb for emoji, verb in VERBS.items() if emoji in after - before), None)


def _thread(job: Job, reaction: MessageReactionUpdated) -> int | None:
    """Return the topic of the job's own message: an update on reactions names none."""
    address = job.request.address
    return read(address).thread if is_at(address, reaction.chat.id, reaction.message_id) else None
