"""`python -m tests.crash` plays many seeds to the bot, prints a table, and fails if anything is wrong."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from tests.crash.people import Fate
from tests.crash.trial import KINDS, Trial, trial

HEADS = ("kind", "seeds", "skipped", "accepted", *get_args(Fate), "leftovers")


async def run(seeds: Iterable[int], long: bool) -> list[Trial]:
    """Play these seeds, as many at a time as there are processors."""
    room = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(seed: int) -> Trial:
        async with room:
            played = await trial(seed, long)
        sys.stderr.writelines(f"{line}\n" for line in played.wrong() or [f"seed {seed}: fine"])
        return played

    return await asyncio.gather(*map(one, seeds))


def table(trials: Sequence[Trial]) -> str:
    """Return a Markdown table with a row for each kind and one for all."""
    rows = [_row(kind, [trial for trial in trials if trial.kind == kind]) for kind in KINDS]
    lines = [HEADS, ("---",) + ("--:",) * (len(HEADS) - 1), *rows, _row("all", trials)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _row(name: str, trials: Sequence[Trial]) -> tuple[object, ...]:
    fates = Counter(ask.fate for trial in trials for ask in trial.asks)
    skipped, left = (
        sum(bool(trial.skipped) for trial in trials),
        sum(len(trial.leftovers) for trial in trials),
    )
    accepted = fates.total() - fates["refused"]
    return name, len(trials), skipped, accepted, *(fates[fate] for fate in get_args(Fate)), left


def main() -> None:
    """Play what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=range(60), help="which; 0 to 59 by default")
    parser.add_argument("--short", action="store_true", help="as in the test suite: faults of a few seconds")
    parser.add_argument("--logs", type=Path, help="a folder for what the bots of bad seeds logged")
    said = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)  # nothing that was begun outlives this
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it tells of bots killed in uploads
    trials = asyncio.run(run(said.seeds, long=not said.short))
    bad = [played for played in trials if played.wrong()]
    if said.logs:
        said.logs.mkdir(parents=True, exist_ok=True)
        for played in bad:
            (said.logs / f"{played.seed}-{played.kind}.txt").write_text(played.log, "utf-8")
    sys.stdout.write(f"{table(trials)}\n")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
