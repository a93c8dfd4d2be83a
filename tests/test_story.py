"""The main story as docs/architecture.md tells it is the one that a real bot plays."""

import queue
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from engine.models import registry
from engine.runtime.messages import RunTask, TaskEvent
from engine.runtime.process import ProcessEngine
from engine.runtime.worker import Worker
from engine.types import EngineSettings, Generate, Picture, image_tokens
from tests.adapters.telegram.harness import telegram_harness
from tests.adapters.telegram.server import telegram

ROOT = Path(__file__).parents[1]
FEWEST, MOST = 30, 39
"""Files that the story passes: enough to be the whole of it, few enough to be read."""

pytestmark = [pytest.mark.torch, pytest.mark.slow]

Step = tuple[str, str]


def told() -> list[Step]:
    """Return the files and functions of the story."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    story = text.partition("## The life of a request")[2].partition("\n## ")[0]
    return re.findall(r"`((?:adapters|bot|engine)/[\w/]+\.py)`\s+`([\w.]+)`", story)


@contextmanager
def noting(passed: set[Step]) -> Iterator[None]:
    """Note each function of the program that is called."""

    def note(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(str(ROOT)):
            passed.add((Path(file).relative_to(ROOT).as_posix(), frame.f_code.co_qualname))

    set_everywhere(note)
    try:
        yield
    finally:
        set_everywhere(None)


def set_everywhere(profile: Callable[[FrameType, str, Any], None] | None) -> None:
    sys.setprofile(profile)
    threading.setprofile(profile)


def draw(task: Generate) -> None:
    """Let a worker draw as the engine's process does."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    reports: list[Any] = []
    worker = Worker(registry.load(EngineSettings()), inbox, reports.append)
    inbox.put(RunTask(1, task))
    while not any(isinstance(each, TaskEvent) and isinstance(each.event, Picture) for each in reports):
        worker.turn()


async def test_a_message_passes_the_functions_that_are_told_of(tmp_path: Path) -> None:
    passed: set[Step] = set()
    engine = ProcessEngine(EngineSettings(), image_tokens(256, 256))
    engine.start()
    try:
        with noting(passed):  # also in the threads of the database, which begin with it
            async with telegram() as server, telegram_harness(server, tmp_path, engine=engine) as here:
                assert (await here.said("a red boat at night --size 64x64 --steps 2"))["photo"]
    finally:
        await engine.close()
    with noting(passed):
        draw(Generate("a red boat", width=64, height=64, steps=2, seed=5, optimize=True, enhance=True))
    assert [step for step in told() if step not in passed] == []


def test_the_story_can_be_read_at_one_sitting() -> None:
    assert FEWEST <= len({file for file, _ in told()}) <= MOST
