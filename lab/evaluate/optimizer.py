"""Does the optimizer bring pictures nearer to what was meant? `python -m lab.evaluate.optimizer`.

Draws the same held-out scenes from precise, vague and Chinese prompts: as written, optimized, and enhanced.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import numpy as np

from engine.models.profiles import profile
from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.prompts import Optimizer
from engine.types import EngineSettings, Generate
from lab.evaluate import scene_wishes
from lab.evaluate.prompts import graded
from lab.judge.adherence import ALWAYS, Manner, adherence, draw
from lab.judge.judge import JUDGE_WEIGHTS, Judge, load_judge
from lab.render.scene import Scene

KINDS: Mapping[str, Callable[[Scene, Random], str]] = {
    "precise": lambda scene, _: scene.prompt,
    "vague": scene_wishes.vague,
    "chinese": scene_wishes.chinese,
}
WAYS: Mapping[str, tuple[bool, bool]] = {
    "as written": (False, False),
    "optimized": (True, False),
    "and enhanced": (True, True),
}
SEED = 300
GAIN = 0.10


def understood(pipeline: ZImagePipeline, judge: Judge, kind: str, way: str, count: int) -> float:
    """Mean share of subject, colour, place and time drawn as meant, for prompts of a kind taken in a way."""
    scenes = graded("plain", count, SEED)
    rng = Random(SEED)
    optimized, enhanced = WAYS[way]
    optimizer = Optimizer(pipeline.components.world)
    prompts = [
        optimizer.prepare(Generate(KINDS[kind](scene, rng), optimize=optimized, enhance=enhanced)).used
        for scene in scenes
    ]
    side = profile("embedded").drawn_side
    pictures = draw(pipeline, prompts, [SEED + i for i in range(count)], Manner(side, side))
    found = adherence(judge, pictures, scenes)
    return float(np.mean([found[name] for name in ALWAYS]))


def main() -> None:
    """Print the table; exit with 1 where optimizing gains too little, or costs a precise prompt anything."""
    args = _arguments()
    pipeline, judge = load(EngineSettings(model=args.weights)), load_judge(args.judge)
    print(f"{'':10}", *(f"{way:>14}" for way in WAYS))
    enough = True
    for kind in KINDS:
        row = {way: understood(pipeline, judge, kind, way, args.prompts) for way in WAYS}
        print(f"{kind:10}", *(f"{share:14.1%}" for share in row.values()), flush=True)
        gain = row["optimized"] - row["as written"]
        enough &= gain >= (0.0 if kind == "precise" else GAIN)
    raise SystemExit(not enough)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.optimizer", description=__doc__)
    parser.add_argument("--weights", default="embedded", help="a model folder instead of the package's own")
    parser.add_argument("--judge", type=Path, default=JUDGE_WEIGHTS, help="the judge's weights")
    parser.add_argument("--prompts", type=int, default=100, help="of each kind")
    return parser.parse_args()


if __name__ == "__main__":
    main()
