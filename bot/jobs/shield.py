"""Work that goes on when its caller is cancelled: a job once stored must enter the line."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Shield:
    """Call it with a coroutine: it is finished whatever becomes of the caller."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what the work returns; raises what it raises."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)
