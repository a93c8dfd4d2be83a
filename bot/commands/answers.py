"""Commands that are answered at once and make no job: help, queue, quota, history, settings and so on."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.commands.admin import Admin
from bot.commands.linking import Linking
from bot.jobs.history import History
from bot.jobs.members import Members
from bot.locales.texts import typed
from bot.replies.replies import Replies
from bot.requests.commands import COMMANDS, SHOWN_NAME, Command
from bot.types import Job, Refused, Reply, User
from engine.files.loras import LoraFolder

HISTORY, LONGEST_HISTORY = 10, 15
FAVOURITES = 5
MOST_DIGITS = 18
"""No job's number has more, and SQLite counts no further than to nineteen of them."""
ALWAYS = ("help", "settings", "forget")
"""What even a banned user gets an answer to."""
ADMINS = frozenset(entry.name for entry in COMMANDS if entry.admins)


class Answers:
    """Answers commands; `cancel` ends one of a user's open jobs or all, `now` gives Unix seconds."""

    def __init__(
        self,
        members: Members,
        history: History,
        replies: Replies,
        admin: Admin,
        linking: Linking,
        loras: LoraFolder,
        cancel: Callable[[User, int | None], Awaitable[int]],
        now: Callable[[], float],
    ) -> None:
        self._members = members
        self._history = history
        self._replies = replies
        self._admin = admin
        self._linking = linking
        self._loras = loras
        self._cancel = cancel
        self._now = now

    async def answer(self, user: User, command: Command) -> Reply:
        """Return the reply to a command; raises `Refused`, `unknown-command` for one that makes a job."""
        if command.name in ADMINS:
            if not self._members.access.administers(user):
                raise Refused("admins-only")
            return await self._admin.answer(user, command)
        if command.name not in ALWAYS:
            self._members.check_access(user)
        match command.name:
            case "help":
                return self._replies.help(user.locale, self._members.access.administers(user))
            case "settings":
                return await self.settings(user)
            case "forget":
                return self._replies.forget(user.locale)
            case "link":
                return await self._linking.answer(self._members.linked(user), command.rest)
            case "queue":
                return self._replies.queue(user.locale, *await self._history.waiting(user))
            case "quota":
                rule, usage = self._members.limits(user), await self._history.usage(user)
                return self._replies.quota(user.locale, rule, usage, self._now())
            case "history":
                favourites = await self._history.favourites(user, FAVOURITES)
                jobs = await self._history.jobs(user, history_length(command.rest))
                return self._replies.history(user.locale, jobs, favourites)
            case "show":
                return await self._history.reply(await self._named(user, command.rest))
            case "info":
                return self._replies.info(await self._named(user, command.rest), 0)
            case "loras":
                return self._replies.loras(user.locale, await asyncio.to_thread(self._loras.triggers))
            case "cancel":
                return await self._cancelled(user, command.rest)
        raise Refused("unknown-command", command=command.name)

    async def settings(self, user: User) -> Reply:
        """Show a user's own defaults."""
        members = self._members
        params, max_count = await members.defaults(user), members.limits(user).max_count
        return self._replies.settings(user.locale, members.operator_defaults, params, max_count)

    async def _cancelled(self, user: User, rest: str) -> Reply:
        everything = rest.strip().casefold() in ("", *typed("typed-all"))
        count = await self._cancel(user, None if everything else _number(rest))
        if not count:
            raise Refused("nothing-to-cancel")
        return self._replies.cancelled_jobs(user.locale, count, *await self._history.waiting(user))

    async def _named(self, user: User, rest: str) -> Job:
        """Return the job that a user gives the number of, or their newest."""
        if rest.strip():
            return await self._history.job(user, _number(rest))
        for job in await self._history.jobs(user, 1):
            return job
        raise Refused("no-job-yet")


def history_length(text: str) -> int:
    """Return how many jobs a history shows: as many as `text` says, up to what a message holds."""
    number = text.strip()
    return min(max(1, int(number)), LONGEST_HISTORY) if number.isdecimal() else HISTORY


def _number(text: str) -> int:
    word = text.strip().lstrip("#")
    if not word.isdecimal() or len(word) > MOST_DIGITS:
        raise Refused("no-such-job", job=word[:SHOWN_NAME])
    return int(word)
