"""Pictures people attach: fetched and decoded only for an ask within limits, and kept while a job needs them.

Knows the order of these steps; who may ask and what a picture is, is judged elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from bot.requests import edits
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Fetch, Request

Size = tuple[int, int]
Judge = Callable[[Request, Size | None], Awaitable[None]]
"""Raises `Refused` for a request beyond limits, its picture being of that size; None: not known yet."""

UNUSED = 3600.0
"""Seconds after which a kept picture that no job holds is nobody's: no ask is under way for so long."""


class Attached:
    """Takes attached pictures in, one after another: 40 megapixels take hundreds of megabytes to decode."""

    def __init__(self, store: JobStore, images: PictureFolder, longest: int) -> None:
        self._store = store
        self._images = images
        self._longest = longest
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def taken(
        self, request: Request, fetch: Fetch, judge: Judge
    ) -> AsyncIterator[tuple[Request, Size]]:
        """Yield the request with its picture kept, and that one's size; what fails inside leaves no file.

        Raises `Refused` as `judge` and `PictureFolder.keep` do.
        """
        await judge(request, None)
        data = await fetch()
        async with self._turn:
            size = await self._images.measure(data)
            await judge(request, size)
            within = None if request.kind == "upscale" else self._longest
            name = await self._images.keep(data, within, is_masked=bool(edits.mask(request.params.edit)))
            try:
                yield replace(request, image=name), size
            except BaseException:
                await self._drop([name])
                raise

    async def sweep(self, now: float) -> None:
        """Remove the pictures that no job holds: their asks came to nothing, or died with the bot."""
        async with self._turn:
            await self._drop(await self._images.old_inputs(now - UNUSED))

    async def _drop(self, names: list[str]) -> None:
        await self._images.delete_inputs(await self._store.unused_inputs(names))
