"""Ours beside the stock pipeline, as rows of figures.

Knows which comparisons are made. Knows neither how either side works nor how rows are shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.bench import contenders
from engine.bench.clock import best_of
from engine.bench.floor import products
from engine.types import image_tokens
from engine.zimage.components import Components
from engine.zimage.denoiser import padded
from engine.zimage.pipeline import ZImagePipeline
from engine.zimage.speed import EXACT, Speed

STEPS = 8
Row = dict[str, Any]


@dataclass(frozen=True)
class Sides:
    """Our pipeline, the stock one with weights of its own, and a caption embedding `(n, features)` for both.

    `encodes` says whether there is a text encoder, so that whole pictures can be drawn.
    """

    ours: ZImagePipeline
    stock: Any
    embedding: Tensor
    encodes: bool = True

    @property
    def components(self) -> Components:
        """Our side's model."""
        return self.ours.components


def whole(sides: Sides, side: int, rounds: int) -> Row:
    """One picture of `side` pixels, prompt to PNG, without guidance: equal forwards on both sides."""
    task = contenders.asked(side, STEPS, 1.0)
    best = best_of(
        {
            "stock": contenders.stock_whole(sides.stock, task),
            "ours": contenders.ours_whole(sides.ours, task),
        },
        rounds,
    )
    return {"size": side, "forwards": STEPS, **best, "faster": best["stock"] / best["ours"]}


def above_floor(sides: Sides, side: int, rounds: int, batch: int = 1) -> Row:
    """Embeddings to latents against the matrix products of the same forwards."""
    task = contenders.asked(side, STEPS, 1.0)
    caption = padded(len(sides.embedding))
    forward = products(sides.components.transformer, image_tokens(side, side), caption, batch)
    best = best_of(
        {
            "floor": torch.inference_mode()(lambda: [forward() for _ in range(STEPS)]),
            "stock": contenders.stock_latents(sides.stock, task, sides.embedding, batch),
            "ours": contenders.ours_latents(sides.ours, task, sides.embedding, batch),
        },
        rounds,
    )
    share = (best["ours"] - best["floor"]) / (best["stock"] - best["floor"])
    return {
        "size": side,
        "batch": batch,
        **best,
        "faster": best["stock"] / best["ours"],
        "above floor, ours / stock": share,
    }


def flags_alone(sides: Sides, side: int, rounds: int) -> list[Row]:
    """Embeddings to latents with no speed-up, with each flag alone, and with those in use."""
    task = contenders.asked(side, STEPS, 1.0)
    speeds = {"none": Speed.none(), **{flag: Speed.none(**{flag: True}) for flag in EXACT[:-1]}}
    speeds["in use"] = sides.ours.speed

    def run(speed: Speed) -> Callable[[], object]:
        pipeline = ZImagePipeline(sides.components, speed=speed)
        return contenders.ours_latents(pipeline, task, sides.embedding)

    best = best_of({name: run(speed) for name, speed in speeds.items()}, rounds)
    return [
        {"size": side, "flag": name, "seconds": seconds, "faster": best["none"] / seconds}
        for name, seconds in best.items()
    ]


def decoding(sides: Sides, side: int, rounds: int) -> Row:
    """The VAE's decoder alone, its weights channels last and not."""
    latents = torch.randn((16, side // 8, side // 8), device=sides.components.device)
    stock, ours = sides.stock.vae, sides.ours.vae
    scaled = latents[None].to(stock.dtype)
    best = best_of(
        {
            "stock": torch.inference_mode()(lambda: stock.decode(scaled)),
            "ours": torch.inference_mode()(lambda: ours.decode(latents)),
        },
        rounds,
    )
    return {"size": side, **best, "faster": best["stock"] / best["ours"]}


def guidance(sides: Sides, side: int, rounds: int) -> list[Row]:
    """Guidance off, on every step, and on the first quarter of the steps as we do by default."""
    every = ZImagePipeline(sides.components, guided_share=1.0, speed=sides.ours.speed)
    off, on = (contenders.asked(side, STEPS, scale) for scale in (1.0, 1.8))
    best = best_of(
        {
            "stock off": contenders.stock_latents(sides.stock, off, sides.embedding),
            "ours off": contenders.ours_latents(sides.ours, off, sides.embedding),
            "stock every step": contenders.stock_latents(sides.stock, on, sides.embedding),
            "ours every step": contenders.ours_latents(every, on, sides.embedding),
            "ours first quarter": contenders.ours_latents(sides.ours, on, sides.embedding),
        },
        rounds,
    )
    forwards = dict(zip(best, (8, 8, 16, 16, 10), strict=True))
    return [
        {"size": side, "guidance": name, "forwards": forwards[name], "seconds": seconds}
        for name, seconds in best.items()
    ]


def step_costs(sides: Sides, sizes: list[int], rounds: int) -> Iterator[Row]:
    """Seconds of one step against the tokens it works on."""
    for side in sizes:
        task = contenders.asked(side, STEPS, 1.0)
        best = best_of({"all": contenders.ours_latents(sides.ours, task, sides.embedding)}, rounds)
        tokens = padded(image_tokens(side, side)) + padded(len(sides.embedding))
        step = best["all"] / STEPS
        yield {"size": side, "tokens": tokens, "step": step, "µs a token": 1e6 * step / tokens}
