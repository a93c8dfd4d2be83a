"""What a press means: which job, which picture, and which request comes of it.

Knows jobs and their parents; puts nothing in the line and shows nothing.
"""

from dataclasses import dataclass, replace

from bot.requests import tasks, upscale_options
from bot.requests.flag_syntax import PROMPT_LIMIT
from bot.storage.jobs import Store
from bot.storage.pictures import ImageFolder
from bot.types import Address, Job, JobPicture, Refused, Request, User, Verb
from engine.metadata import read


@dataclass(frozen=True, slots=True)
class Click:
    """A person's press on picture `index`; `value` is what the button says beside its verb.

    What comes of it is shown at `address`.
    """

    user: User
    address: Address
    event_id: str
    verb: Verb
    index: int
    value: str = ""


async def known(store: Store, job_id: int) -> Job:
    """Return a job; raises `Refused` (`no-such-job`)."""
    job = await store.job(job_id)
    if job is None:
        raise Refused("no-such-job", job=job_id)
    return job


def worded(job: Job) -> Job:
    """Return the job; raises `Refused` (`prompt-gone`) where its words were erased with age."""
    if job.request.kind != "upscale" and not job.request.params.prompt:
        raise Refused("prompt-gone")
    return job


def read_by(job: Job, user: User) -> Job:
    """Return the job as told to somebody, in their language."""
    reader = replace(job.request.user, locale=user.locale)
    return replace(job, request=replace(job.request, user=reader))


async def request(store: Store, dice: tasks.Dice, job: Job, click: Click) -> Request:
    """Return the request that a button of a job makes; raises `Refused`."""
    user, address, event_id, index = click.user, click.address, click.event_id, click.index
    if click.verb == "another":
        return tasks.another(worded(job), user, address, event_id)
    if click.verb in ("use", "original"):
        if click.verb == "use" and not job.used_prompt:
            raise Refused("not-finished", job=job.id)
        return tasks.chosen(worded(job), click.verb, user, address, event_id)
    if click.verb == "upscale":
        picture_of(job, index)
        return tasks.enlarge(job, index, user, address, event_id, upscale_options.way(click.value))
    if click.verb == "reroll" and job.state in ("failed", "cancelled"):
        return tasks.again(worded(job), user, address, event_id, dice)
    source, index = await _drawn(store, job, index)
    worded(source)
    if click.verb == "vary":
        picture_of(source, index)
        return tasks.vary(source, index, user, address, event_id, dice)
    return tasks.again(source, user, address, event_id, dice)


def picture_of(job: Job, index: int) -> JobPicture:
    """Return picture `index` of a job; raises `Refused` (`not-finished`)."""
    for picture in job.pictures:
        if picture.index == index:
            return picture
    raise Refused("not-finished", job=job.id)


async def source_size(store: Store, images: ImageFolder, request: Request) -> tuple[int, int] | None:
    """Return the size of the picture a request starts from; raises `Refused` when it is gone."""
    if request.image is not None:
        try:
            return await images.input_size(request.image)
        except FileNotFoundError as error:
            raise Refused("picture-gone") from error
    if request.kind != "upscale" or request.parent is None:
        return None
    picture = picture_of(await known(store, request.parent), request.index)
    if picture.deleted:
        raise Refused("picture-gone")
    return picture.width, picture.height


async def source(store: Store, images: ImageFolder, request: Request) -> bytes | None:
    """Return the encoded picture a request starts from; raises `Refused` when it is gone meanwhile."""
    try:
        if request.image is not None:
            return await images.read_input(request.image)
        if request.kind != "upscale" or request.parent is None:
            return None
        parent = await known(store, request.parent)
        return await images.read(picture_of(parent, request.index).file)
    except FileNotFoundError as error:
        raise Refused("picture-gone") from error


async def carried(store: Store, images: ImageFolder, request: Request) -> str:
    """Return the prompt in the picture a request starts from; raises `Refused` where it cannot be drawn."""
    picture = await source(store, images, request)
    found = read(picture) if picture is not None else None
    if found is None or not found.prompt:
        raise Refused("nothing-to-redraw")
    if len(found.prompt) > PROMPT_LIMIT:
        raise Refused("prompt-too-long", length=len(found.prompt), limit=PROMPT_LIMIT)
    return found.prompt


async def repeats(store: Store, job: Job, used: str) -> bool:
    """Say whether another wording that was asked for came out as one of those before."""
    while job.request.kind == "optimize" and job.request.index and job.request.parent is not None:
        parent = await store.job(job.request.parent)
        if parent is None or parent.used_prompt == used:
            return parent is not None
        job = parent
    return False


async def _drawn(store: Store, job: Job, index: int) -> tuple[Job, int]:
    """Follow upscales back to the job that drew the picture; an attached one has none behind it."""
    while job.request.kind == "upscale" and job.request.image is None and job.request.parent is not None:
        job, index = await known(store, job.request.parent), job.request.index
    return job, index
