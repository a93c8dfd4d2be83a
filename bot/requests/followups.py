"""What a press means: which job, which picture, and which request comes of it.

Knows jobs and their parents; enqueues nothing and shows nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.requests import edits, flags, tasks, upscale_options
from bot.requests.upscale_options import UpscaleOptions
from bot.types import Address, Job, JobPicture, Params, Refused, Request, User, Verb

Find = Callable[[int], Awaitable[Job | None]]
"""Looks a job up by its number."""


@dataclass(frozen=True, slots=True)
class Click:
    """A user's press on picture `index`; `value` is what the button says beside its verb.

    What comes of it is shown at `address`.
    """

    user: User
    address: Address
    event_id: str
    verb: Verb
    index: int
    value: str = ""


async def get_job(find: Find, job_id: int) -> Job:
    """Return a job; raises `Refused` (`no-such-job`)."""
    job = await find(job_id)
    if job is None:
        raise Refused("no-such-job", job=job_id)
    return job


def require_prompt(job: Job) -> Job:
    """Return the job; raises `Refused` (`prompt-gone`) where its prompt was erased with age."""
    if job.request.kind != "upscale" and not job.request.params.prompt:
        raise Refused("prompt-gone")
    return job


def localized_for(job: Job, user: User) -> Job:
    """Return the job with the language of whoever reads its reply."""
    reader = replace(job.request.user, locale=user.locale)
    return replace(job, request=replace(job.request, user=reader))


async def request(find: Find, new_seed: tasks.SeedSource, job: Job, click: Click) -> Request:
    """Return the request that a button of a job makes; raises `Refused`."""
    user, address, event_id, index = click.user, click.address, click.event_id, click.index
    if click.verb == "another":
        return tasks.another(require_prompt(job), user, address, event_id)
    if click.verb in ("use", "original"):
        if click.verb == "use" and not job.used_prompt:
            raise Refused("not-finished", job=job.id)
        return tasks.chosen(require_prompt(job), click.verb, user, address, event_id)
    if click.verb == "upscale":
        picture_of(job, index)
        return tasks.upscale(job, index, user, address, event_id, upscale_options.parse_options(click.value))
    if click.verb == "reroll" and job.state in ("failed", "cancelled"):
        return tasks.again(require_prompt(job), user, address, event_id, new_seed)
    source, index = await _drawn(find, job, index)
    require_prompt(source)
    if click.verb in ("zoom", "pan"):
        picture_of(source, index)
        return tasks.view(source, index, user, address, event_id, edits.named(click.verb, click.value))
    if click.verb == "vary":
        picture_of(source, index)
        return tasks.vary(source, index, user, address, event_id, new_seed)
    return tasks.again(source, user, address, event_id, new_seed)


def picture_of(job: Job, index: int) -> JobPicture:
    """Return picture `index` of a job; raises `Refused` (`not-finished`)."""
    for picture in job.pictures:
        if picture.index == index:
            return picture
    raise Refused("not-finished", job=job.id)


def typed(job: Job, defaults: Params) -> str:
    """Return what a user typed to get a job, over the operator's `defaults`; "" for a pressed button.

    That a text is not optimized once more is no flag of theirs, unless it is part of `--raw`.
    """
    request = job.request
    if request.parent is not None:
        return ""
    if request.kind == "upscale":
        return f"/upscale {UpscaleOptions(request.params.factor, request.params.method).words()}".rstrip()
    params = request.params
    line = flags.render(replace(params, optimize=params.optimize or params.enhance), defaults)
    return f"/optimize {line}" if request.kind == "optimize" else line


async def _drawn(find: Find, job: Job, index: int) -> tuple[Job, int]:
    """Follow upscales back to the job that drew the picture; an attached one has none behind it."""
    while job.request.kind == "upscale" and job.request.image is None and job.request.parent is not None:
        job, index = await get_job(find, job.request.parent), job.request.index
    return job, index
