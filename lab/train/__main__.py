"""Trains the embedded model: `python -m lab.train`, or the picture book with `--world book`.

Each stage resumes from its checkpoint and ends annealed when its minutes are up.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from engine.embedded import WEIGHTS
from engine.prompts import world_of
from lab.render.book import drawings, names
from lab.render.vocabulary_file import vocabulary_of
from lab.render.world import SMALL_WORLD, WORLDS, World, book_of
from lab.train import parallel
from lab.train.blocks import has_matrix_units
from lab.train.dataset import sets_of
from lab.train.export import FLOWS, export
from lab.train.latents import encode_all
from lab.train.loop import Plan, minutes_spent
from lab.train.train_decoder import train_decoder
from lab.train.train_distill import train_distill
from lab.train.train_flow import train_flow, train_large, train_polish, word
from lab.train.train_reuse import train_reuse
from lab.train.train_vae import train_vae

MINUTES = {
    "vae": 40.0,
    "flow": 42.0,
    "large": 155.0,
    "polish": 50.0,
    "distill": 33.0,
    "decoder": 10.0,
    "reuse": 60.0,
}
BOOK_MINUTES = {"vae": 60.0, "flow": 60.0, "large": 100.0, "polish": 30.0, "distill": 30.0, "decoder": 30.0}
WITHOUT_MATRIX_UNITS = 2.5
"""How many times as long the book's stages of transformer and text encoder are on other CPUs."""
MINUTES_ON_A_GPU = {"vae": 4.0, "flow": 9.0, "large": 6.0, "polish": 4.0, "distill": 5.0, "decoder": 3.0}
STAGES: dict[str, Callable[[Plan], None]] = {
    "vae": train_vae,
    "latents": encode_all,
    "flow": train_flow,
    "large": train_large,
    "polish": train_polish,
    "distill": train_distill,
    "decoder": train_decoder,
}
EXPERIMENTS: dict[str, Callable[[Plan], None]] = {"reuse": train_reuse}
"""Stages that run only where they are named."""
TOLD = frozenset({"flow", "large", "polish", "distill", "reuse"})
"""Stages that use the scenes of the pictures and where their subjects stand."""
SHORT = ("latents", "flow")
FEW_SCENES = 400


def main() -> None:
    """Run one stage, or all in order and the export; or a short session on what there is."""
    args = _arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("high")
    world = book_of(args.subjects) if args.subjects else WORLDS[args.world]
    if world.is_book:
        drawings.fetch()
    out = args.out or _folder(world)
    warm, sets = None if args.fresh else args.warm, sets_of(world)
    plan = Plan(out, 0.0, args.device, args.scenes, warm=warm, sets=sets)
    if args.minutes and not args.stage:
        session(plan, args.minutes)
        return
    for name in (args.stage,) if args.stage in STAGES | EXPERIMENTS else STAGES if not args.stage else ():
        run(name, replace(plan, minutes=usual_minutes(plan)[name], session=args.minutes))
    if args.stage in {None, "export"}:
        folder = args.weights or (WEIGHTS if world is SMALL_WORLD else out / "weights")
        export(plan, folder, (args.of, *FLOWS) if args.of else FLOWS[1:] if args.undistilled else FLOWS)
        if world.is_book:
            names.write(world_of(vocabulary_of(world)), folder)


def session(plan: Plan, minutes: float) -> None:
    """Go on for a few minutes: with the stage begun last, or on a few scenes from the earlier weights."""
    begun = [name for name in STAGES if minutes_spent(name, plan)]
    if begun:
        run("latents", plan)
        name = _unfinished(begun[-1], plan)
        run(name, replace(plan, minutes=usual_minutes(plan)[name], session=minutes))
        return
    few = replace(plan, out=plan.out / "session", scenes=FEW_SCENES, sets=(plan.small,), gently=True)
    for name in SHORT:
        run(name, replace(few, minutes=minutes_spent(name, few) + minutes, session=minutes))


def _unfinished(name: str, plan: Plan) -> str:
    """This stage, or the one behind it where this one's time is up; the last of all stays the last."""
    names = [name for name in STAGES if name != "latents"]
    is_over = minutes_spent(name, plan) >= usual_minutes(plan)[name]
    return names[min(names.index(name) + is_over, len(names) - 1)]


def usual_minutes(plan: Plan) -> dict[str, float]:
    """Minutes of every stage on the plan's device; the picture book's on a GPU have never been tried."""
    slower = 1.0 if has_matrix_units() else WITHOUT_MATRIX_UNITS
    book = {name: minutes * (slower if name in TOLD else 1.0) for name, minutes in BOOK_MINUTES.items()}
    on_a_cpu = book if plan.world.is_book else MINUTES
    return (
        dict.fromkeys(STAGES, 1.0)
        | dict.fromkeys(EXPERIMENTS, 60.0)
        | (on_a_cpu if plan.device == "cpu" else MINUTES_ON_A_GPU)
    )


def _folder(world: World) -> Path:
    """The checkpoint folder of a world where none is named."""
    if world is SMALL_WORLD:
        return Path(os.environ.get("EMBEDDED_CHECKPOINTS", "checkpoints/embedded"))
    return Path("checkpoints/world")


def run(name: str, plan: Plan) -> None:
    """One stage and the data it needs; `flow` sees the first set of pictures only."""
    if name == "flow":
        plan = replace(plan, sets=plan.sets[:1])
    for part in plan.sets:
        part.pictures(plan.scenes, plan.out)
        if name in TOLD:
            word(plan, part)
            part.silhouettes(plan.scenes, plan.out)
    if name in TOLD:
        parallel.spread(plan.device, encode_all, plan)
    parallel.spread(plan.device, (STAGES | EXPERIMENTS)[name], plan)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.train", description=__doc__)
    parser.add_argument(
        "--stage", choices=[*STAGES, *EXPERIMENTS, "export"], help="one stage only; all in order without"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        help="train this long and stop; go on with the next call, from the checkpoint",
    )
    parser.add_argument("--world", choices=WORLDS, default="small", help="what it is taught")
    parser.add_argument("--subjects", type=int, help="the picture book with so many of its subjects")
    parser.add_argument("--out", type=Path, help="checkpoint folder")
    parser.add_argument(
        "--weights", type=Path, help="where the finished model is written; the book's into --out"
    )
    parser.add_argument("--of", choices=EXPERIMENTS, help="export what this stage made")
    parser.add_argument("--undistilled", action="store_true", help="export the teacher, to compare with")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--scenes", type=int, default=20_000, help="rendered training scenes")
    parser.add_argument("--warm", type=Path, default=WEIGHTS, help="weights that a new stage starts from")
    parser.add_argument("--fresh", action="store_true", help="start from nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
