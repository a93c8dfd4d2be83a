"""Work that goes on when its caller is cancelled: a job once stored must enter the line."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

log = logging.getLogger(__name__)


class Shield:
    """Call it with a coroutine: it is finished whatever becomes of the caller."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what the work returns; raises what it raises."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_note)
            raise


def _note(task: asyncio.Task[Any]) -> None:
    """Log what nobody is left to be told."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("what was asked for by somebody who went away was not done: %r", error)
