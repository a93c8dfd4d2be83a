"""The state of one picture while a diffusers pipeline draws it. Computes nothing."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from engine.models.diffusers.run import Run
from engine.types import Generate, PromptReady, image_tokens


@dataclass(eq=False)
class Drawing:
    """A picture between its first noise and its last step.

    `run` is the call that draws it, None before its first step; `broken` says why its numbers cannot be used.
    `predictions` are the latest finite ones, by denoiser and call within a step; `skipped` counts those that
    had to stand for a later one; `actions` say what the guards did.
    """

    task: Generate
    ready: PromptReady
    steps: int
    step: int = 0
    run: Run | None = None
    broken: str | None = None
    skipped: int = 0
    predictions: dict[tuple[str, int], Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Image tokens it occupies."""
        return image_tokens(self.task.width, self.task.height)

    @property
    def batch_key(self) -> Hashable:
        """Itself: nothing shares a forward with it."""
        return id(self)

    def report(self) -> dict[str, Any]:
        """Return what this drawing adds to `Picture.report`."""
        seconds = {stage: round(seconds, 4) for stage, seconds in self.seconds.items()}
        return {
            "seconds": seconds,
            "steps": self.steps,
            "scheduled_steps": self.task.steps,
            "guards": list(self.actions),
        }
