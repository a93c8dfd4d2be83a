"""`python -m tests.fuzz` feeds each parser many inputs, guided by which lines they reach, and counts them.

Each parser is in a process of its own: the fuzzer, libFuzzer by way of atheris, ends its process.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ["adapters", "bot", "engine", "zipfile"]


def feed(name: str, runs: int) -> None:
    """Feed one parser so many inputs; raises what it raises, and does not return."""
    import atheris

    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=OURS):
        from tests.fuzz.parsers import parsers
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    parser = parsers(folder)[name]
    (folder / "corpus").mkdir()
    for number, sample in enumerate(parser.samples):
        (folder / "corpus" / str(number)).write_bytes(sample)

    def one(data: bytes) -> None:
        try:
            parser.run(data)
        except parser.refusals:
            return

    how = [f"-runs={runs}", "-max_len=20000", "-print_final_stats=1", "-rss_limit_mb=8192", "-timeout=60"]
    atheris.Setup([sys.argv[0], *how, f"-artifact_prefix={folder}{os.sep}", str(folder / "corpus")], one)
    atheris.Fuzz()


def fed(name: str, runs: int) -> tuple[int, str]:
    """Return how many inputs a parser was fed, and what went wrong, if anything did."""
    command = [sys.executable, "-m", "tests.fuzz", "--one", name, "--runs", str(runs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, errors="replace")
    said = done.stdout + done.stderr
    counted = re.search(r"number_of_executed_units: (\d+)", said)
    wrong = "" if not done.returncode else "\n".join(said.splitlines()[-40:])
    return int(counted[1]) if counted else 0, wrong


def main() -> None:
    """Feed what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", help="which parsers; all by default")
    parser.add_argument("--runs", type=int, default=100_000, help="inputs for each; 100,000 by default")
    parser.add_argument("--one", help="feed this one in this very process")
    told = parser.parse_args()
    if told.one:
        feed(told.one, told.runs)
    from tests.fuzz.parsers import parsers

    failed = False
    with tempfile.TemporaryDirectory() as folder:
        names = told.names or list(parsers(Path(folder)))
    sys.stdout.write("| parser | inputs | wrong |\n|---|--:|--:|\n")
    for name in names:
        count, wrong = fed(name, told.runs)
        failed |= bool(wrong) or count < told.runs
        sys.stdout.write(f"| {name} | {count:,} | {int(bool(wrong))} |\n")
        sys.stdout.flush()
        sys.stderr.write(wrong and f"{name}:\n{wrong}\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
