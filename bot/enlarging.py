"""What is said behind `/upscale`: which job, which of its pictures, and whether to redraw it.

Knows words; looks up no job.
"""

import re
from dataclasses import dataclass

from bot.params import REDRAW
from bot.types import Action, Refused

WORDS = (REDRAW, "重绘", "重繪")

_NUMBER = re.compile(r"[0-9]{1,18}")
_WORD = re.compile("|".join(WORDS), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Enlarging:
    """`job` is None where none is named; `index` counts pictures from 0."""

    job: int | None
    index: int
    redraw: bool

    def action(self, answered: int | None = None) -> Action:
        """Return the button this stands for, under the job `answered` where none is named.

        Raises `Refused` (`needs-image`) where there is no job at all.
        """
        job = self.job if self.job is not None else answered
        if job is None:
            raise Refused("needs-image")
        return Action("upscale", job, self.index, REDRAW if self.redraw else "")


def read(rest: str) -> Enlarging:
    """Read `17 2 redraw`: job 17, its second picture, redrawn."""
    numbers = [int(number) for number in _NUMBER.findall(rest)]
    index = max(0, numbers[1] - 1) if len(numbers) > 1 else 0
    return Enlarging(numbers[0] if numbers else None, index, _WORD.search(rest) is not None)
