"""Each worker of `pytest -n`, and what it starts, computes on its share of the cores; each test logs anew.

Tests of any input try the same inputs each time; `make fuzz` tries others.
"""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

with suppress(ImportError):  # where only some tests run
    from hypothesis import settings

    settings.register_profile("repeatable", derandomize=True)
    if not any(name.startswith("FUZZ_") for name in os.environ):
        settings.load_profile("repeatable")
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    share = max(1, len(os.sched_getaffinity(0)) // int(workers)) if hasattr(os, "sched_getaffinity") else 1
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(share)


@pytest.fixture(autouse=True)
def _nothing_stays_redacted() -> Iterator[None]:
    """Take back what a command in this process did to the log: pytest's handlers outlive a test."""
    hooks = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = hooks
    if (redact := sys.modules.get("bot.setup.redact")) is None:
        return
    for handler in filter(None, (*logging.root.handlers, logging.lastResort)):
        for given in [each for each in handler.filters if isinstance(each, redact.RedactingFilter)]:
            handler.removeFilter(given)
        if isinstance(handler.formatter, redact.RedactingFormatter):
            handler.setFormatter(handler.formatter.inner)
