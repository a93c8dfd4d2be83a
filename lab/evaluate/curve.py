"""How fast the picture book is learnt as it grows: `python -m lab.evaluate.curve`.

Trains the flow on square pictures of a few subjects, of more, and of most, equally long each; what is
drawn of held-out scenes is compared with renders.
"""

import argparse
from pathlib import Path

import torch

from engine.embedded import WEIGHTS
from lab.evaluate.__main__ import SEED, contact_sheet, drawn, in_turn, loaded
from lab.judge.adherence import Manner
from lab.judge.likeness import held_out, likeness
from lab.render.book import drawings
from lab.render.world import World, book_of
from lab.train.__main__ import run
from lab.train.dataset import sets_of
from lab.train.export import export
from lab.train.loop import Plan

SHOWN = ("subject", "colour", "place", "time")
SHEET = 24
MANNER = Manner(256, 256, steps=20, cfg=3.0, share=1.0)


def main() -> None:
    """Print a row for each number of subjects as soon as it is there; leave a sheet beside the weights."""
    args = _arguments()
    drawings.fetch()
    for count in args.subjects:
        print(f"{count} subjects  {_row(book_of(count), args)}", flush=True)


def _row(world: World, args: argparse.Namespace) -> str:
    """What a model of `world` draws after the planned minutes."""
    out = args.out / str(len(world.subjects))
    plan = Plan(out, args.minutes, args.device, args.scenes, warm=WEIGHTS, sets=sets_of(world)[:1])
    run("flow", plan)
    export(plan, out / "weights", ("flow",))
    scenes = held_out(args.prompts, SEED, world)
    _, pictures = drawn(loaded(str(out / "weights")), scenes, MANNER)
    first = in_turn([scene.place for scene in scenes])[:SHEET]
    contact_sheet([pictures[index] for index in first]).save(out / "sheet.png")
    found = likeness(pictures, scenes, world)
    return "  ".join(f"{name} {found[name]:.1%}" for name in SHOWN)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.curve", description=__doc__)
    parser.add_argument("--subjects", type=int, nargs="+", default=[24, 96, 300])
    parser.add_argument("--minutes", type=float, default=20.0, help="of training, for each")
    parser.add_argument("--prompts", type=int, default=400)
    parser.add_argument("--scenes", type=int, default=20_000, help="rendered training scenes of each")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/curve"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()
