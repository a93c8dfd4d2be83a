"""`python -m lab.load` lets a crowd ask a bot whose engine sleeps; it ends with 1 if anybody lost anything.

By the core, the page, Telegram and Discord at once, or with `--rows` by the core alone over a database that
has so many jobs of the last day already.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
from pathlib import Path

from lab.load import rows
from lab.load.bot_under_load import Measured, load

WAYS = ("core", "web", "telegram", "discord")
HEAD = (
    "jobs",
    "pictures",
    "jobs/s",
    "CPU ms a job",
    "commits a picture",
    "waits p50 s",
    "p95 s",
    "most turns",
    "MiB half-way",
    "at the end",
)


def cells(measured: Measured) -> list[str]:
    """Return a row of the table."""
    crowd, pictures = measured.crowd, max(1, len(measured.crowd.begun))
    waits = statistics.quantiles(crowd.waits, n=20)[9::9] if len(crowd.waits) > 1 else [0.0, 0.0]
    return [
        str(crowd.jobs),
        str(pictures),
        f"{crowd.jobs / measured.seconds:.1f}",
        f"{1000 * measured.cpu / crowd.jobs:.2f}",
        f"{measured.commits / pictures:.2f}",
        *(f"{wait:.2f}" for wait in waits),
        str(max(crowd.turns, default=0)),
        *(f"{size / 2**20:.0f}" for size in crowd.memory),
    ]


def main() -> None:
    """Measure, print a table, and say what was wrong."""
    parser = argparse.ArgumentParser(prog="lab.load", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--room", type=int, default=16, help="pictures the engine draws at once")
    parser.add_argument("--seconds", type=float, default=0.0, help="what a picture takes")
    parser.add_argument("--rows", type=int, nargs="+", help="jobs of the last day in the database before")
    said = parser.parse_args()
    wrong: list[str] = []
    gc.freeze()  # as the bot does
    print(" | ".join((*HEAD, *rows.SHOWN, "rows") if said.rows else HEAD))
    for count in said.rows or [0]:
        with tempfile.TemporaryDirectory() as folder:
            took: dict[str, float] = {}
            if said.rows:
                measured, took = asyncio.run(rows.measure(Path(folder), count, said.jobs, said.people))
            else:
                measured = asyncio.run(
                    load(Path(folder), said.jobs, said.people, said.ways, said.room, said.seconds)
                )
        more = [f"{took[name]:.1f}" for name in rows.SHOWN] + [str(count)] if took else []
        print(" | ".join((*cells(measured), *more)), flush=True)
        wrong += measured.crowd.wrong
    print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
