"""The engine's own command line: `python -m engine prepare MODEL --dtype bf16 --out DIR`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from engine.models import convert
from engine.models.registry import OURS, kind
from engine.types import EngineError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 failed, 2 bad usage."""
    parser = argparse.ArgumentParser(prog="python -m engine")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("prepare", help="convert a model's files once, for a smaller, faster start")
    command.add_argument("model", help="a directory or a hub id, which is downloaded first")
    command.add_argument("--dtype", default="bf16", choices=convert.DTYPES)
    command.add_argument("--out", type=Path, required=True, help="the folder to write to")
    chosen = parser.parse_args(argv)
    try:
        folder = _find(chosen.model)
        with _progress() as show:
            convert.prepare(folder, chosen.out, chosen.dtype, partial(print, flush=True), show)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    print(f'ready: set model.name = "{chosen.out}"')
    return 0


@contextmanager
def _progress() -> Iterator[convert.Show]:
    """Yield what shows a bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    # Lines on stdout are moved above the bar, unless they go elsewhere.
    with Progress(console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("writing and reading back")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _find(model: str) -> Path:
    if kind(model) in OURS:
        from engine.models.zimage.load import find

        return find(model)
    from engine.models.diffusers.load import fetch

    return fetch(model)


if __name__ == "__main__":
    sys.exit(main())
