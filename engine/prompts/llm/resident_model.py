"""A chat model beside the model that draws: loaded at first use, away while a picture needs the memory.

Knows devices, threads and idle time. Knows neither what the model says nor how its residency was decided.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import torch
from torch import nn

from engine import guards
from engine.memory import allocator
from engine.memory.residency import Residency
from engine.pulse import PULSE
from engine.types import EngineError

IDLE = 300.0
"""Seconds without a wish after which the model is given up; the next wish reads it again."""
TURN = 0.05
"""Seconds of one turn in which nothing is done but reading the model."""

log = logging.getLogger(__name__)


class ResidentModel:
    """Holds what `read` returns, on `device`, while it is used and its `residency` allows.

    Called from one thread; reading and the end of idle time happen in others.
    """

    def __init__(
        self,
        read: Callable[[], nn.Module],
        device: torch.device,
        residency: Residency,
        *,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer,
    ) -> None:
        self._read = read
        self._device = device
        self._stays = residency.stays
        self._kept = residency.kept
        self._clock = clock
        self._later = later
        self._lock = threading.Lock()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="chat-model")
        self._reading: Future[nn.Module] | None = None
        self._model: nn.Module | None = None
        self._inside = False
        self._drawing = False
        self._used = 0.0
        self._timer: threading.Timer | None = None

    @property
    def model(self) -> nn.Module:
        """The model, just after `ready` said yes."""
        assert self._model is not None
        return self._model

    def ready(self) -> bool:
        """Bring the model in, as far as one turn goes; False where it is not in yet, or pictures are.

        Raises what reading it raises, and `EngineError("out_of_memory")`.
        """
        with self._lock:
            if self._drawing and not self._stays:
                self._drawing = False
                return False
            self._used = self._clock()
            self._watch(IDLE)
            if self._model is None and not self._arrived():
                return False
            if not self._inside:
                self._enter()
            return True

    def release_memory(self, out_of_memory: bool = False) -> bool:
        """Leave before a picture computes, unless the model may stay; say whether it left.

        `out_of_memory` means that memory ran out: from then on it leaves every time.
        """
        with self._lock:
            self._drawing = True
            self._stays = self._stays and not out_of_memory
            if self._stays or not self._inside:
                return False
            self._leave()
            return True

    def _enter(self) -> None:
        try:
            with guards.oom_as("there is no memory for the chat model"):
                self.model.to(self._device)
        except EngineError:
            self._leave()
            raise
        self._inside = True

    def _leave(self) -> None:
        self._model = self.model.to("cpu") if self._kept else None
        self._inside = False

    def _arrived(self) -> bool:
        if self._reading is None:
            self._reading = self._reader.submit(PULSE.during("reading the chat model")(self._read))
        wait([self._reading], TURN)
        if not self._reading.done():
            return False
        reading, self._reading = self._reading, None
        self._model, self._inside = reading.result(), True
        return True

    def _watch(self, seconds: float) -> None:
        """See after some time whether the model is still used."""
        if self._timer is None:
            self._timer = self._later(seconds, self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self) -> None:
        with self._lock:
            self._timer = None
            left = self._used + IDLE - self._clock()
            if left > 0:
                self._watch(left)
                return
            self._model, self._inside = None, False
        allocator.give_back(self._device)
        log.info("the chat model was not used for %.0f s and is given up", IDLE)
