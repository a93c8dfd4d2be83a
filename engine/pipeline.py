"""What the worker needs of a loaded model: a pipeline, and drawings under way. Standard library only."""

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine.types import Generate, Optimize, Picture, Progress, PromptReady, Upscale


class Drawing(Protocol):
    """A picture between its first noise and its last step."""

    @property
    def step(self) -> int:
        """Steps done."""

    @property
    def steps(self) -> int:
        """Steps this drawing makes; image-to-image makes fewer than the task has."""

    @property
    def tokens(self) -> int:
        """Image tokens it occupies."""

    @property
    def batch_key(self) -> Hashable:
        """Drawings with equal keys may share a forward; may change from step to step."""


D = TypeVar("D", bound=Drawing)


Join = Callable[[Sequence[Picture]], Picture]
"""Makes one picture of several."""
Score = Callable[[bytes], dict[str, float]]
"""Label to score in [0, 1] of an encoded picture."""


@dataclass(frozen=True, slots=True)
class Redraw:
    """An upscaled picture to be drawn over: `pieces` are drawn like any task, with their prompts as they are.

    `done` of the `steps` that all of it takes are behind it. `join` makes the result of the pieces' pictures,
    given in their order, in another thread.
    """

    pieces: tuple[Generate, ...]
    done: int
    steps: int
    join: Join


class Pipeline(Protocol[D]):
    """A loaded model. Any method may raise `EngineError`, which becomes the answer to that task."""

    @property
    def capacity(self) -> int:
        """Image tokens that fit one forward; may change when memory turns out scarce."""

    def prompt(self, task: Generate | Optimize) -> Generator[None, None, PromptReady]:
        """Optimize and enhance the prompt as the task asks, yielding where pictures may make a step."""

    def start(self, task: Generate, ready: PromptReady) -> D:
        """Encode the prompt and make the initial latents."""

    def step(self, drawings: Sequence[D]) -> None:
        """Advance each drawing by one step. All share a `batch_key`; when it raises, none has changed."""

    def preview(self, drawing: D) -> bytes | None:
        """Return a small JPEG made from the latents, or None if this model has no previews."""

    def finish(self, drawing: D) -> Callable[[], Picture]:
        """Decode and check the finished drawing; the function returned encodes it, in another thread."""

    def lost(self, error: Exception) -> bool:
        """Say whether `error` means that the device is of no more use to this process."""

    def upscale(self, task: Upscale) -> Generator[Progress | Picture | Redraw, None, None]:
        """Upscale an encoded image; last the picture, or what is to be drawn for it.

        Runs in another thread, closed when unwanted.
        """
