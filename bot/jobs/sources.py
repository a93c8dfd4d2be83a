"""The picture a request starts from: attached, or made by an earlier job.

Knows rows and files; decides nothing.
"""

import asyncio

from bot.requests import edits
from bot.requests.flag_syntax import PROMPT_LIMIT
from bot.requests.followups import get_job, picture_of
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Fetch, Job, Refused, Request
from engine.pictures import masks
from engine.pictures.metadata import read


async def source_size(store: JobStore, images: PictureFolder, request: Request) -> tuple[int, int] | None:
    """Return the size of the picture a request starts from; raises `Refused` when it is gone."""
    if request.image is not None:
        try:
            return await images.input_size(request.image)
        except FileNotFoundError as error:
            raise Refused("picture-gone") from error
    if request.kind != "upscale" or request.parent is None:
        return None
    picture = picture_of(await get_job(store.job, request.parent), request.index)
    if picture.deleted:
        raise Refused("picture-gone")
    return picture.width, picture.height


async def source(store: JobStore, images: PictureFolder, request: Request) -> bytes | None:
    """Return the encoded picture a request starts from; raises `Refused` when it is gone meanwhile."""
    try:
        if request.image is not None:
            return await images.read_input(request.image)
        if request.kind != "upscale" or request.parent is None:
            return None
        parent = await get_job(store.job, request.parent)
        return await images.read(picture_of(parent, request.index).file)
    except FileNotFoundError as error:
        raise Refused("picture-gone") from error


def viewed(store: JobStore, images: PictureFolder, request: Request) -> Fetch | None:
    """Return what brings the picture that a request changes or sees from elsewhere, None for other ones."""
    view, parent = edits.VIEWS.get(request.params.edit), request.parent
    if parent is None or request.image is not None or not (view or request.params.edit == "words"):
        return None

    async def fetch() -> bytes:
        picture = picture_of(await get_job(store.job, parent), request.index)
        try:
            data = await images.read(picture.file)
        except FileNotFoundError as error:
            raise Refused("picture-gone") from error
        if view is None:
            return data
        return await asyncio.to_thread(masks.moved, data, view.zoom, view.right, view.down)

    return fetch


async def embedded_prompt(store: JobStore, images: PictureFolder, request: Request) -> str:
    """Return the prompt in the picture a request starts from; raises `Refused` where it cannot be drawn."""
    picture = await source(store, images, request)
    found = read(picture) if picture is not None else None
    if found is None or not found.prompt or found.edit:
        raise Refused("nothing-to-redraw")
    if len(found.prompt) > PROMPT_LIMIT:
        raise Refused("prompt-too-long", length=len(found.prompt), limit=PROMPT_LIMIT)
    return found.prompt


async def is_repeated(store: JobStore, job: Job, used: str) -> bool:
    """Say whether another wording that was asked for came out as one of those before."""
    while job.request.kind == "optimize" and job.request.index and job.request.parent is not None:
        parent = await store.job(job.request.parent)
        if parent is None or parent.used_prompt == used:
            return parent is not None
        job = parent
    return False
