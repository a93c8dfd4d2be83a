"""How a picture is sampled: its noise levels, its number of steps and which steps reuse another's work.

Knows prompts' complexity and lists of sigmas. Knows no tensor. What of it is worth using is measured by
`python -m lab.bench --verdicts`; the default is the model's own schedule with nothing reused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from engine.sampling.complexity import complexity
from engine.types import FAST_STEPS, EngineError

ScheduleName = Literal["static", "dynamic"]
Reuse = Literal["off", "balanced", "fast"]
FEWEST_STEPS, MOST_STEPS = FAST_STEPS
PLAIN_AFTER_TWO = 0.3
"""Sigma after two steps of a prompt that asks for one thing: 70 % of the noise is gone."""
LATENESS = 0.5
"""The share of what the static schedule sheds in two steps that the most complex prompt sheds."""
STRENGTH = {"balanced": 1.0, "fast": 0.9}
"""What reused residuals are multiplied by."""


@dataclass(frozen=True, slots=True)
class Method:
    """Switches of the sampler.

    `schedule`: the model's own sigmas, or bent by the prompt's complexity. `reuse`: the residual of the
    middle blocks of two steps before, times `strength`, stands for those blocks in every fourth step
    (balanced) or every second one (fast), from the fourth on. A step that reuses computes no residual of its
    own; what it added is its residual. So steps 4, 6 and 8 of fast add that of step 2 times 0.9, 0.81 and
    0.73.
    """

    schedule: ScheduleName = "static"
    reuse: Reuse = "off"

    @classmethod
    def of(cls, schedule: str, reuse: str) -> "Method":
        """Return the method of two settings; raises `EngineError("bad_input")` for an unknown one."""
        return cls(_known("schedule", schedule, ScheduleName), _known("reuse", reuse, Reuse))

    def sigmas(self, prompt: str, static: list[float]) -> list[float]:
        """Return the noise levels to use instead of the model's own `static` ones."""
        return bent(static, complexity(prompt)) if self.schedule == "dynamic" else static

    def reusing(self, steps: int) -> frozenset[int]:
        """Return the steps, counted from 0, whose middle blocks are not computed."""
        every = {"off": 0, "balanced": 4, "fast": 2}[self.reuse]
        return frozenset(range(3, steps, every)) if every else frozenset()

    @property
    def strength(self) -> float:
        """What reused residuals are multiplied by."""
        return STRENGTH.get(self.reuse, 1.0)


def count(prompt: str, asked: int, fast: bool) -> int:
    """Return how many steps to make: those asked for, and if `fast` no more than the prompt calls for."""
    return min(asked, automatic_steps(complexity(prompt))) if fast else asked


def automatic_steps(score: float) -> int:
    """Return 4 steps for a complexity of 0 up to 8 for 1."""
    return round(FEWEST_STEPS + score * (MOST_STEPS - FEWEST_STEPS))


def bent(sigmas: Sequence[float], score: float) -> list[float]:
    """Shift a schedule so that its noise falls early for a complexity of 0 and late for 1.

    The sigma after two steps goes from `PLAIN_AFTER_TWO` to beyond the static one; the others follow by the
    same shift k·s / (1 + (k - 1)·s), so that ends and order stay. Two steps or fewer stay as they are.
    """
    if len(sigmas) < 4:
        return list(sigmas)
    static = sigmas[2]
    late = 1 - LATENESS * (1 - static)
    wanted = PLAIN_AFTER_TWO + score * (late - PLAIN_AFTER_TWO)
    k = wanted * (1 - static) / (static * (1 - wanted))
    return [k * sigma / (1 + (k - 1) * sigma) for sigma in sigmas]


def _known(name: str, value: str, kind: Any) -> Any:
    if value not in get_args(kind):
        raise EngineError("bad_input", f"{name} {value!r} is not known; use {', '.join(get_args(kind))}")
    return value
