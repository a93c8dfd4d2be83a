"""The engine's own command line: `python -m engine prepare MODEL --dtype bf16 --out DIR`."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from engine import output
from engine.files import hub
from engine.files.published import form_of
from engine.models import convert
from engine.models.registry import OURS, kind
from engine.progress import bars
from engine.types import EngineError, EngineSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 failed, 2 bad usage."""
    output.never_fail()
    parser = argparse.ArgumentParser(prog="python -m engine")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("prepare", help="convert a model's files once, for a smaller, faster start")
    command.add_argument("model", help="a directory or a hub id, which is downloaded first")
    command.add_argument("--dtype", default="bf16", choices=convert.DTYPES)
    command.add_argument("--out", type=Path, required=True, help="the folder to write to")
    chosen = parser.parse_args(argv)
    try:
        folder = _find(chosen.model)
        with bars() as show:
            say, step = partial(print, flush=True), partial(show, "writing and reading back")
            convert.prepare(folder, chosen.out, chosen.dtype, say, step)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    print(f'ready: set model.name = "{chosen.out}"')
    return 0


def _find(model: str) -> Path:
    if hub.single_name(model) or form_of(model) is not None:
        raise EngineError("bad_input", f"{model} is no whole model to convert; {hub.WANTED}")
    if kind(model) in OURS:
        from engine.models.zimage.load import find

        return find(EngineSettings(model=model)).base
    from engine.models.diffusers.load import fetch

    return fetch(model)


if __name__ == "__main__":
    sys.exit(main())
