"""What a job's message looks like when only its row and files are known: at its end, or before it is queued.

Knows rows, files and replies; changes nothing.
"""

from bot.images import ImageFolder
from bot.replies import Replies
from bot.types import Image, Job, Reply


async def stored(job: Job, images: ImageFolder, replies: Replies) -> Reply:
    """Return the reply for a job as stored, its pictures loaded."""
    match job.state:
        case "queued" | "running":
            return replies.waiting(job, 1)
        case "failed":
            return replies.failed(job)
        case "cancelled":
            return replies.cancelled(job)
    if any(picture.deleted for picture in job.pictures):
        return replies.deleted(job)
    try:
        return replies.finished(job, await _pictures(job, images))
    except FileNotFoundError:
        return replies.deleted(job)


async def _pictures(job: Job, images: ImageFolder) -> list[Image]:
    """Return a job's picture, or several as one grid."""
    alt = job.request.original or job.request.params.prompt
    if len(job.pictures) > 1:
        grid = await images.grid([picture.file for picture in job.pictures])
        return [Image(f"{job.id}-grid.jpg", *grid, alt)]
    return [
        Image(
            picture.file,
            await images.read(picture.file),
            "image/png",
            picture.width,
            picture.height,
            alt,
        )
        for picture in job.pictures
    ]
