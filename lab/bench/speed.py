"""Our pipeline beside the stock one, as rows of figures."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch
from torch import Tensor

from engine.memory import allocator
from engine.memory.estimate import square
from engine.memory.plan import GIB
from engine.memory.planner import lacks
from engine.memory.probe import probe
from engine.memory.sizes import Weights
from engine.models.zimage.components import Components
from engine.models.zimage.denoiser import padded
from engine.models.zimage.pipeline import ZImagePipeline
from engine.sampling import flow
from engine.types import Generate, image_tokens
from lab.bench import pipelines
from lab.bench.ablation import IN_TRANSFORMER, IN_VAE, only, pipeline_with, vae_with
from lab.bench.clock import best_of, timed
from lab.bench.memory import MIB, most, peak
from lab.bench.roofline import operations, products

STEPS = 8
STAGES = ("encode", "steps", "decode", "png")
CLOCK = 1e-4
"""Seconds a picture's report resolves."""
FORMS: tuple[Weights, ...] = ("plain", "int8", "float8", "int8-fast", "float8-fast")
Row = dict[str, Any]
Runs = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Sides:
    """Our pipeline, the stock one with weights of its own, and a caption embedding `(n, features)` for both.

    `compiled` is the stock pipeline with its blocks compiled, None to leave it out.
    """

    ours: ZImagePipeline
    stock: Any
    embedding: Tensor
    compiled: Any | None = None

    @property
    def components(self) -> Components:
        """Our side's model."""
        return self.ours.components


def whole(sides: Sides, side: int, rounds: int) -> Row:
    """One picture of `side` pixels, prompt to PNG, without guidance: equal forwards on both sides."""
    best = best_of(_wholes(sides, pipelines.square_task(side, STEPS, 1.0)), rounds)
    return {"size": side, "forwards": STEPS, **best, **_faster(best)}


def above_floor(sides: Sides, side: int, rounds: int, batch: int = 1) -> Row:
    """Embeddings to latents against the matrix products of the same forwards.

    The shares are those of the ceiling, the speed of one large square product in the same run, at which each
    did these products' operations.
    """
    transformer = sides.components.transformer
    shape = (image_tokens(side, side), padded(len(sides.embedding)), batch)
    forward = products(transformer, *shape)
    product, count = square(sides.components.device, sides.components.dtype)
    work = STEPS * operations(transformer, *shape)
    drawn = _latents(sides, pipelines.square_task(side, STEPS, 1.0), batch)
    best = best_of(
        {
            "ceiling": product,
            "floor": torch.inference_mode()(lambda: [forward() for _ in range(STEPS)]),
            **drawn,
        },
        rounds,
    )
    ceiling = count / best.pop("ceiling")
    return {
        "size": side,
        "batch": batch,
        **best,
        **_faster(best),
        "above floor, ours / stock": (best["ours"] - best["floor"]) / (best["stock"] - best["floor"]),
        "ceiling, GFLOP/s": ceiling / 1e9,
        **{f"share, {name}": work / best[name] / ceiling for name in drawn},
    }


def memory(sides: Sides, side: int) -> Row:
    """The peak of a whole picture of each besides the weights, in MiB."""
    runs = _wholes(sides, pipelines.square_task(side, STEPS, 1.0))
    device = sides.components.device
    return {"size": side, **{f"{name}, MiB": peak(device, run) / MIB for name, run in runs.items()}}


def flags_alone(sides: Sides, side: int, rounds: int) -> list[Row]:
    """Embeddings to latents with no speed-up, with each flag alone, and with those in use.

    What is of use on CUDA only builds on the others, so it is added to those in use or taken from them.
    """
    task = pipelines.square_task(side, STEPS, 1.0)
    speeds = {"in use": sides.ours.speed}
    if sides.components.device.type == "cuda":
        speeds["in use, uncompiled"] = replace(sides.ours.speed, compiled=False)
        speeds["in use and cuda_graphs"] = replace(sides.ours.speed, cuda_graphs=True)

    def ablated(*kept: str) -> Callable[[], object]:
        pipeline = pipeline_with(sides.components, kept)
        return only(kept)(pipelines.ours_latents(pipeline, task, sides.embedding))

    runs: Runs = {"none": ablated(), **{flag: ablated(flag) for flag in IN_TRANSFORMER}}
    for name, speed in speeds.items():
        pipeline = ZImagePipeline(sides.components, speed=speed)
        pipeline.warm()
        runs[name] = pipelines.ours_latents(pipeline, task, sides.embedding)
    best = best_of(runs, rounds)
    return [
        {"size": side, "flag": name, "seconds": seconds, "faster": best["none"] / seconds}
        for name, seconds in best.items()
    ]


def decoding(sides: Sides, side: int, rounds: int) -> Row:
    """The VAE's decoder alone, as stock has it and with our layout and fewer products."""
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


