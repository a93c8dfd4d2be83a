"""Deletes everything about a user: open jobs cancelled, rows, files, settings, links and favourites deleted.

What was spent stays until the limit window ends, under a keyed hash, so that limits hold; bans stay as well.
Messages that were already posted are the chat service's.
"""

from bot.jobs.runner import JobRunner
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.storage.retention import empty_trash
from bot.types import User


async def forget(store: JobStore, images: PictureFolder, runner: JobRunner, user: User, now: float) -> None:
    """Delete what is kept of `user`, on every account they are linked to."""
    open_jobs = await store.open_jobs(user.person)
    for job in reversed(open_jobs):  # the newest first, so that none of them begins meanwhile
        await runner.cancel(job)
    await store.forget(user.person, now)
    await store.accounts.forget(user)
    for job in open_jobs:
        runner.show_forgotten(job)
    await empty_trash(store, images)
