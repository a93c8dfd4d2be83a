"""Does the embedded model draw what it is told? `python -m engine.embedded.evaluate`.

Asks for combinations that training never saw, one picture each with a fixed seed; the judge names them.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.embedded import parallel
from engine.embedded.judge import (
    JUDGE_SETS,
    JUDGE_WEIGHTS,
    Judge,
    accuracy,
    load_judge,
    render_accuracy,
    train_judge,
    truth,
)
from engine.embedded.loop import Plan
from engine.embedded.measures import detail, outline, reconstruction, variety
from engine.embedded.prompts import GRADES, graded, wordings
from engine.embedded.scene import Scene
from engine.embedded.scenes import render_array
from engine.pixels import read
from engine.profiles import profile
from engine.types import EngineSettings, Generate, PromptReady
from engine.zimage.drawing import Drawing
from engine.zimage.load import load
from engine.zimage.pipeline import GUIDED_SHARE, ZImagePipeline

FLOORS: dict[str, float] = {"subject": 0.80, "colour": 0.80, "place": 0.85, "time": 0.92}
ASKED: dict[str, tuple[str, ...]] = {
    "plain": ("subject", "colour", "place", "time", "weather", "style"),
    "clause": ("subject", "colour", "place", "time", "weather", "style", "position", "distance"),
    "compositional": ("subject", "colour", "second subject", "second colour", "place", "time", "count"),
}
PAIR = ("subject", "colour", "second subject", "second colour")
STEPS = (2, 4, 6, 8, 12, 16)
SCALES = (1.0, 1.5, 1.8, 2.2, 3.0)
TEACHER_STEPS = 50
SEED = 100
BATCH = 8
SEEDS = 16
SHEET = 24
AS_IT_IS: dict[str, Any] = {"optimize": False, "enhance": False}


@dataclass(frozen=True)
class Manner:
    """How pictures are drawn: side in pixels, steps, guidance, the share of the steps it acts on."""

    side: int
    steps: int = 8
    cfg: float = 1.8
    share: float = GUIDED_SHARE


def draw(
    pipeline: ZImagePipeline, prompts: list[str], seeds: list[int], manner: Manner
) -> list[NDArray[np.uint8]]:
    """One picture per prompt and seed, by the pipeline the bot uses; prompts are taken as they are."""
    pipeline.guided_share = manner.share
    rest: dict[str, Any] = AS_IT_IS | {"width": manner.side, "height": manner.side}
    tasks = [
        Generate(prompt, steps=manner.steps, guidance_scale=manner.cfg, seed=seed, **rest)
        for prompt, seed in zip(prompts, seeds, strict=True)
    ]
    drawings = [pipeline.start(task, PromptReady(task.prompt, task.prompt)) for task in tasks]
    groups: dict[Hashable, list[Drawing]] = defaultdict(list)
    for drawing in drawings:
        groups[drawing.batch_key].append(drawing)
    for group in groups.values():
        for start in range(0, len(group), BATCH):
            for _ in range(manner.steps):
                pipeline.step(group[start : start + BATCH])
    return [np.asarray(read(pipeline.finish(drawing)().png)) for drawing in drawings]


def adherence(
    pipeline: ZImagePipeline, judge: Judge, grade: str, count: int, manner: Manner
) -> tuple[dict[str, float], list[NDArray[np.uint8]]]:
    """Share of held-out prompts of a grade drawn as asked, by question; `all` is every one at once."""
    scenes = graded(grade, count, SEED)
    pictures = draw(pipeline, wordings(scenes, SEED), [SEED + i for i in range(count)], manner)
    verdicts = judge.verdicts(pictures)
    asked = ASKED[grade]
    found = {name: value for name, value in accuracy(verdicts, scenes).items() if name in asked}
    if grade == "compositional":
        found["both subjects and colours"] = _together(verdicts, scenes, PAIR)
    return found | {"all": _together(verdicts, scenes, asked)}, pictures


def _together(verdicts: list[dict[str, str]], scenes: list[Scene], heads: Sequence[str]) -> float:
    """Share of pictures in which every one of `heads` is as asked."""
    pairs = list(zip(verdicts, scenes, strict=True))
    return float(np.mean([all(seen[name] == truth(scene)[name] for name in heads) for seen, scene in pairs]))


def main() -> None:
    """Print the tables; exit with 1 when a figure of any grade is below its floor."""
    args = _arguments()
    pipeline = load(EngineSettings(model=args.weights))
    judge = _judge(args)
    manner = Manner(args.side or profile("embedded").base_size)
    grades: list[dict[str, float]] = []
    sheet: list[NDArray[np.uint8]] = []
    began = time.monotonic()
    for grade in GRADES:
        found, pictures = adherence(pipeline, judge, grade, args.prompts // len(GRADES), manner)
        times = [scene.time for scene in graded(grade, len(pictures), SEED)]
        sheet += [pictures[i] for i in in_turn(times)[: SHEET // len(GRADES)]]
        grades.append(found)
        print(f"{grade:14}", _row(found), flush=True)
    total = {name: float(np.mean([found[name] for found in grades])) for name in FLOORS}
    print(f"{'together':14}", _row(total), flush=True)
    print(f"{(time.monotonic() - began) / args.prompts:.2f} s a picture; {manner}")
    seen = render_accuracy(judge)
    print("judge on renders", _row(seen))
    _print_fidelity(pipeline, manner)
    if args.sheet:
        contact_sheet(sheet).save(args.sheet)
    if args.tables:
        teacher = load(EngineSettings(model=args.teacher)) if args.teacher else pipeline
        _print_tables(pipeline, teacher, judge, args.tables, manner.side)
    sys.exit(any(found[name] < floor for found in grades for name, floor in FLOORS.items()))


def _row(shares: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.1%}" for name, value in shares.items())


def _judge(args: argparse.Namespace) -> Judge:
    """The judge of the package, or one trained now where there is none."""
    if args.retrain_judge or not args.judge.exists():
        plan = Plan(args.out, args.judge_minutes, "cuda" if torch.cuda.is_available() else "cpu")
        for part in JUDGE_SETS:
            part.pictures(plan.scenes, plan.out)
        parallel.spread(plan.device, train_judge, plan, args.judge)
    return load_judge(args.judge)


def _print_fidelity(pipeline: ZImagePipeline, manner: Manner) -> None:
    """How well the autoencoder gives back unseen scenes, and how much seeds differ beside renders."""
    scenes = graded("clause", 24, SEED + 1)
    reals = [render_array(scene, manner.side) for scene in scenes]
    print(f"autoencoder: {reconstruction(pipeline.components.vae, reals):.1f} dB on 24 held-out scenes")
    scene = scenes[0]
    drawn = draw(pipeline, [scene.prompt] * SEEDS, list(range(SEEDS)), manner)
    renders = [
        render_array(Scene(scene.subject, scene.colour, scene.place, scene.time, seed), manner.side)
        for seed in range(SEEDS)
    ]
    print(f"variety of {SEEDS} seeds: drawn {variety(drawn):.3f}, rendered {variety(renders):.3f}")


def _print_tables(
    pipeline: ZImagePipeline, teacher: ZImagePipeline, judge: Judge, count: int, side: int
) -> None:
    """Adherence, outline, detail and seconds over steps and guidance, each against the teacher's 50 steps."""
    scenes = graded("plain", count, SEED + 2)
    prompts, seeds = wordings(scenes, SEED), [SEED + i for i in range(count)]
    print("steps  cfg  share  adherence  outline  detail  seconds")
    for cfg, share in [(1.0, 1.0), *product(SCALES[1:], (0.25, 1.0))]:
        ideals = draw(teacher, prompts, seeds, Manner(side, TEACHER_STEPS, cfg, share))
        for steps in STEPS:
            began = time.monotonic()
            pictures = draw(pipeline, prompts, seeds, Manner(side, steps, cfg, share))
            seconds = (time.monotonic() - began) / count
            found = accuracy(judge.verdicts(pictures), scenes)
            pairs = list(zip(pictures, ideals, strict=True))
            print(
                f"{steps:5} {cfg:4} {share:6} {np.mean([found[name] for name in FLOORS]):10.1%} "
                f"{np.mean([outline(a, b) for a, b in pairs]):8.2f} "
                f"{np.mean([detail(a, b) for a, b in pairs]):7.2f} {seconds:8.2f}",
                flush=True,
            )


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
    parser = argparse.ArgumentParser(prog="python -m engine.embedded.evaluate", description=__doc__)
    parser.add_argument("--weights", default="embedded", help="a model folder instead of the package's own")
    parser.add_argument("--teacher", help="for the tables: the folder of the undistilled model, else itself")
    parser.add_argument("--prompts", type=int, default=600, help="over three grades")
    parser.add_argument("--side", type=int, default=0, help="pixels; the model's own by default")
    parser.add_argument(
        "--tables", type=int, default=0, metavar="N", help="also the tables, with N prompts each"
    )
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet here")
    parser.add_argument("--judge", type=Path, default=JUDGE_WEIGHTS, help="the judge's weights")
    parser.add_argument("--retrain-judge", action="store_true")
    parser.add_argument("--judge-minutes", type=float, default=52.0, help="of the processor, on a CPU")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/embedded"), help="training folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
