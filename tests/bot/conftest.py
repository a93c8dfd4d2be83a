"""Commands of the command line, run in this process."""

import logging
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

import pytest

from bot import __main__


class Done(NamedTuple):
    """How a command ended."""

    status: object
    out: str
    err: str


Bot = Callable[..., Done]


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bot:
    """Run commands in this process; its log and its hooks for uncaught errors are put back afterwards."""
    monkeypatch.setattr(logging.root, "handlers", [])
    for logger in (logging.root, logging.getLogger("httpx"), logging.getLogger("telegram.request")):
        monkeypatch.setattr(logger, "level", logger.level)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def command(*words: str, **environment: str) -> Done:
        for name, value in environment.items():
            monkeypatch.setenv(f"ZIMAGE_BOT_{name}", value)
        with pytest.raises(SystemExit) as ended:
            __main__.main(words)
        return Done(ended.value.code, *capfd.readouterr())

    return command
