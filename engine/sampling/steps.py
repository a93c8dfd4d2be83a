"""How a picture is sampled: its number of steps, and which experiments change its schedule.

`python -m lab.bench --sampling-study` measures what is worth using; the default is the model's own schedule
with nothing reused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.sampling.complexity import complexity
from engine.sampling.dynamic_schedule import bent
from engine.sampling.reuse import EVERY, ReuseName
from engine.types import EXPERIMENTS, FAST_STEPS, EngineError

FEWEST_STEPS, MOST_STEPS = FAST_STEPS


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """`is_dynamic` bends the sigmas by the prompt's complexity; `reuse` names how blocks are reused."""

    is_dynamic: bool = False
    reuse: ReuseName | None = None

    @classmethod
    def of(cls, experimental: Sequence[str]) -> "SamplingOptions":
        """Return the options that `EngineSettings.experimental` names.

        Raises `EngineError("bad_input")` for an unknown experiment and for both ways to reuse at once.
        """
        for name in experimental:
            if name not in EXPERIMENTS:
                raise EngineError(
                    "bad_input", f"experiment {name!r} is not known; use {', '.join(EXPERIMENTS)}"
                )
        reuse = [name for name in EVERY if f"reuse-{name}" in experimental]
        if len(reuse) > 1:
            raise EngineError("bad_input", "reuse-balanced and reuse-fast exclude each other; use one")
        return cls("dynamic-schedule" in experimental, reuse[0] if reuse else None)

    def sigmas(self, prompt: str, static: list[float]) -> list[float]:
        """Return the noise levels to use instead of the model's own `static` ones."""
        return bent(static, complexity(prompt)) if self.is_dynamic else static


def steps_for(prompt: str, steps: int, fast: bool) -> int:
    """Return how many steps to make: `steps`, and if `fast` no more than the prompt calls for."""
    return min(steps, automatic_steps(complexity(prompt))) if fast else steps


def automatic_steps(score: float) -> int:
    """Return 4 steps for a complexity of 0 up to 8 for 1."""
    return round(FEWEST_STEPS + score * (MOST_STEPS - FEWEST_STEPS))
