"""Does the embedded model draw what it is told? `python -m engine.embedded.evaluate`.

Asks for combinations that training never saw, one picture each with a fixed seed; the judge names them.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Hashable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from engine.embedded.judge import accuracy, held_out_scenes, load_judge, render_accuracy, train_judge
from engine.embedded.loop import Plan
from engine.embedded.world import Scene, caption
from engine.pixels import read
from engine.types import EngineSettings, Generate
from engine.zimage.drawing import Drawing
from engine.zimage.load import load

FLOOR: dict[str, float] = {"subject": 0.60, "colour": 0.70, "place": 0.80, "time": 0.90}
SEED = 100
BATCH = 8
SIDE = 128
AS_IT_IS: dict[str, Any] = {"optimize": False, "enhance": False}


def draw(prompts: list[str], seeds: list[int], steps: int, cfg: float) -> list[Image.Image]:
    """One picture per prompt and seed, by the pipeline the bot uses; prompts are taken as they are."""
    pipeline = load(EngineSettings())
    tasks = [
        Generate(prompt, width=SIDE, height=SIDE, steps=steps, guidance_scale=cfg, seed=seed, **AS_IT_IS)
        for prompt, seed in zip(prompts, seeds, strict=True)
    ]
    drawings = [pipeline.start(task, pipeline.prompt(task)) for task in tasks]
    groups: dict[Hashable, list[Drawing]] = defaultdict(list)
    for drawing in drawings:
        groups[drawing.batch_key].append(drawing)
    for group in groups.values():
        for start in range(0, len(group), BATCH):
            for _ in range(steps):
                pipeline.step(group[start : start + BATCH])
    return [read(pipeline.finish(drawing)().png) for drawing in drawings]


def wordings(scenes: list[Scene]) -> list[str]:
    """The canonical prompt of every other scene; for the rest a wording that names all four things."""
    rng = Random(SEED)
    return [
        scene.prompt if i % 2 == 0 else caption(scene, rng, complete=True) for i, scene in enumerate(scenes)
    ]


def main() -> None:
    """Print the table; exit with 1 when a figure is below its floor."""
    args = _arguments()
    if args.retrain_judge:
        train_judge(Plan(args.out, args.judge_minutes))
    judge = load_judge()
    scenes = held_out_scenes(args.prompts, SEED)
    began = time.monotonic()
    pictures = draw(wordings(scenes), [SEED + i for i in range(len(scenes))], args.steps, args.cfg)
    seconds = (time.monotonic() - began) / len(scenes)
    if args.sheet:
        contact_sheet(pictures).save(args.sheet)
    drawn = accuracy(judge, np.stack([np.asarray(p) for p in pictures]), scenes)
    seen = render_accuracy(judge)
    print(f"{len(scenes)} held-out prompts, {args.steps} steps, CFG {args.cfg}, {seconds:.2f} s a picture")
    print("            drawn   floor   judge on renders")
    for name, floor in FLOOR.items():
        print(f"{name:10} {drawn[name]:6.1%} {floor:7.1%} {seen[name]:10.1%}")
    sys.exit(any(drawn[name] < floor for name, floor in FLOOR.items()))


def contact_sheet(pictures: list[Image.Image], columns: int = 8) -> Image.Image:
    """Pictures side by side in rows."""
    side = pictures[0].width + 2
    sheet = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side))
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % columns * side, index // columns * side))
    return sheet


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m engine.embedded.evaluate", description=__doc__)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--cfg", type=float, default=1.8)
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet here")
    parser.add_argument("--retrain-judge", action="store_true")
    parser.add_argument("--judge-minutes", type=float, default=4.0)
    parser.add_argument(
        "--out", type=Path, default=Path("checkpoints/embedded"), help="judge checkpoint folder"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