def flags_in_vae(sides: Sides, side: int, rounds: int) -> list[Row]:
    """The decoder with each flag of the VAE alone, and with those in use, from unchanged copies."""
    latents = torch.randn((16, side // 8, side // 8), device=sides.components.device)
    in_use = IN_VAE if sides.ours.speed.lean_decoder else IN_VAE[:1]

    def run(*kept: str) -> Callable[[], object]:
        vae = vae_with(sides.stock.vae, kept)
        return torch.inference_mode()(lambda: vae.decode(latents))

    runs: Runs = {"none": run(), **{flag: run(flag) for flag in IN_VAE}, "in use": run(*in_use)}
    best = best_of(runs, rounds)
    return [
        {"size": side, "flag": name, "seconds": seconds, "faster": best["none"] / seconds}
        for name, seconds in best.items()
    ]


def forms(sides: Sides, side: int, rounds: int) -> list[Row]:
    """Embeddings to latents with the main blocks' matrices kept in the other forms that the device has."""
    task = pipelines.square_task(side, STEPS, 1.0)

    def run(form: Weights) -> Callable[[], object]:
        kept = sides.components if form == "plain" else pipelines.ours_packed(sides.components, form)
        pipeline = ZImagePipeline(kept, speed=sides.ours.speed)
        pipeline.warm()
        return pipelines.ours_latents(pipeline, task, sides.embedding)

    facts = probe(sides.components.device.type)
    best = best_of({form: run(form) for form in FORMS if not lacks(facts, form)}, rounds)
    return [
        {"size": side, "weights": form, "seconds": seconds, "faster": best["plain"] / seconds}
        for form, seconds in best.items()
    ]


def stages(sides: Sides, side: int, rounds: int) -> list[Row]:
    """One picture stage by stage, by the wall clock, which counts what else runs on the machine."""
    task = pipelines.square_task(side, STEPS, 1.0)
    turns = [
        (pipelines.stock_stages(sides.stock, task), pipelines.ours_stages(sides.ours, task))
        for _ in range(rounds + 1)
    ][1:]
    stock, ours = ({stage: min(turn[who][stage] for turn in turns) for stage in STAGES} for who in (0, 1))
    return [
        {"size": side, "stage": stage, "stock": stock[stage], "ours": ours[stage]}
        | {"faster than stock": stock[stage] / max(ours[stage], CLOCK)}
        for stage in STAGES
    ]


def limited(ours: ZImagePipeline, embedding: Tensor, side: int) -> Row:
    """An embedding to pixels with limited memory: the plan, its expected peak and the memory taken.

    What the allocator has reserved and does not use (idle) is lost in holes; main memory is the process's.
    """
    device = ours.components.device
    while ours.components.make_room is not None and ours.components.make_room(side, side):
        ours.denoiser.refresh()
    run = pipelines.ours_pixels(ours, pipelines.square_task(side, STEPS, 1.0), embedding)
    taken = most(device, run)
    layout = ours.components.layout(side, side)
    seconds, held = timed(run), allocator.read(device)
    found = {"expected": int(layout["peak"]), "taken": taken, "reserved": held.reserved, "idle": held.idle}
    found["main memory"] = psutil.Process().memory_info().rss
    gigabytes = {f"{name}, GiB": count / GIB for name, count in found.items()}
    return {"size": side, "plan": layout["plan"], **gigabytes, "seconds": seconds}


def guidance(sides: Sides, side: int, rounds: int) -> list[Row]:
    """Guidance off, on every step, and on as many steps as the model's profile says."""
    every = ZImagePipeline(sides.components, guided_share=1.0, speed=sides.ours.speed)
    off, on = (pipelines.square_task(side, STEPS, scale) for scale in (1.0, 1.8))
    best = best_of(
        {
            "stock off": pipelines.stock_latents(sides.stock, off, sides.embedding),
            "ours off": pipelines.ours_latents(sides.ours, off, sides.embedding),
            "stock every step": pipelines.stock_latents(sides.stock, on, sides.embedding),
            "ours every step": pipelines.ours_latents(every, on, sides.embedding),
            "ours by profile": pipelines.ours_latents(sides.ours, on, sides.embedding),
        },
        rounds,
    )
    some = STEPS + flow.guided_steps(STEPS, 1.8, sides.ours.guided_share)
    forwards = dict(zip(best, (STEPS, STEPS, 2 * STEPS, 2 * STEPS, some), strict=True))
    return [
        {"size": side, "guidance": name, "forwards": forwards[name], "seconds": seconds}
        for name, seconds in best.items()
    ]


def step_cost(sides: Sides, side: int, rounds: int) -> Row:
    """Seconds of one step against the tokens it works on."""
    task = pipelines.square_task(side, STEPS, 1.0)
    best = best_of({"all": pipelines.ours_latents(sides.ours, task, sides.embedding)}, rounds)
    tokens = padded(image_tokens(side, side)) + padded(len(sides.embedding))
    step = best["all"] / STEPS
    return {"size": side, "tokens": tokens, "step": step, "µs a token": 1e6 * step / tokens}


def _wholes(sides: Sides, task: Generate) -> Runs:
    runs: Runs = {"stock": pipelines.stock_whole(sides.stock, task)}
    if sides.compiled is not None:
        runs["stock compiled"] = pipelines.stock_whole(sides.compiled, task)
    return runs | {"ours": pipelines.ours_whole(sides.ours, task)}


def _latents(sides: Sides, task: Generate, batch: int = 1) -> Runs:
    runs: Runs = {"stock": pipelines.stock_latents(sides.stock, task, sides.embedding, batch)}
    if sides.compiled is not None:
        runs["stock compiled"] = pipelines.stock_latents(sides.compiled, task, sides.embedding, batch)
    return runs | {"ours": pipelines.ours_latents(sides.ours, task, sides.embedding, batch)}


def _faster(best: dict[str, float]) -> Row:
    """Say how many times faster ours is than each stock pipeline."""
    stocks = (name for name in ("stock", "stock compiled") if name in best)
    return {f"faster than {name}": best[name] / best["ours"] for name in stocks}
