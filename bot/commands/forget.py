"""Everything about a person, gone: open jobs cancelled, rows, files, settings, links and favourites deleted.

What was spent stays until the limit window ends, under a keyed hash, so that forgetting is no way around the
limits; bans stay as well. Messages that were already posted are the chat service's.
"""

from bot.jobs.runner import JobRunner
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.storage.retention import empty_trash
from bot.types import User


async def forget(store: JobStore, images: PictureFolder, line: JobRunner, user: User, now: float) -> None:
    """Delete what is kept of `user`, on every account they are linked to."""
    begun = await store.open_jobs(user.person)
    for job in reversed(begun):  # the newest first, so that none of them begins meanwhile
        await line.cancel(job)
    await store.forget(user.person, now)
    await store.accounts.forget(user)
    for job in begun:
        line.show_forgotten(job)
    await empty_trash(store, images)
