"""Does the embedded model draw its prompts? `python -m lab.evaluate`.

Draws combinations that training never saw, one picture each with a fixed seed; the judge names them.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.models.profiles import EMBEDDED, profile
from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineSettings
from lab.evaluate.prompts import GRADES, graded, wordings
from lab.judge.adherence import ALL, ALWAYS, BOTH, Manner, adherence, draw
from lab.judge.judge import JUDGE_SETS, JUDGE_WEIGHTS, Judge, load_judge, render_accuracy, train_judge
from lab.judge.measures import detail, outline, reconstruction, variety
from lab.render.scene import Scene
from lab.render.scenes import render_array
from lab.train import parallel
from lab.train.loop import Plan
from lab.train.train_distill import GUIDANCE

FLOORS: dict[str, float] = {
    "subject": 0.90, "colour": 0.90, "place": 0.90, "time": 0.95, "weather": 0.85, "style": 0.85, BOTH: 0.70
}  # fmt: skip
"""What all prompts together must reach."""
GRADE_FLOORS: dict[str, float] = {"subject": 0.80, "colour": 0.80, "place": 0.85, "time": 0.92}
"""What each grade must reach."""
STEPS = (2, 4, 6, 8, 12, 16)
SCALES = (1.0, 1.5, 1.8, 2.2, 3.0)
TEACHER_STEPS = 50
SHAPES = ((256, 256), (320, 208), (208, 320), (336, 192), (192, 336), (384, 384), (512, 512))
SEED = 100
SEEDS, PROMPTS = 16, 6
SHEET = 24


def main() -> None:
    """Print the tables; exit with 1 when a figure is below its floor."""
    args = _arguments()
    pipeline = loaded(args.weights)
    judge = _judge(args)
    side = args.side or pipeline.components.profile.drawn_side
    manner = Manner(side, side)
    is_enough = True
    every: list[tuple[NDArray[np.uint8], Scene]] = []
    sheet: list[tuple[str, NDArray[np.uint8]]] = []
    began = time.monotonic()
    for grade in GRADES:
        scenes = graded(grade, args.prompts // len(GRADES), SEED)
        prompts, pictures = drawn(pipeline, scenes, manner)
        found = adherence(judge, pictures, scenes)
        is_enough &= all(found[name] >= floor for name, floor in GRADE_FLOORS.items())
        every += zip(pictures, scenes, strict=True)
        first = in_turn([scene.time for scene in scenes])[: SHEET // len(GRADES)]
        sheet += [(prompts[i], pictures[i]) for i in first]
        print(f"{grade:14}", _row(found), flush=True)
    total = adherence(judge, [picture for picture, _ in every], [scene for _, scene in every])
    is_enough &= all(total[name] >= floor for name, floor in FLOORS.items() if name in total)
    print(f"{'together':14}", _row(total), flush=True)
    print(f"{(time.monotonic() - began) / args.prompts:.2f} s a picture; {manner}")
    print("judge on renders", _row(render_accuracy(judge, side)))
    _print_fidelity(pipeline, manner)
    if args.sheet:
        contact_sheet([picture for _, picture in sheet]).save(args.sheet)
        print(*(prompt for prompt, _ in sheet), sep="\n")
    if args.shapes:
        _print_shapes(pipeline, judge, args.shapes)
    if args.tables:
        teacher = loaded(args.teacher) if args.teacher else None
        # The tables are of guidance itself.
        always = replace(pipeline.components.profile, spares_guidance=False)
        pipeline.components = replace(pipeline.components, profile=always)
        _print_tables(pipeline, teacher, judge, args.tables, manner)
    sys.exit(not is_enough)


def drawn(
    pipeline: ZImagePipeline, scenes: Sequence[Scene], manner: Manner
) -> tuple[list[str], list[NDArray[np.uint8]]]:
    """The scenes' prompts, and a picture of each from a fixed seed."""
    prompts = wordings(scenes, SEED)
    return prompts, draw(pipeline, prompts, [SEED + i for i in range(len(scenes))], manner)


