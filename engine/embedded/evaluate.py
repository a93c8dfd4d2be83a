"""Does the embedded model draw what it is told? `python -m engine.embedded.evaluate`.

Asks for combinations that training never saw, one picture each with a fixed seed; the judge names them.
"""

import argparse
import sys
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import ZImagePipeline
from PIL import Image

from engine.embedded import WEIGHTS
from engine.embedded.flow import encode_text, forward, tokenize
from engine.embedded.judge import accuracy, held_out_scenes, load_judge, render_accuracy, train_judge
from engine.embedded.loop import Plan
from engine.embedded.world import Scene, caption

FLOOR: dict[str, float] = {"subject": 0.60, "colour": 0.70, "place": 0.80, "time": 0.90}
SEED = 100
BATCH = 20
SIDE = 128


def draw(prompts: list[str], seeds: list[int], steps: int, cfg: float) -> list[Image.Image]:
    """One picture per prompt and seed; guidance acts on the first quarter of the steps."""
    pipeline = ZImagePipeline.from_pretrained(WEIGHTS, dtype=torch.float32)
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), BATCH):
        chosen = slice(start, start + BATCH)
        pictures += _draw_batch(pipeline, prompts[chosen], seeds[chosen], steps, cfg - 1)
    return pictures


@torch.inference_mode()
def _draw_batch(
    pipeline: ZImagePipeline, prompts: list[str], seeds: list[int], steps: int, weight: float
) -> list[Image.Image]:
    asked = _conditioning(pipeline, prompts)
    nothing = _conditioning(pipeline, [""] * len(prompts))
    noise = [torch.randn(16, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(s)) for s in seeds]
    x = torch.stack(noise)
    sigmas = shifted_sigmas(steps)
    for index, (now, after) in enumerate(pairwise(sigmas)):
        moment = torch.full((len(x),), 1 - now)
        output = forward(pipeline.transformer, x, moment, *asked)
        if weight > 0 and index < steps / 4:
            output = output + weight * (output - forward(pipeline.transformer, x, moment, *nothing))
        x = x - (after - now) * output
    raw = x / pipeline.vae.config.scaling_factor + pipeline.vae.config.shift_factor
    decoded = pipeline.vae.decode(raw).sample
    return list(pipeline.image_processor.postprocess(decoded, output_type="pil"))


def _conditioning(pipeline: ZImagePipeline, prompts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    ids, valid = tokenize(pipeline.tokenizer, prompts)
    return encode_text(pipeline.text_encoder, ids), valid


def shifted_sigmas(steps: int, shift: float = 3.0) -> list[float]:
    """Noise levels from 1 to 0, `steps` + 1 of them."""
    even = [1 - i / steps for i in range(steps + 1)]
    return [shift * s / (1 + (shift - 1) * s) for s in even]


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
