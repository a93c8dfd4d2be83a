"""`python -m tests.crash --seeds 60`: the long form, a table, and exit status 1 if anything is wrong."""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.crash.table import run, table


def main() -> None:
    """Play the seeds and say what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--seeds", type=int, default=60, help="how many, ten of each kind by default")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--short", action="store_true", help="as in the test suite: faults of seconds")
    parser.add_argument("--logs", type=Path, help="a folder for what the bots of failed seeds logged")
    said = parser.parse_args()
    trials = asyncio.run(run(range(said.first, said.first + said.seeds), long=not said.short))
    lines = [table(trials)]
    bad = [trial for trial in trials if trial.wrong()]
    for trial in bad:
        lines += trial.wrong()
        if said.logs:
            said.logs.mkdir(parents=True, exist_ok=True)
            (said.logs / f"{trial.seed}-{trial.kind}.txt").write_text(trial.log, "utf-8")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(bool(bad))


main()
