"""The engine's loop: takes tasks, draws them together step by step, reports what happens.

It drives any `Pipeline` and uses no tensor, device or process itself.
"""

import logging
import queue
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Generic

from engine.pipeline import D, Pipeline, Redraw, Score
from engine.pulse import PULSE
from engine.runtime.background import BackgroundJobs, InputReady, JobDone, fitted
from engine.runtime.batch import Work, done, shows, together
from engine.runtime.composite import CompositePicture
from engine.runtime.messages import CancelTask, Failed, Loaded, Report, RunTask, TaskEvent
from engine.types import (
    EngineError,
    Generate,
    Optimize,
    Picture,
    Progress,
    PromptReady,
    Task,
    Upscale,
    image_tokens,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Writing:
    """A task whose prompt is being written."""

    task: Generate | Optimize
    work: Generator[None, None, PromptReady]


class Worker(Generic[D]):
    """The loop around a pipeline: every turn obeys orders, begins what fits and makes one step of one batch.

    Prompts are written between steps, a few tokens of each a turn, and need no place. Pictures begin in the
    order in which theirs are ready, never overtaken by smaller ones; one larger than the capacity runs alone.
    Uploads are opened, files encoded and pictures upscaled in background threads; results go out when they
    are ready. With `score` every finished picture carries `report["scores"]`, or is not sent.
    """

    def __init__(
        self,
        pipeline: Pipeline[D],
        inbox: "queue.SimpleQueue[Any]",
        send: Callable[[Report], None],
        score: Score | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._score = score
        self._inbox = inbox
        self._send = send
        self._background = BackgroundJobs(inbox.put)
        self._waiting: dict[int, Generate | Optimize] = {}
        self._writing: dict[int, _Writing] = {}
        self._ready: dict[tuple[int, int], tuple[Generate, PromptReady]] = {}
        self._works: dict[tuple[int, int], Work[D]] = {}
        self._composites: dict[int, CompositePicture] = {}
        self._turn = 0
        self._reported = 0
        self._lost = False

    @property
    def busy(self) -> bool:
        """Whether any task is waiting or under way."""
        return self._occupied or self._background.busy

    @property
    def _occupied(self) -> bool:
        return bool(self._waiting or self._writing or self._ready or self._works)

    def run(self) -> None:
        """Work until the end of orders (None in the inbox), or until the device fails."""
        while self.turn():
            pass
        self._background.end()

    def turn(self) -> bool:
        """Do one turn, waiting for an order when there is nothing to do; False when it was the last."""
        if self._reported != self._pipeline.capacity:
            self._reported = self._pipeline.capacity
            self._send(Loaded(self._reported))
        if not self._obey():
            return False
        for stage in (self._write, self._admit, self._step, self._finish):
            if not self._lost:
                stage()
        return not self._lost

    def _obey(self) -> bool:
        idle = not self._occupied
        with suppress(queue.Empty):
            while True:
                order = self._inbox.get(block=idle)
                idle = False
                match order:
                    case None:
                        return False
                    case RunTask(number, task):
                        self._take(number, task)
                    case InputReady(number, task) if self._background.remove(number):
                        self._begin(number, task)
                    case JobDone(number, error):
                        self._background.remove(number)
                        if error is not None:
                            self._fail(number, error)
                    case CancelTask(number):
                        self._forget(number)
        return True

    def _take(self, number: int, task: Task) -> None:
        if isinstance(task, Upscale):
            self._in_background(number, lambda: self._upscaled(number, task))
        elif isinstance(task, Generate) and task.init_image is not None:
            self._in_background(number, lambda: fitted(task))
        else:
            self._waiting[number] = task

    def _begin(self, number: int, task: Generate | Redraw) -> None:
        """Go on with a task whose input is ready; the pieces of a redraw have their prompts already."""
        if isinstance(task, Generate):
            self._waiting[number] = task
            return
        self._composites[number] = CompositePicture(task)
        for part, piece in enumerate(task.pieces):
            self._ready[number, part] = piece, PromptReady(piece.prompt, piece.prompt)

    def _upscaled(self, number: int, task: Upscale) -> Picture | Redraw | None:
        """Upscale and report progress; None where nobody waits for it any more."""
        with closing(self._pipeline.upscale(task)) as events:
            for event in events:
                PULSE.beat()
                if not isinstance(event, Progress):
                    return event
                if not self._background.wants(number):
                    return None
                self._send(TaskEvent(number, event))
        raise AssertionError("an upscale ended without a picture")

    def _in_background(self, number: int, job: Callable[[], Picture | Generate | Redraw | None]) -> None:
        """Run a job in a thread; it returns the result, the task to go on with, or None if nobody waits.

        Errors go back to the loop, which alone changes what is under way.
        """

        def run() -> InputReady | JobDone:
            try:
                with PULSE.during("working on a picture's file"):
                    result = job()
                    if isinstance(result, Picture) and self._score is not None:
                        result = replace(result, report={**result.report, "scores": self._score(result.png)})
            except Exception as error:  # noqa: BLE001 - the worker step boundary
                return JobDone(number, error)
            if isinstance(result, Generate | Redraw):
                return InputReady(number, result)
            if result is not None:
                self._send(TaskEvent(number, result, last=True))
            return JobDone(number)

        self._background.begin(number, run)

    def _write(self) -> None:
        """Begin every prompt that waits, and continue each until it yields."""
        for number, task in self._waiting.items():
            with self._answering(number):
                self._writing[number] = _Writing(task, self._pipeline.prompt(task))
        self._waiting.clear()
        for number, writing in list(self._writing.items()):
            with self._answering(number):
                try:
                    with PULSE.during("writing a prompt"):
                        next(writing.work)
                    continue
                except StopIteration as done:
                    self._send(TaskEvent(number, done.value, last=isinstance(writing.task, Optimize)))
                    if isinstance(writing.task, Generate):
                        self._ready[number, 0] = writing.task, done.value
            del self._writing[number]

    def _admit(self) -> None:
        while self._ready:
            (number, part), (task, ready) = next(iter(self._ready.items()))
            if not self._fits(image_tokens(task.width, task.height)):
                return
            del self._ready[number, part]
            with self._answering(number):
                with PULSE.during(f"beginning a picture of {task.width}×{task.height}"):
                    drawing = self._pipeline.start(task, ready)
                self._works[number, part] = Work(number, part, drawing, self._turn)

    def _fits(self, tokens: int) -> bool:
        occupied = sum(work.drawing.tokens for work in self._works.values())
        return not self._works or occupied + tokens <= self._pipeline.capacity

    def _step(self) -> None:
        self._turn += 1
        for work in self._advance(together(self._works.values(), self._pipeline.capacity)):
            work.turn = self._turn
            if work.key in self._works:
                with self._answering(work.number):
                    self._send(TaskEvent(work.number, self._progress(work)))

    def _progress(self, work: Work[D]) -> Progress:
        drawing = work.drawing
        if work.number in self._composites:
            return self._composites[work.number].stepped()
        with PULSE.during("making a preview"):
            preview = self._pipeline.preview(drawing) if shows(drawing) else None
        return Progress(drawing.step, drawing.steps, preview)

    def _advance(self, batch: list[Work[D]]) -> list[Work[D]]:
        """Make one step and return the works that made it; a failed batch is repeated one by one."""
        if not batch:
            return []
        tokens = sum(work.drawing.tokens for work in batch)
        try:
            with PULSE.during(f"making a step of {tokens} image tokens"):
                self._pipeline.step([work.drawing for work in batch])
        except Exception as error:  # noqa: BLE001 - the worker step boundary
            if len(batch) == 1 or self._is_lost(error):
                self._fail(batch[0].number, error)
                return []
            log.warning("a batch of %d failed and goes on one by one: %r", len(batch), error)
            for work in batch:
                work.run_alone = True
            return [
                advanced for work in batch if work.key in self._works for advanced in self._advance([work])
            ]
        return batch

    def _finish(self) -> None:
        for work in [work for work in self._works.values() if done(work.drawing)]:
            if work.key in self._works:
                with self._answering(work.number):
                    with PULSE.during(f"decoding a picture of {work.drawing.tokens} image tokens"):
                        encode = self._pipeline.finish(work.drawing)
                    del self._works[work.key]
                    composite = self._composites.get(work.number)
                    whole = composite.finished(work.part, encode) if composite else encode
                    if whole is not None:
                        self._composites.pop(work.number, None)
                        self._in_background(work.number, whole)

    @contextmanager
    def _answering(self, number: int) -> Iterator[None]:
        """Report an error inside the block as the result of task `number`; the others go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the worker step boundary
            self._fail(number, error)

    def _forget(self, number: int) -> None:
        """Remove a cancelled task from wherever it is."""
        self._waiting.pop(number, None)
        self._undraw(number)
        self._background.remove(number)
        if number in self._writing:
            self._writing.pop(number).work.close()

    def _undraw(self, number: int) -> None:
        """Give up every part of a task's picture."""
        self._composites.pop(number, None)
        self._ready = {key: pending for key, pending in self._ready.items() if key[0] != number}
        self._works = {key: work for key, work in self._works.items() if key[0] != number}

    def _fail(self, number: int, error: Exception) -> None:
        if self._is_lost(error):
            self._give_up(error)
            return
        self._undraw(number)
        self._send(failed(error, number))

    def _is_lost(self, error: Exception) -> bool:
        return not isinstance(error, EngineError) and self._pipeline.lost(error)

    def _give_up(self, error: Exception) -> None:
        """End the loop, because nothing works on the device any more; all tasks are lost, none has failed."""
        if not self._lost:
            self._lost = True
            log.error("the device failed and the engine ends", exc_info=error)
            self._send(Failed("lost", f"the device failed: {str(error).partition(chr(10))[0]}"))


def failed(error: Exception, number: int | None = None) -> Failed:
    """Return the report of an error: the engine's own by its code, any other as a bug, which is logged."""
    if isinstance(error, EngineError):
        return Failed(error.code, str(error), number)
    log.error("unexpected error in the engine", exc_info=error)
    return Failed("internal", f"{type(error).__name__}: {str(error)[:200]}", number)
