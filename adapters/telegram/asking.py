"""From what a person says to the core: which command, which parameters, which picture.

Knows commands, flags and the core; fetches no file and sends nothing.
"""

import re
from dataclasses import dataclass, replace

from telegram import PhotoSize

from adapters.telegram.address import Place
from adapters.telegram.incoming import Incoming
from bot.core import Core
from bot.replies import picture_info
from bot.requests import commands, flags, upscale_options
from bot.requests.commands import Command
from bot.storage.attached import Fetch
from bot.types import Action, Job, Kind, Params, Refused, Reply, Request, User

JOBS: dict[str, Kind] = {"imagine": "imagine", "optimize": "optimize"}
PUBLIC = ("help", "queue", "cancel")
"""Private elsewhere, but in a group Telegram shows nothing to one person alone, and these betray nothing."""
LINKED = ("settings", "link", "forget", "history", "quota", "info")
"""What a link may ask for: anybody can post one, so nothing that is done at once."""

_CHINESE = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Question:
    """A command came without words: ask for them. `kind` names what they are for."""

    kind: Kind


async def ask(
    core: Core, user: User, heard: Incoming, place: Place, fetch: Fetch
) -> Job | Reply | Question | None:
    """Put what a person said before the core; raises `Refused`."""
    command = _started(commands.parse(heard.text))
    if command.name in (*JOBS, "upscale", "reroll") or heard.picture is not None:
        core.members.check_access(user)
    if command.name in JOBS:
        return await _draw(core, user, command, heard, place, fetch)
    if command.name == "upscale" and heard.picture is not None:
        params = upscale_options.parse_options(command.rest).over(await core.members.defaults(user))
        return await _submit(core, user, "upscale", params, place, fetch)
    if command.name in ("upscale", "reroll"):
        return await core.press(user, await _button(core, user, command, heard), place.address(), place.event)
    if command.name == "info" and heard.picture is not None:
        return await _read(core, user, heard, fetch)
    if command.name in ("show", "info") and not command.rest and heard.job is not None:
        command = replace(command, rest=str(heard.job))
    reply = await core.answer(user, command)
    return replace(reply, private=False) if command.name in PUBLIC else reply


def name_of(text: str) -> str:
    """Return the name of the command in a text, "" for an unknown one."""
    try:
        return _started(commands.parse(text)).name
    except Refused:
        return ""


def _started(command: Command) -> Command:
    """Return the command a link to the bot names: Telegram sends it as "/start settings"."""
    return Command(command.rest, "") if command.name == "help" and command.rest in LINKED else command


async def _read(core: Core, user: User, heard: Incoming, fetch: Fetch) -> Reply:
    """Tell what any picture says of how it was made."""
    try:
        reply = picture_info.describe(core.replies.texts, user.locale, await fetch())
    except Refused as refused:
        if refused.code != "no-parameters" or not isinstance(heard.picture, PhotoSize):
            raise
        # Telegram makes every photo a JPEG and drops what it says; only a file keeps it.
        reply = Reply(core.replies.texts.say(user.locale, "telegram-as-file"))
    return replace(reply, private=False)


async def _draw(
    core: Core, user: User, command: Command, heard: Incoming, place: Place, fetch: Fetch
) -> Job | Question:
    kind, words = JOBS[command.name], command.rest
    if not words and heard.picture is None:
        return Question(kind)
    if heard.job is not None and heard.picture is None and not heard.text.startswith("/"):
        job = await core.may(user, Action("edit", heard.job))
        if job.request.kind != "optimize" and job.request.params.prompt:
            image = job.request.image if job.request.kind == "imagine" else None
            return await _submit(core, user, kind, _changed(job, words), place, image=image)
    params = flags.parse(words, await core.members.defaults(user))
    return await _submit(core, user, kind, params, place, fetch if heard.picture is not None else None)


async def _submit(
    core: Core,
    user: User,
    kind: Kind,
    params: Params,
    place: Place,
    fetch: Fetch | None = None,
    image: str | None = None,
) -> Job:
    return await core.submit(Request(user, place.address(), place.event, kind, params, image), fetch)


def _changed(job: Job, words: str) -> Params:
    """Return a picture's parameters with the new words behind its own and with its seed.

    A prompt that stands for other words was optimized, and so are those again.
    """
    kept = replace(job.request.params, seed=job.seed, ignored=())
    own = job.request.original or kept.prompt
    kept = replace(kept, optimize=kept.optimize or own != kept.prompt)
    comma = "，" if _CHINESE.search(own + words) else ", "
    return flags.parse(f"{own}{comma}{words}", replace(kept, prompt=""))


async def _button(core: Core, user: User, command: Command, heard: Incoming) -> Action:
    """Return the button that a typed command stands for."""
    if command.name == "upscale":
        return upscale_options.read(command.rest).action(heard.job)
    if heard.job is not None:
        return Action("reroll", heard.job)
    return Action("reroll", (await core.history.newest(user, "imagine")).id)
