"""Files in both directions: the pictures people send, and the originals they fetch.

Knows Telegram's files and the core's pictures; knows no message text.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from telegram.constants import FileSizeLimit
from telegram.error import BadRequest, NetworkError
from telegram.ext import ExtBot

from adapters.telegram.address import Place
from adapters.telegram.api_calls import Post
from adapters.telegram.incoming import Picture
from bot.core import Core
from bot.types import Action, Refused, User

TRIES = 4
MEGABYTE = 10**6

log = logging.getLogger(__name__)


class Files:
    """Fetches and sends files through `bot`."""

    def __init__(
        self,
        core: Core,
        bot: "ExtBot[bool]",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._core = core
        self._bot = bot
        self._post = Post(bot)
        self._sleep = sleep

    async def fetch(self, picture: Picture | None) -> bytes:
        """Return a sent picture; raises `Refused`: needs-image, image-too-large, bad-image, internal."""
        if picture is None:
            raise Refused("needs-image")
        if (picture.file_size or 0) > FileSizeLimit.FILESIZE_DOWNLOAD:
            raise Refused("image-too-large", limit=f"{FileSizeLimit.FILESIZE_DOWNLOAD // MEGABYTE} MB")
        for attempt in range(1, TRIES + 1):
            try:
                file = await self._bot.get_file(picture.file_id)
                return bytes(await file.download_as_bytearray())
            except BadRequest:
                raise Refused("bad-image") from None
            except NetworkError:
                log.info("a picture was not fetched, try %d of %d", attempt, TRIES)
                await self._sleep(2.0 ** (attempt - 1))
        log.warning("a picture could not be fetched from Telegram")
        raise Refused("internal")

    async def originals(self, user: User, job_id: int) -> list[Path]:
        """Return the original PNGs of a job that the user may see; raises `Refused`."""
        job = await self._core.job_for_action(user, Action("info", job_id))
        if not job.pictures:
            raise Refused("not-finished", job=job_id)
        owner = job.request.user
        return [await self._core.picture(owner, job_id, made.index) for made in job.pictures]

    async def send(self, paths: Sequence[Path], place: Place) -> None:
        """Send pictures as documents, which keep every pixel and the metadata."""
        for path in paths:
            await self._post.document(place, await asyncio.to_thread(path.read_bytes), path.name)
