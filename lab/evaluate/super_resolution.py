"""Upscaling and detail measured on scenes that training never saw, against their larger originals.

`python -m lab.evaluate.super_resolution` prints every table of docs/upscaling.md.
"""

import argparse
import time
from dataclasses import replace
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engine.upscale.detail import refine
from engine.upscale.plan import UpscalePlan
from engine.upscale.tiling import Pixels, returned, super_resolved
from lab.render.scene import Scene, sample_scene
from lab.render.scenes import render_array
from lab.render.vocabulary import STYLES
from lab.train.damage import DEGREES, decoded, redrawn

SEED = 77
DETAILED = 12.0
"""Levels a pixel of the true picture differs from a neighbour by where there is detail."""
EVEN = 2
"""Levels by which a true picture varies within 7×7 pixels where it is flat."""
STRENGTHS = (0.0, 0.5, 1.0)


def main() -> None:
    """Print the tables."""
    args = _arguments()
    torch.set_num_threads(args.threads)
    scenes = held_out(args.scenes)
    print_upscaling(scenes, args.size)
    print_styles(scenes, args.size)
    print_detail(scenes, args.size)
    print_speed()


def held_out(count: int) -> list[Scene]:
    """The first `count` scenes of the evaluation side of the split."""
    rng = Random(SEED)
    return [sample_scene(rng, held_out=True) for _ in range(count)]


def print_upscaling(scenes: list[Scene], size: int) -> None:
    """×2 by the network and by Lanczos from every degree of damage and from the small model's decoder."""
    print(f"| {size} → {2 * size} | Lanczos | sr | gain |\n|---|---|---|---|")
    for name, pairs in damaged(scenes, size).items():
        scores = [(psnr(lanczos(small), sharp), psnr(upscaled(small), sharp)) for small, sharp in pairs]
        before, after = np.mean(scores, axis=0)
        print(f"| {name} | {before:.2f} dB | {after:.2f} dB | {after - before:+.2f} dB |", flush=True)


def print_detail(scenes: list[Scene], size: int) -> None:
    """What the detail pass does to damaged pictures, measured against the true ones, by strength."""
    print(f"| {size} | strength | PSNR | gradient error in detail | overshoot | largest change where flat |")
    print("|---|---|---|---|---|---|")
    for name, pairs in (damaged(scenes, size) | drawn_over(scenes, size)).items():
        for strength in STRENGTHS:
            rows = [
                compared(halved(sharp), small, refine(small, strength, UpscalePlan()))
                for small, sharp in pairs
            ]
            quality, edges, halo, _ = np.mean(rows, axis=0)
            change = np.max(rows, axis=0)[3]
            figures = f"{quality:.2f} dB | {edges:.2f} | {halo:.2f} | {change:.0f}"
            print(f"| {name} | {strength} | {figures} |", flush=True)


def print_styles(scenes: list[Scene], size: int) -> None:
    """What the network gains over Lanczos in each style: PSNR, and gradient error where there is detail."""
    print(f"| {size} → {2 * size} | damage | PSNR gained | gradient error, Lanczos | sr |")
    print("|---|---|---|---|---|")
    for style in STYLES:
        kinds = damaged([replace(scene, style=style) for scene in scenes], size)
        for name in ("clean", "soft"):
            gains, rough, fine = [], [], []
            for small, sharp in kinds[name]:
                plain, larger = lanczos(small), upscaled(small)
                gains.append(psnr(larger, sharp) - psnr(plain, sharp))
                rough.append(compared(sharp, plain, plain)[1])
                fine.append(compared(sharp, plain, larger)[1])
            figures = f"{np.mean(gains):+.2f} dB | {np.mean(rough):.2f} | {np.mean(fine):.2f}"
            print(f"| {style} | {name} | {figures} |", flush=True)


