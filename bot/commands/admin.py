"""The administrators' commands: pause, resume, drain, stats, ban, unban.

That the user is an administrator was checked before.
"""

import logging
import re
from collections.abc import Callable

from bot.commands.operator import OperatorControls
from bot.policy.limits import DAY
from bot.replies.replies import Replies
from bot.requests.commands import Command
from bot.storage import stats
from bot.storage.accounts import AccountStore, Ban, user_key
from bot.types import Refused, Reply, User

log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z]+:user:\S+")
_JOB = re.compile(r"#?(?P<job>[0-9]{1,15})")
_DAYS = re.compile(r"(?P<days>[0-9]{1,5})[d天日]?")


class Admin:
    """The administrators' commands; `now` gives Unix seconds."""

    def __init__(
        self, accounts: AccountStore, replies: Replies, operator: OperatorControls, now: Callable[[], float]
    ) -> None:
        self._accounts = accounts
        self._replies = replies
        self._operator = operator
        self._now = now

    async def answer(self, user: User, command: Command) -> Reply:
        """Return the reply to an administrator's command; raises `Refused`."""
        log.info("%s says /%s %s", user_key(user), command.name, command.rest)
        match command.name:
            case "pause":
                self._operator.pause()
                return self._operated(user, "paused-by-operator")
            case "resume":
                self._operator.resume()
                return self._operated(user, "resumed-by-operator")
            case "drain":
                self._operator.drain()
                return self._operated(user, "draining-by-operator")
            case "stats":
                day = stats.counted(await self._operator.past_day(), self._now())
                return self._replies.stats(
                    user.locale, day, self._operator.waiting(), self._operator.workers()
                )
            case "ban":
                return await self._ban(user, command.rest)
            case "unban":
                name, _ = await self._named(command.rest)
                if not await self._accounts.unban(name):
                    raise Refused("not-banned", name=name)
                return self._replies.unbanned(user.locale, name)
        raise Refused("unknown-command", command=command.name)

    def _operated(self, user: User, key: str) -> Reply:
        return self._replies.operated(user.locale, key, self._operator.waiting())

    async def _ban(self, user: User, rest: str) -> Reply:
        now = self._now()
        if not rest.strip():
            return self._replies.bans(user.locale, self._accounts.bans(now), now)
        name, more = await self._named(rest)
        word, _, reason = more.partition(" ")
        found = _DAYS.fullmatch(word)
        days = int(found["days"]) if found else None
        until = None if days is None else now + days * DAY
        await self._accounts.ban(name, Ban(until, (reason if found else more).strip()))
        return self._replies.banned(user.locale, name, days)

    async def _named(self, rest: str) -> tuple[str, str]:
        """Return whom the first word means, as the configuration names them, and the text behind it."""
        word, _, more = rest.strip().partition(" ")
        if found := _JOB.fullmatch(word):
            job = await self._operator.job(int(found["job"]))
            return user_key(job.request.user), more.strip()
        if not _NAME.fullmatch(word):
            raise Refused("bad-name", name=word)
        return word, more.strip()
