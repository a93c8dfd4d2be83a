"""What administrators say: pause, resume, drain, stats, ban, unban.

Knows the core; that it is an administrator who asks was checked before.
"""

import logging
import re
from typing import TYPE_CHECKING

from bot.policy.limits import DAY
from bot.requests.commands import Command
from bot.storage import stats
from bot.storage.accounts import Ban, member
from bot.types import Refused, Reply, User

if TYPE_CHECKING:
    from bot.core import Core

log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z]+:user:\S+")
_JOB = re.compile(r"#?(?P<job>[0-9]{1,15})")
_DAYS = re.compile(r"(?P<days>[0-9]{1,5})[d天日]?")


async def answer(core: "Core", user: User, command: Command) -> Reply:
    """Return the reply to an administrator's command; raises `Refused`."""
    log.info("%s says /%s %s", member(user), command.name, command.rest)
    replies, locale = core.replies, user.locale
    match command.name:
        case "pause":
            core.control.pause()
            return replies.operated(locale, "paused-by-operator", core.control.waiting())
        case "resume":
            core.control.resume()
            return replies.operated(locale, "resumed-by-operator", core.control.waiting())
        case "drain":
            core.control.drain()
            return replies.operated(locale, "draining-by-operator", core.control.waiting())
        case "stats":
            return replies.stats(
                locale, stats.counted(await core.control.past_day(), core.now()), core.control.waiting()
            )
        case "ban":
            return await _ban(core, user, command.rest)
        case "unban":
            name, _ = await _named(core, command.rest)
            if not await core.people.unban(name):
                raise Refused("not-banned", name=name)
            return replies.unbanned(locale, name)
    raise Refused("unknown-command", command=command.name)


async def _ban(core: "Core", user: User, rest: str) -> Reply:
    if not rest.strip():
        return core.replies.bans(user.locale, core.people.bans(core.now()), core.now())
    name, more = await _named(core, rest)
    word, _, reason = more.partition(" ")
    found = _DAYS.fullmatch(word)
    days = int(found["days"]) if found else None
    until = None if days is None else core.now() + days * DAY
    await core.people.ban(name, Ban(until, (reason if found else more).strip()))
    return core.replies.banned(user.locale, name, days)


async def _named(core: "Core", rest: str) -> tuple[str, str]:
    """Return whom the first word means, as the configuration names them, and the words behind it."""
    word, _, more = rest.strip().partition(" ")
    if found := _JOB.fullmatch(word):
        return member((await core.control.job(int(found["job"]))).request.user), more.strip()
    if not _NAME.fullmatch(word):
        raise Refused("bad-name", name=word)
    return word, more.strip()