def damaged(scenes: list[Scene], size: int) -> dict[str, list[tuple[Pixels, Pixels]]]:
    """Per kind of damage, pairs of a damaged picture of `size` and the true one at twice the side."""
    sharp = [render_array(scene, 2 * size) for scene in scenes]
    pairs = list(zip(scenes, sharp, strict=True))
    found = {
        name: [(damage.apply(picture, Random(scene.seed)), picture) for scene, picture in pairs]
        for name, damage in DEGREES.items()
    }
    found["decoder"] = [(decoded(halved(picture), Random(scene.seed)), picture) for scene, picture in pairs]
    return found


def drawn_over(scenes: list[Scene], size: int) -> dict[str, list[tuple[Pixels, Pixels]]]:
    """Per style, pairs of a picture that the small model drew over and the true one at twice the side."""
    found: dict[str, list[tuple[Pixels, Pixels]]] = {}
    for style in STYLES:
        for scene in scenes:
            other = replace(scene, style=style)
            sharp = render_array(other, 2 * size)
            pair = redrawn(halved(sharp), other.prompt, Random(scene.seed)), sharp
            found.setdefault(f"drawn over, {style}", []).append(pair)
    return found


def print_speed() -> None:
    """Seconds of the best of five runs from 256² to 512²."""
    picture = render_array(held_out(1)[0], 256)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        upscaled(picture)
        times.append(time.perf_counter() - began)
    print(f"256 → 512: {min(times):.2f} s with {torch.get_num_threads()} threads")


def compared(true: Pixels, drawn: Pixels, refined: Pixels) -> tuple[float, float, float, float]:
    """Return PSNR, mean gradient error where there is detail, overshoot, largest change where it is flat.

    Overshoot is how far the 99.9th percentile of pixels lies outside the levels that the true and the drawn
    picture have within two pixels.
    """
    detail = gradient(true).max(axis=-1) > DETAILED
    error = np.abs(gradient(refined) - gradient(true))[detail].mean()
    low, high = neighbourhood(np.minimum(true, drawn), 5)[0], neighbourhood(np.maximum(true, drawn), 5)[1]
    beyond = np.maximum(refined.astype(int) - high, low - refined.astype(int)).clip(0)
    lowest, highest = neighbourhood(true, 7)
    even = (highest.astype(int) - lowest).max(axis=-1) <= EVEN
    change = np.abs(refined.astype(int) - drawn)[even]
    return psnr(refined, true), float(error), float(np.percentile(beyond, 99.9)), float(change.max(initial=0))


def halved(picture: Pixels) -> Pixels:
    """Average every 2×2 pixels."""
    return np.asarray(Image.fromarray(picture).reduce(2))


def upscaled(picture: Pixels) -> Pixels:
    """×2 by the built-in network, untiled."""
    return returned(super_resolved(picture, 2, UpscalePlan().network(), max(picture.shape) + 64))


def lanczos(picture: Pixels) -> Pixels:
    """×2 by Lanczos."""
    size = (2 * picture.shape[1], 2 * picture.shape[0])
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def psnr(picture: Pixels, true: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all channels."""
    error = float(np.mean((picture.astype(np.float64) - true) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def gradient(picture: Pixels) -> NDArray[np.float64]:
    """Differences in levels to the pixel on the right and below, `(h, w, 6)`."""
    levels = picture.astype(np.float64)
    across = np.diff(levels, axis=1, append=levels[:, -1:])
    down = np.diff(levels, axis=0, append=levels[-1:])
    both: NDArray[np.float64] = np.concatenate([np.abs(across), np.abs(down)], axis=-1)
    return both


def neighbourhood(picture: Pixels, side: int) -> tuple[Pixels, Pixels]:
    """The lowest and the highest level within `side` pixels, channel by channel."""
    image = Image.fromarray(picture)
    return np.asarray(image.filter(ImageFilter.MinFilter(side))), np.asarray(
        image.filter(ImageFilter.MaxFilter(side))
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.super_resolution", description=__doc__)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--size", type=int, default=256, help="side before upscaling")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
