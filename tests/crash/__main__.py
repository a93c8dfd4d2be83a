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

from tests.crash.faults import KINDS
from tests.crash.people import Fate
from tests.crash.trial import Trial, trial

HEADS = ("kind", "seeds", "asks", *get_args(Fate), "leftovers")


async def run(seeds: Iterable[int], long: bool, at_once: int, real: bool = False) -> list[Trial]:
    """Play these seeds, so many at a time."""
    room = asyncio.Semaphore(at_once)

    async def one(seed: int) -> Trial:
        async with room:
            played = await trial(seed, long, real)
        sys.stderr.writelines(f"{line}\n" for line in played.wrong() or [f"seed {seed}: fine"])
        return played

    return await asyncio.gather(*map(one, seeds))


def table(trials: Sequence[Trial]) -> str:
    """Return a Markdown table with a row for each kind and one for all; a seed has several kinds."""
    rows = [_row(kind, [trial for trial in trials if kind in trial.kinds]) for kind in KINDS]
    lines = [HEADS, ("---",) + ("--:",) * (len(HEADS) - 1), *rows, _row("all", trials)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _row(name: str, trials: Sequence[Trial]) -> tuple[object, ...]:
    fates = Counter(ask.fate for trial in trials for ask in trial.asks)
    left = sum(len(trial.leftovers) + len(trial.notes) for trial in trials)
    return name, len(trials), fates.total(), *(fates[fate] for fate in get_args(Fate)), left


def main() -> None:
    """Play what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=range(200), help="which; 0 to 199 by default")
    parser.add_argument("--short", action="store_true", help="as in the test suite: two faults of a second")
    parser.add_argument("--real", action="store_true", help="with the embedded model, not one that sleeps")
    parser.add_argument(
        "--at-once", type=int, default=2 * (os.cpu_count() or 1), help="so many seeds at a time"
    )
    parser.add_argument("--logs", type=Path, help="a folder for what the programs of bad seeds logged")
    said = parser.parse_args()
    # Either cancels what runs, so that nothing that was begun outlives this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it tells of bots killed in uploads
    trials = asyncio.run(run(said.seeds, not said.short, said.at_once, said.real))
    bad = [played for played in trials if played.wrong()]
    if said.logs:
        said.logs.mkdir(parents=True, exist_ok=True)
        for played in bad:
            (said.logs / f"{played.seed}.txt").write_text(played.log, "utf-8")
    sys.stdout.write(f"{table(trials)}\n")
    if bad:
        sys.stdout.write(f"again: python -m tests.crash {' '.join(str(played.seed) for played in bad)}\n")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