def mixed(count: int, seed: int) -> list[Scene]:
    """So many held-out scenes, a third of each grade."""
    return [scene for grade in GRADES for scene in graded(grade, count // len(GRADES), seed)]


def loaded(model: str) -> ZImagePipeline:
    """The package's weights or a folder of others; both draw in the sizes of the package's profile."""
    pipeline = load(EngineSettings(model=model))
    pipeline.components = replace(pipeline.components, profile=profile(EMBEDDED))
    return pipeline


def _row(shares: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.1%}" for name, value in shares.items())


def _judge(args: argparse.Namespace) -> Judge:
    """The judge of the package, or one trained now where there is none."""
    if args.retrain_judge or not args.judge.exists():
        device = "cuda" if torch.cuda.is_available() else "cpu"
        plan = Plan(args.out, args.judge_minutes, device, sets=JUDGE_SETS)
        for part in plan.sets:
            part.pictures(plan.scenes, plan.out)
        parallel.spread(plan.device, train_judge, plan, args.judge)
    return load_judge(args.judge)


def _print_fidelity(pipeline: ZImagePipeline, manner: Manner) -> None:
    """How well the autoencoder reconstructs unseen scenes, and how much seeds differ beside renders."""
    scenes = graded("clause", 24, SEED + 1)
    reals = [render_array(scene, manner.width, manner.height) for scene in scenes]
    print(f"autoencoder: {reconstruction(pipeline.components.vae, reals):.1f} dB on 24 held-out scenes")
    ours, renders = [], []
    for scene in graded("clause", PROMPTS, SEED + 1):
        seeds = list(range(SEEDS))
        ours.append(variety(draw(pipeline, [scene.prompt] * SEEDS, seeds, manner)))
        others = [replace(scene, seed=seed) for seed in seeds]
        renders.append(variety([render_array(other, manner.width, manner.height) for other in others]))
    means = f"drawn {np.mean(ours):.3f}, rendered {np.mean(renders):.3f}"
    print(f"variety of {SEEDS} seeds, mean of {PROMPTS} prompts: {means}", flush=True)


def _print_shapes(pipeline: ZImagePipeline, judge: Judge, count: int) -> None:
    """Adherence in every shape, with the same prompts and seeds, and the judge on renders of these."""
    scenes, names = mixed(count, SEED + 3), ("subject", "colour", "place", ALL)
    print(f"| pixels | {' | '.join((*names, *names))} |\n" + "|---" * (1 + 2 * len(names)) + "|")
    for width, height in SHAPES:
        _, pictures = drawn(pipeline, scenes, Manner(width, height))
        renders = [render_array(scene, width, height) for scene in scenes]
        found = [adherence(judge, seen, scenes) for seen in (pictures, renders)]
        cells = (f"{shares[name]:.0%}" for shares in found for name in names)
        print(f"| {width}×{height} | {' | '.join(cells)} |", flush=True)


def _print_tables(
    pipeline: ZImagePipeline, teacher: ZImagePipeline | None, judge: Judge, count: int, usual: Manner
) -> None:
    """Adherence, outline, detail and seconds over steps and guidance, each against what is to be reached.

    That are the 50 steps, fully guided, of the `teacher` the model was distilled from; without one, the
    model's own 50 steps with the same guidance.
    """
    scenes = mixed(count, SEED + 2)
    prompts, seeds = wordings(scenes, SEED), [SEED + i for i in range(len(scenes))]
    if teacher:
        aim = replace(usual, steps=TEACHER_STEPS, cfg=GUIDANCE, share=1.0)
        ideals = draw(teacher, prompts, seeds, aim)
        print("the teacher at 50 steps:", _row(adherence(judge, ideals, scenes)))
    print(
        "| steps | CFG | on | adherence | every one | outline | detail | seconds |",
        "|---" * 8 + "|",
        sep="\n",
    )
    for manner in _manners(usual):
        if not teacher and manner.steps == STEPS[0]:
            ideals = draw(pipeline, prompts, seeds, replace(manner, steps=TEACHER_STEPS))
        pictures = draw(pipeline, prompts, seeds, manner)
        began = time.process_time()
        draw(pipeline, prompts[:1], seeds[:1], manner)
        seconds = (time.process_time() - began) / torch.get_num_threads()
        found, pairs = adherence(judge, pictures, scenes), list(zip(pictures, ideals, strict=True))
        cells = (
            f"{manner.steps}",
            f"{manner.cfg}",
            "–" if manner.cfg == 1.0 else "every step" if manner.share == 1.0 else "the first quarter",
            f"{np.mean([found[name] for name in ALWAYS]):.1%}",
            f"{found[ALL]:.1%}",
            f"{np.mean([outline(a, b) for a, b in pairs]):.2f}",
            f"{np.mean([detail(a, b) for a, b in pairs]):.2f}",
            f"{seconds:.2f}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


def _manners(usual: Manner) -> Iterator[Manner]:
    """Every guidance, on a quarter of the steps and on all, and with each every number of steps."""
    for cfg, share in [(SCALES[0], 1.0), *product(SCALES[1:], (usual.share, 1.0))]:
        for steps in STEPS:
            yield replace(usual, cfg=cfg, share=share, steps=steps)


def in_turn(kinds: Sequence[str]) -> list[int]:
    """Indices of `kinds` so ordered that the first of every kind come first, then the second, and so on."""
    turns = [kinds[:i].count(kind) for i, kind in enumerate(kinds)]
    return sorted(range(len(kinds)), key=turns.__getitem__)


def contact_sheet(pictures: list[NDArray[np.uint8]], columns: int = 8) -> Image.Image:
    """Pictures side by side in rows."""
    side = pictures[0].shape[1] + 2
    sheet = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side))
    for index, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (index % columns * side, index // columns * side))
    return sheet


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate", description=__doc__)
    parser.add_argument("--weights", default=EMBEDDED, help="a model folder instead of the package's own")
    parser.add_argument("--teacher", help="for the tables: the folder of the undistilled model, else itself")
    parser.add_argument("--prompts", type=int, default=600, help="over three grades")
    parser.add_argument("--side", type=int, default=0, help="pixels; the model's own by default")
    parser.add_argument(
        "--tables", type=int, default=0, metavar="N", help="also the tables, with N prompts each"
    )
    parser.add_argument("--shapes", type=int, default=0, metavar="N", help="also N prompts in every shape")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet here, and print its prompts")
    parser.add_argument("--judge", type=Path, default=JUDGE_WEIGHTS, help="the judge's weights")
    parser.add_argument("--retrain-judge", action="store_true")
    parser.add_argument("--judge-minutes", type=float, default=52.0, help="of the processor, on a CPU")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/embedded"), help="training folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
