"""The engine's child process: load the model, run the worker, end when the parent is gone."""

import ctypes
import faulthandler
import importlib
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from engine.pipeline import Pipeline
from engine.pulse import PULSE
from engine.runtime.messages import Alive, Ask, Logged, Order, Report
from engine.types import EngineSettings

PR_SET_PDEATHSIG = 1
GRACE = 5.0
"""Seconds the child may take to end by itself once the order pipe is closed."""


def main(
    settings: EngineSettings,
    orders: "Connection[None, Order]",
    reports: "Connection[Report, None]",
    log_level: int,
) -> None:
    """Be the child: load the model, then work until the parent closes the order pipe or is gone."""
    # Terminals and service managers signal the whole group; when the child ends is the parent's decision.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _end_with_parent()
    # What brings torch along takes seconds, in which the parent may go, too.
    from engine.models import classifier
    from engine.runtime.worker import Worker, failed

    faulthandler.enable()
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    send = _sending(reports)
    logging.basicConfig(level=log_level, handlers=[_ToParent(send)])
    threading.Thread(target=_receive, args=(orders, inbox, send), name="orders", daemon=True).start()
    with suppress(BrokenPipeError):
        try:
            with PULSE.during("loading the model"):
                pipeline = _load(settings)
                score = classifier.load(settings.classifier) if settings.classifier else None
        except Exception as error:  # noqa: BLE001 - a model that cannot be loaded is an answer too
            send(failed(error))
            return
        Worker(pipeline, inbox, send, score).run()
        # All is sent. A normal exit would wait for threads whose results nobody needs.
        logging.shutdown()
        os._exit(0)


class _ToParent(logging.Handler):
    """Reports what is logged, so that the parent writes it in its format and without its secrets."""

    def __init__(self, send: Callable[[Report], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record, its message and traceback as text."""
        kept = ("name", "levelno", "levelname", "created", "msecs")
        attributes = {name: getattr(record, name) for name in kept}
        if record.exc_info:
            attributes["exc_text"] = logging.Formatter().formatException(record.exc_info)
        with suppress(OSError):  # nobody is left who would read it
            self._send(Logged({**attributes, "msg": record.getMessage()}))


def _end_with_parent() -> None:
    """Have Linux end this process with its parent's, even while it stands still in a driver."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _sending(reports: "Connection[Report, None]") -> Callable[[Report], None]:
    """Return what sends a report, from any thread."""
    lock = threading.Lock()

    def send(report: Report) -> None:
        with lock:
            reports.send(report)

    return send


def _load(settings: EngineSettings) -> Pipeline[Any]:
    from engine.memory.probe import prepare_environment

    prepare_environment(settings.compiled)
    module, _, function = settings.loader.partition(":")
    load: Callable[[EngineSettings], Pipeline[Any]] = getattr(importlib.import_module(module), function)
    return load(settings)


def _receive(
    orders: "Connection[None, Order]", inbox: "queue.SimpleQueue[Any]", send: Callable[[Report], None]
) -> None:
    """Pass orders on until the pipe ends, and then see to it that the process ends too.

    A thread of its own, so that a parent never waits for a step, and an orphan never for a model to load.
    """
    with suppress(EOFError, OSError):
        while True:
            order = orders.recv()
            if isinstance(order, Ask):
                send(Alive(PULSE.doing()))
            else:
                inbox.put(order)
    inbox.put(None)
    time.sleep(GRACE)
    os._exit(1)
