"""An experiment: noise levels bent by the prompt's complexity, early for one thing and late for a scene.

It lost to the model's own schedule at equal cost; docs/benchmarks.md has the figures.
"""

from collections.abc import Sequence

PLAIN_AFTER_TWO = 0.3
"""Sigma after two steps of a prompt that asks for one thing: 70 % of the noise is gone."""
LATENESS = 0.5
"""The share of what the static schedule sheds in two steps that the most complex prompt sheds."""


def bent(sigmas: Sequence[float], score: float) -> list[float]:
    """Shift a schedule so that its noise falls early for a complexity of 0 and late for 1.

    The sigma after two steps goes from `PLAIN_AFTER_TWO` to beyond the static one; the others follow by the
    same shift k·s / (1 + (k - 1)·s), so that ends and order stay. Two steps or fewer stay as they are.
    """
    if len(sigmas) < 4:
        return list(sigmas)
    static = sigmas[2]
    late = 1 - LATENESS * (1 - static)
    target = PLAIN_AFTER_TWO + score * (late - PLAIN_AFTER_TWO)
    k = target * (1 - static) / (static * (1 - target))
    return [k * sigma / (1 + (k - 1) * sigma) for sigma in sigmas]
