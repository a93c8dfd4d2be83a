"""Commands that are answered at once and make no job: help, queue, quota, history, show, info, cancel."""

from typing import TYPE_CHECKING

from bot.commands import Command
from bot.types import Job, Refused, Reply, User

if TYPE_CHECKING:
    from bot.core import Core

HISTORY = 10


async def answer(core: "Core", user: User, command: Command) -> Reply:
    """Return the reply to a command; raises `Refused`, `unknown-command` for one that makes a job."""
    match command.name:
        case "help":
            return core.replies.help(user.locale)
        case "queue":
            return core.replies.queue(user.locale, *await core.waiting(user))
        case "quota":
            now = core.now()
            return core.replies.quota(user.locale, core.rule, await core.usage(user), now)
        case "history":
            return core.replies.history(user.locale, await core.jobs(user, HISTORY))
        case "show":
            return await core.reply(await _named(core, user, command.rest))
        case "info":
            return core.replies.info(await _named(core, user, command.rest), 0)
        case "cancel":
            return await _cancel(core, user, command.rest)
    raise Refused("unknown-command", command=command.name)


async def _cancel(core: "Core", user: User, rest: str) -> Reply:
    number = _number(rest) if rest.strip() else None
    if not await core.cancel(user, number):
        raise Refused("nothing-to-cancel")
    return core.replies.queue(user.locale, *await core.waiting(user))


async def _named(core: "Core", user: User, rest: str) -> Job:
    """Return the job a person names by number, or their newest."""
    if rest.strip():
        return await core.job(user, _number(rest))
    for job in await core.jobs(user, 1):
        return job
    raise Refused("no-job-yet")


def _number(text: str) -> int:
    word = text.strip().lstrip("#")
    if not word.isdecimal():
        raise Refused("no-such-job", job=word)
    return int(word)
