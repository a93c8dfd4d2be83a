"""What a job's message looks like when only its row and files are known: at its end, or before it is queued.

Knows rows, files and replies; changes nothing.
"""

import logging
from collections.abc import Callable, Sequence

from bot.replies.replies import Replies
from bot.storage.pictures import PictureFolder
from bot.types import Image, Job, Reply

log = logging.getLogger(__name__)


async def stored(job: Job, images: PictureFolder, replies: Replies, png: bytes = b"") -> Reply:
    """Return the reply for a job as stored, its pictures loaded; of a single one `png` may be at hand."""
    shown: Sequence[Image] | None = ()
    if job.state in ("finished", "delivered") and not _is_deleted(job):
        try:
            shown = await _pictures(job, images, png)
        except OSError as error:
            shown = None
            log.error("job %d: %s", job.id, error)
    return worded(job, lambda: _worded(job, shown, replies), replies, shown or ())


def worded(job: Job, word: Callable[[], Reply], replies: Replies, shown: Sequence[Image] = ()) -> Reply:
    """Return the reply that `word` makes, or plain words where it cannot: every job gets an answer."""
    try:
        return word()
    except Exception:
        log.exception("job %d: its reply cannot be worded", job.id)
        return replies.plain(job, shown)


def _worded(job: Job, shown: Sequence[Image] | None, replies: Replies) -> Reply:
    match job.state:
        case "queued" | "running":
            return replies.waiting(job, 1)
        case "failed":
            return replies.failed(job)
        case "cancelled":
            return replies.cancelled(job)
    if _is_deleted(job):
        return replies.deleted(job)
    return replies.gone(job) if shown is None else replies.finished(job, shown)


def _is_deleted(job: Job) -> bool:
    return any(picture.deleted for picture in job.pictures)


async def _pictures(job: Job, images: PictureFolder, png: bytes) -> list[Image]:
    """Return a job's picture, or several as one grid."""
    alt = job.request.original or job.request.params.prompt
    if len(job.pictures) > 1:
        grid = await images.grid([picture.file for picture in job.pictures])
        return [Image(f"{job.id}-grid.jpg", *grid, alt)]
    return [
        Image(
            picture.file,
            png or await images.read(picture.file),
            "image/png",
            picture.width,
            picture.height,
            alt,
        )
        for picture in job.pictures
    ]
