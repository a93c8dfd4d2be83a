"""A command and what came with it become a job, a reply or a question: the one dispatcher of all platforms.

Knows commands, flags and what a press needs; the core behind it judges and answers. Shows nothing.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from bot.requests import edits, flags, upscale_options
from bot.requests.commands import Command
from bot.requests.followups import picture_of
from bot.requests.tasks import has_picture
from bot.types import Action, Address, Edit, Fetch, Job, Kind, Params, Refused, Reply, Request, User
from engine.cjk import HAN

Place = Callable[[int, int], Awaitable[Address]]
"""Returns where the message of a job will stand: of request 0, 1, … of so many in one message.

Called once the request is understood and may be made here.
"""

_CHINESE = re.compile(f"[{HAN}]")


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command of `user` as it came in with the event `event_id`.

    `picture` brings the attached file, `unused` names further ones. `replied_to` is the job whose message
    this replies to; a `bare` text, written without a slash, then changes its picture. `edited` is the job
    whose whole text this replaces. Flags by their first names: `options` win over the text, the text over
    `presets`. `edit` says what is done with the picture where that is not to draw over it.
    """

    user: User
    event_id: str
    command: Command
    place: Place
    picture: Fetch | None = None
    unused: tuple[str, ...] = ()
    replied_to: int | None = None
    bare: bool = False
    edited: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    presets: Mapping[str, str] = field(default_factory=dict)
    edit: Edit = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A command came without a prompt: ask what it is to be. `kind` is what will come of it."""

    kind: Kind


class Jobs(Protocol):
    """What the dispatcher needs of the core; `bot.core.Core` says what each does."""

    @property
    def edits(self) -> bool: ...

    def check_access(self, user: User) -> None: ...

    async def defaults(self, user: User) -> Params: ...

    async def newest(self, user: User, kind: Kind) -> Job: ...

    async def job_for_action(self, user: User, action: Action) -> Job: ...

    async def submit(self, request: Request, fetch: Fetch | None = None) -> Job: ...

    async def press(
        self, user: User, action: Action, address: Address, event_id: str
    ) -> Job | Reply | None: ...

    async def answer(self, user: User, command: Command) -> Reply: ...

    def describe(self, user: User, picture: bytes) -> Reply: ...


def at(address: Address) -> Place:
    """Return the place of a single request that is `address`, known from the start."""

    async def place(number: int, count: int) -> Address:
        return address

    return place


def event_of(event_id: str, number: int, count: int) -> str:
    """Return the event of one of a message's requests: the last, with which all are kept, has its own."""
    return event_id if number == count - 1 else f"{event_id}+{number}"


async def dispatch(core: Jobs, invocation: Invocation) -> Job | Reply | Question:
    """Do what a command says; raises `Refused`.

    Whether the user may ask here is checked before anything they wrote.
    """
    user, command = invocation.user, invocation.command
    if (
        command.name in ("imagine", "optimize", "upscale", "edit", "zoom", "pan", "reroll")
        or invocation.picture is not None
    ):
        core.check_access(user)
    match command.name:
        case "imagine" | "optimize" as kind:
            return await _draw(core, invocation, kind)
        case "edit":
            return await _edit(core, invocation)
        case "upscale" if invocation.picture is not None:
            params = _assigned(await core.defaults(user), invocation.options)
            params = upscale_options.parse_options(command.rest).over(params)
            return await _submit(core, invocation, "upscale", params)
        case "upscale":
            action = upscale_options.read(command.rest).action(invocation.replied_to)
            return await _press(core, invocation, action)
        case "reroll":
            job = invocation.replied_to or (await core.newest(user, "imagine")).id
            return await _press(core, invocation, Action("reroll", job))
        case "zoom" | "pan" as verb:
            if invocation.picture is not None:
                raise Refused("view-of-upload", command=f"/{verb}")
            job = invocation.replied_to or (await core.newest(user, "imagine")).id
            return await _press(core, invocation, edits.read_view(verb, command.rest, job))
        case "info" if invocation.picture is not None:
            return core.describe(user, await invocation.picture())
        case "show" | "info" if not command.rest and invocation.replied_to is not None:
            command = replace(command, rest=str(invocation.replied_to))
    return await core.answer(user, command)


async def press(core: Jobs, user: User, action: Action, place: Place, event_id: str) -> Job | Reply | None:
    """Press a button; who may is checked before `place` is called. Raises `Refused`."""
    core.check_access(user)
    await core.job_for_action(user, action)
    return await core.press(user, action, await place(0, 1), event_id)


