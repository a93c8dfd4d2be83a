"""Which drawings make the next step together, and which of them show a preview. Pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic

from engine.pipeline import D, Drawing


@dataclass(slots=True)
class Work(Generic[D]):
    """A drawing for task `number`, of its picture's parts the one of this number.

    `turn` is when it last made a step; `run_alone` means a batch with it has failed.
    """

    number: int
    part: int
    drawing: D
    turn: int = 0
    run_alone: bool = False

    @property
    def key(self) -> tuple[int, int]:
        """The task's number and the part's."""
        return self.number, self.part


def together(works: Iterable[Work[D]], capacity: int) -> list[Work[D]]:
    """Return those that have waited longest for a step and may share a forward, up to the capacity."""
    batch: list[Work[D]] = []
    room = capacity
    for work in sorted((work for work in works if not done(work.drawing)), key=lambda work: work.turn):
        fits = not batch or (not work.run_alone and not batch[0].run_alone and work.drawing.tokens <= room)
        if fits and work.drawing.batch_key == (batch or [work])[0].drawing.batch_key:
            batch.append(work)
            room -= work.drawing.tokens
    return batch


def done(drawing: Drawing) -> bool:
    """Say whether a drawing has made all its steps."""
    return drawing.step >= drawing.steps


def shows(drawing: Drawing) -> bool:
    """Say whether a preview is due: every second step at most, four a picture at most, none at the end."""
    every = max(2, -(-drawing.steps // 5))
    return drawing.step % every == 0 and not done(drawing)
