"""Many trials, a few at a time, and the table of what came of them."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterable
from typing import get_args

from tests.crash.people import Fate
from tests.crash.trial import KINDS, Trial, trial

FATES: tuple[str, ...] = get_args(Fate)


async def run(seeds: Iterable[int], long: bool) -> list[Trial]:
    """Play these seeds, as many at a time as there are processors."""
    room = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(seed: int) -> Trial:
        async with room:
            return await trial(seed, long)

    return await asyncio.gather(*map(one, seeds))


def table(trials: Iterable[Trial]) -> str:
    """Return a Markdown table with a row for each kind and one for all."""
    trials = list(trials)
    heads = ("kind", "seeds", "skipped", "accepted", *FATES, "leftovers")
    rows = [_row(kind, [trial for trial in trials if trial.kind == kind]) for kind in KINDS]
    lines = [heads, ("---",) + ("--:",) * (len(heads) - 1), *rows, _row("all", trials)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _row(name: str, trials: list[Trial]) -> tuple[object, ...]:
    fates = Counter(ask.fate for trial in trials for ask in trial.asks)
    counts = [fates[fate] for fate in FATES]
    skipped, left = (
        sum(bool(trial.skipped) for trial in trials),
        sum(len(trial.leftovers) for trial in trials),
    )
    return name, len(trials), skipped, sum(counts) - fates["refused"], *counts, left
