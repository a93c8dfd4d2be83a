"""The worker on a test's own thread, told what to do and asked what it did."""

import queue
from collections import deque

from engine.pipeline import Score
from engine.runtime.messages import Failed, Order, Report, RunTask, TaskEvent
from engine.runtime.worker import Worker
from engine.types import Generate, Picture
from tests.engine.scripted import CAPACITY, ScriptedPipeline


class Bench:
    """A worker on the test's own thread, with a pipeline that answers `go` unless told otherwise."""

    def __init__(self, capacity: int = CAPACITY, score: Score | None = None) -> None:
        self.questions: list[str] = []
        self.answers: dict[str, deque[str]] = {}
        self.reports: list[Report] = []
        self.inbox: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self.pipeline = ScriptedPipeline(self._ask, capacity)
        self.worker = Worker(self.pipeline, self.inbox, self.reports.append, score)

    def draw(self, name: str, number: int, steps: int = 2, side: int = 128) -> None:
        self.inbox.put(RunTask(number, Generate(name, width=side, height=side, steps=steps)))

    def work(self) -> None:
        """Work until every order so far is done."""
        while self.worker.turn():
            if not self.worker.busy and self.inbox.empty():
                return

    def steps(self) -> list[str]:
        return [question.removeprefix("step ") for question in self.questions if question.startswith("step")]

    def events(self, number: int) -> list[object]:
        return [r.event for r in self.reports if isinstance(r, TaskEvent) and r.number == number]

    def failures(self) -> dict[int | None, str]:
        return {r.number: r.code for r in self.reports if isinstance(r, Failed)}

    def pictures(self) -> list[int]:
        """Numbers of the pictures that were done; two threads encode them, in either order."""
        return sorted(
            r.number for r in self.reports if isinstance(r, TaskEvent) and isinstance(r.event, Picture)
        )

    def _ask(self, question: str) -> str:
        self.questions.append(question)
        answers = next((a for start, a in self.answers.items() if question.startswith(start) and a), None)
        return answers.popleft() if answers else "go"
