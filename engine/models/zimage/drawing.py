"""The state of one picture while it is drawn."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from torch import Tensor

from engine.sampling.inpaint import Kept
from engine.sampling.reuse import Reuse
from engine.types import Generate, PromptReady, image_tokens


@dataclass(eq=False)
class Drawing:
    """A picture between its first noise and its last step.

    `task.steps` is how many steps the whole schedule has, chosen by the prompt for `fast` tasks. `latents`
    and `estimate` (the final latents they are heading for) are `(16, h, w)` float32; `broken` says why its
    numbers are of no more use; `actions` say what the guards did, `skipped` the steps of them that were made
    without a prediction; `kept` is what stays where only a part is drawn.
    """

    task: Generate
    ready: PromptReady
    latents: Tensor
    estimate: Tensor
    sigmas: list[float]
    caption: Tensor
    negative: Tensor | None
    guided: int
    broken: str | None
    kept: Kept | None = None
    reuse: Reuse = field(default_factory=Reuse)
    step: int = 0
    forwards: int = 0
    skipped: int = 0
    actions: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Steps this drawing makes; image-to-image makes fewer than the task has."""
        return len(self.sigmas) - 1

    @property
    def tokens(self) -> int:
        """Image tokens it occupies."""
        return image_tokens(self.task.width, self.task.height)

    @property
    def is_guided(self) -> bool:
        """Whether guidance acts on the next step."""
        return self.step < self.guided

    @property
    def reuses(self) -> bool:
        """Whether the next step reuses a residual; a guided step computes everything."""
        return self.reuse.is_due(self.step) and not self.is_guided

    @property
    def batch_key(self) -> Hashable:
        """What the next forward depends on: size, padded caption lengths, guidance, reuse, LoRA files."""
        negative = len(self.negative) if self.negative is not None and self.is_guided else 0
        shapes = (*self.latents.shape, len(self.caption), negative)
        return (*shapes, self.reuses, self.reuse.keeps(self.step), self.task.loras)
