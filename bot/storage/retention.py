"""What is old is removed: picture files, prompts, backups, and forgotten people's costs.

Knows ages, rows and files; favourites are left alone.
"""

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.policy.limits import DAY
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder

BACKUP_DAYS = 7
HOUR = 3600.0


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for which picture files and prompts are kept; 0 keeps them for ever."""

    picture_days: float = 0.0
    prompt_days: float = 0.0


async def sweep(store: JobStore, images: PictureFolder, kept: Retention, now: float) -> None:
    """Remove what is older than it is kept."""
    await store.forget_costs(now - DAY)
    store.drop_backups(now - BACKUP_DAYS * DAY)
    if kept.picture_days:
        before = now - kept.picture_days * DAY
        await store.expire(before)
        await images.sweep(before, await store.favourite_files())
    if kept.prompt_days:
        await store.erase_prompts(now - kept.prompt_days * DAY)
    await empty_trash(store, images)


async def empty_trash(store: JobStore, images: PictureFolder) -> None:
    """Remove the files that no job names any more; what a crash left over is removed by the next call."""
    while files := await store.trash():
        try:
            await images.delete(name for name, is_input in files if not is_input)
            await images.delete_inputs(name for name, is_input in files if is_input)
        except OSError as error:
            log.error("files that were deleted are still on the disk until a later sweep: %s", error)
            return
        await store.emptied(files)


async def hourly(work: Callable[[], Awaitable[None]], sleep: Callable[[float], Awaitable[None]]) -> None:
    """Sweep every hour until cancelled; whatever goes wrong with one sweep must not stop the bot."""
    while True:
        try:
            await work()
        except (sqlite3.OperationalError, OSError) as error:
            log.error("what is old could not be removed; the next try is in an hour: %s", error)
        except Exception:
            log.exception("what is old could not be removed; the next try is in an hour")
        await sleep(HOUR)