async def _draw(core: Jobs, invocation: Invocation, kind: Literal["imagine", "optimize"]) -> Job | Question:
    text = invocation.command.rest
    if not text and invocation.picture is None:
        return Question(kind)
    if core.edits and invocation.picture is not None and kind == "imagine" and not invocation.edit:
        return await _instruct(core, invocation, None, 0, text)
    if invocation.edited is not None:
        job = await core.job_for_action(invocation.user, Action("edit", invocation.edited))
        if core.edits and has_picture(job):
            return await _instruct(core, invocation, job, 0, text)
        invocation = replace(invocation, edit=job.request.params.edit if _image(job) else "")
        return await _submit(core, invocation, kind, *await _params(core, invocation), image=_image(job))
    if invocation.bare and invocation.replied_to is not None and invocation.picture is None:
        job = await core.job_for_action(invocation.user, Action("edit", invocation.replied_to))
        if core.edits and has_picture(job):
            return await _instruct(core, invocation, job, 0, text)
        if job.request.kind != "optimize" and job.request.params.prompt:
            return await _submit(core, invocation, kind, *_changed(job, text), image=_image(job))
    return await _submit(core, invocation, kind, *await _params(core, invocation))


async def _edit(core: Jobs, invocation: Invocation) -> Job:
    """Change a picture as `/edit` says: the attached one, or that of a job."""
    number, index, words = edits.read_change(invocation.command.rest)
    if not words.strip():
        raise Refused("no-instruction")
    if invocation.picture is not None:
        if core.edits:
            return await _instruct(core, invocation, None, 0, words)
        return await _submit(core, invocation, "imagine", *await _params(core, invocation, words))
    number = number or invocation.replied_to or (await core.newest(invocation.user, "imagine")).id
    job = await core.job_for_action(invocation.user, Action("edit", number))
    if index and index >= len(job.pictures):
        index, words = 0, f"{index + 1} {words}"
    if core.edits:
        return await _instruct(core, invocation, job, index, words)
    if job.request.kind == "optimize" or not job.request.params.prompt:
        raise Refused("not-finished", job=job.id)
    return await _submit(core, invocation, "imagine", *_changed(job, words), image=_image(job))


async def _instruct(core: Jobs, invocation: Invocation, job: Job | None, index: int, words: str) -> Job:
    """Have the model itself change a picture: the attached one, or picture `index` of a job."""
    if job is not None:
        picture_of(job, index)
    params = await _params(core, replace(invocation, edit="words"), words)
    params = [replace(each, optimize=False, enhance=False) for each in params]
    return await _submit(core, invocation, "imagine", *params, parent=job.id if job else None, index=index)


async def _press(core: Jobs, invocation: Invocation, action: Action) -> Job:
    job = await press(core, invocation.user, action, invocation.place, invocation.event_id)
    assert isinstance(job, Job)
    return job


async def _submit(
    core: Jobs,
    invocation: Invocation,
    kind: Kind,
    *requests: Params,
    image: str | None = None,
    parent: int | None = None,
    index: int = 0,
) -> Job:
    """Make each request a job and return the last, whose event is the message's own: then all are kept."""
    for number, params in enumerate(requests):
        params = replace(params, ignored=(*params.ignored, *invocation.unused))
        event = event_of(invocation.event_id, number, len(requests))
        place = await invocation.place(number, len(requests))
        request = Request(invocation.user, place, event, kind, params, image, parent, index)
        job = await core.submit(request, invocation.picture)
    return job


async def _params(core: Jobs, invocation: Invocation, text: str | None = None) -> list[Params]:
    text = invocation.command.rest if text is None else text
    names = flags.names_in(text) | invocation.options.keys()
    defaults = await core.defaults(invocation.user)
    if invocation.edit:  # what is left of a picture has its shape
        defaults = replace(defaults, aspect=None, width=None, height=None)
    defaults = _assigned(defaults, invocation.presets)
    return [
        flags.steps_over_fast(replace(_assigned(params, invocation.options), edit=invocation.edit), names)
        for params in flags.parse_all(text, defaults)
    ]


def _assigned(params: Params, values: Mapping[str, str]) -> Params:
    for name, value in values.items():
        params = flags.assign(params, name, value)
    return params


def _image(job: Job) -> str | None:
    """Return the kept image that a job drew from, to draw from it again."""
    return job.request.image if job.request.kind == "imagine" else None


def _changed(job: Job, text: str) -> list[Params]:
    """Return a job's parameters with `text` behind its own prompt and with its seed, for each request in it.

    Where the prompt was optimized, the user's own wording is extended and optimized again.
    """
    edit = job.request.params.edit or "prompt"
    params = replace(job.request.params, seed=job.seed, ignored=(), edit=edit)
    own = job.request.original or params.prompt
    params = replace(params, prompt="", optimize=params.optimize or own != params.prompt)
    comma = "，" if _CHINESE.search(own + text) else ", "
    return flags.parse_all(f"{own}{comma}{text}", params)
