"""One call of a diffusers pipeline, made a step at a time.

The call runs in a thread of its own that stops at the end of every step until it is resumed. Only one of the
two threads is ever at work.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

log = logging.getLogger(__name__)

Pause = Callable[..., dict[str, Any]]
"""What a pipeline calls at the end of a step: (pipeline, step, timestep, tensors) → changed tensors."""
Inspect = Callable[[dict[str, Any], bool], dict[str, Any]]
"""Looks at a step's tensors: (tensors, whether the step is the last) → changed tensors."""


class Cancelled(Exception):
    """The call was cancelled."""


class Run:
    """`call` gets the callback to pause in; it begins at the first `advance`."""

    def __init__(self, call: Callable[[Pause], Any], inspect: Inspect) -> None:
        self.result: Any = None
        self.ended = False
        self.steps: int | None = None
        self._inspect = inspect
        self._go = threading.Semaphore(0)
        self._there = threading.Semaphore(0)
        self._unwanted = False
        self._relay = _Relay()
        self._thread = threading.Thread(target=self._work, args=(call,), name="pipeline", daemon=True)

    def advance(self) -> None:
        """Go on to the end of the next step, or to the end; raises what the call raised."""
        if self.ended:
            return
        if self._thread.ident is None:
            self._thread.start()
        self._go.release()
        self._there.acquire()
        if self._relay.error is not None:
            # Without the call's frames, which hold on to the very memory that may have run out.
            raise self._relay.error.with_traceback(None)

    def cancel(self) -> None:
        """End the call at the step it is in and wait until its thread is gone."""
        self._unwanted = True
        self._go.release()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self, call: Callable[[Pause], Any]) -> None:
        self._go.acquire()
        with suppress(Cancelled), self._relay:
            self.result = None if self._unwanted else call(self._pause)
        self.ended = True
        self._there.release()

    def _pause(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        self.steps = getattr(pipeline, "_num_timesteps", None)
        changed = self._inspect(tensors, step + 1 == self.steps)
        self._there.release()
        self._go.acquire()
        if self._unwanted:
            raise Cancelled
        return changed


class _Relay:
    """Keeps what is raised inside the block for the thread that waits for it."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, Cancelled):
            return False
        log.info("a pipeline's call failed", exc_info=error)
        self.error = error
        return True
