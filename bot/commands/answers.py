"""Commands that are answered at once and make no job: help, queue, quota, history, settings and so on."""

from typing import TYPE_CHECKING

from bot.commands import admin
from bot.requests.commands import COMMANDS, SHOWN_NAME, Command
from bot.types import Job, Refused, Reply, User

if TYPE_CHECKING:
    from bot.core import Core

HISTORY = 10
FAVOURITES = 5
MOST_DIGITS = 18
"""No job's number has more, and SQLite counts no further than to nineteen of them."""
ALWAYS = ("help", "settings", "forget")
"""What even somebody who was shut out may ask."""
ADMINS = frozenset(entry.name for entry in COMMANDS if entry.admins)


async def answer(core: "Core", user: User, command: Command) -> Reply:
    """Return the reply to a command; raises `Refused`, `unknown-command` for one that makes a job."""
    if command.name in ADMINS:
        if not core.access.administers(user):
            raise Refused("admins-only")
        return await admin.answer(core, user, command)
    if command.name not in ALWAYS:
        await core.enter(user)
    match command.name:
        case "help":
            return core.replies.help(user.locale, core.access.administers(user))
        case "settings":
            return await core.settings(user)
        case "forget":
            return core.replies.forget(user.locale)
        case "link":
            return await core.links.answer(core.people.known(user), command.rest)
        case "queue":
            return core.replies.queue(user.locale, *await core.waiting(user))
        case "quota":
            now = core.now()
            return core.replies.quota(user.locale, core.rule(user), await core.usage(user), now)
        case "history":
            favourites = await core.favourites(user, FAVOURITES)
            return core.replies.history(user.locale, await core.jobs(user, HISTORY), favourites)
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
    if not word.isdecimal() or len(word) > MOST_DIGITS:
        raise Refused("no-such-job", job=word[:SHOWN_NAME])
    return int(word)
