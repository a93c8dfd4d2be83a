"""An experiment: some steps reuse what the middle blocks of an earlier step added, and compute fewer blocks.

In every fourth step (balanced) or every second one (fast), from the fourth on, the residual of the middle
blocks two steps before, times a strength, stands for those blocks. Such a step computes no residual of its
own; what it added is its residual, so steps 4, 6 and 8 of fast add that of step 2 times 0.9, 0.81 and 0.73.
It lost to taking fewer steps; docs/benchmarks.md has the figures.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

ReuseName = Literal["balanced", "fast"]
EVERY: dict[ReuseName, int] = {"balanced": 4, "fast": 2}
STRENGTH: dict[ReuseName, float] = {"balanced": 1.0, "fast": 0.9}
FIRST = 3


@dataclass(eq=False)
class Reuse:
    """The reuse of one picture: its steps, counted from 0, and the latest residual `(tokens, dim)`."""

    steps: frozenset[int] = frozenset()
    strength: float = 1.0
    residual: Tensor | None = None

    @classmethod
    def of(cls, name: ReuseName | None, steps: int) -> "Reuse":
        """Return which of `steps` reuse; none without a name."""
        return cls(frozenset(range(FIRST, steps, EVERY[name])), STRENGTH[name]) if name else cls()

    def is_due(self, step: int) -> bool:
        """Whether `step` reuses a residual that is there."""
        return step in self.steps and self.residual is not None

    def keeps(self, step: int) -> bool:
        """Whether the residual of `step` is used later."""
        return step + 2 in self.steps


def middle(blocks: int) -> tuple[int, int]:
    """Return the first of the middle half of so many blocks and the first after it."""
    return blocks // 4, blocks - blocks // 4
