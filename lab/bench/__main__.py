"""`python -m lab.bench`: the engine's speed beside stock diffusers, its faults and how to sample."""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from engine.memory.plan import PlanRequest
from engine.memory.planner import compute_dtype
from engine.memory.probe import probe
from engine.models.diffusers.load import load as load_generic
from engine.models.zimage.components import Components
from engine.models.zimage.load import DTYPES, choose_device, find, planned, read
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineSettings
from lab.bench import speed
from lab.bench.black_check import black_check
from lab.bench.fullsize import Architecture, full_size, laid_out, under
from lab.bench.inject import inject
from lab.bench.pipelines import PROMPT, stock_compiled, stock_pipeline
from lab.bench.roofline import matmul_ceiling
from lab.bench.sampling_study import sampling_study
from lab.bench.speed import Row, Sides

CPU_SIZES, CUDA_SIZES = [128, 256], [512, 768, 1024, 2048]
LIMITED_SIZE = 1024
STEP_SIZES = [64, 96, 128, 160, 192, 256]


def main() -> None:
    """Measure what the arguments name and print it."""
    args = _arguments()
    settings = EngineSettings(args.model, args.device, args.dtype, args.threads)
    torch.set_num_threads(args.threads)
    results: dict[str, Any] = {"machine": machine(settings)}
    if args.inject:
        generic = load_generic(settings, find(settings.model))
        results["inject"] = inject(ours(settings), args.inject, generic=generic)
    elif args.sampling_study:
        teacher = ours(replace(settings, model=args.teacher)).components if args.teacher else None
        results["sampling study"] = sampling_study(ours(settings), args.sampling_study, teacher)
    elif args.black_check:
        kinds = (torch.float32, torch.bfloat16, torch.float16)
        results["black check"] = [
            black_check(ours(settings).components, kind, args.black_check) for kind in kinds
        ]
    elif args.limit:
        results["limit"] = limited(settings, args.limit, args.sizes)
    else:
        sides = full_sides(settings) if args.full_size else small_sides(settings)
        if not args.eager_only:
            sides = replace(sides, compiled=stock_compiled(_stocks(sides)))
        results |= compare(sides, args.sizes, args.rounds, args.only)
    sys.stdout.write(json.dumps(results, indent=1) + "\n" if args.json else "".join(_formatted(results)))


def compare(sides: Sides, sizes: list[int], rounds: int, only: list[str]) -> dict[str, Any]:
    """Return the rows of the tables in `only`, all of them by default."""
    device = sides.components.device
    sizes = sizes or (CUDA_SIZES if device.type == "cuda" else CPU_SIZES)
    small = sizes[0]
    tables: dict[str, Callable[[], list[Row]]] = {
        "whole": lambda: [speed.whole(sides, side, rounds) for side in sizes if sides.encodes],
        "denoising": lambda: [speed.above_floor(sides, side, rounds) for side in sizes],
        "stages": lambda: speed.stages(sides, small, rounds) if sides.encodes else [],
        "memory": lambda: [speed.memory(sides, side) for side in sizes],
        "decoding": lambda: [speed.decoding(sides, side, rounds) for side in sizes],
        "batches": lambda: [speed.above_floor(sides, small, rounds, batch) for batch in (1, 2, 4, 8)],
        "guidance": lambda: speed.guidance(sides, small, rounds),
        "flags": lambda: speed.flags_alone(sides, small, rounds),
        "vae": lambda: speed.flags_in_vae(sides, small, rounds),
        "weights": lambda: speed.forms(sides, small, rounds),
        "steps": lambda: list(
            speed.step_costs(sides, sizes if device.type == "cuda" else STEP_SIZES, rounds)
        ),
    }
    return {name: table() for name, table in tables.items() if not only or name in only}


def ours(settings: EngineSettings) -> ZImagePipeline:
    """Our pipeline around a freshly read model."""
    return _warm(ZImagePipeline(_components(settings)))


def small_sides(settings: EngineSettings) -> Sides:
    """Both sides around a model with a text encoder, read twice."""
    pipeline = ours(settings)
    stock = stock_pipeline(_components(settings))
    with torch.inference_mode():
        return Sides(pipeline, stock, pipeline.text.encode(PROMPT))


def _components(settings: EngineSettings) -> Components:
    folder = find(settings.model)
    device = choose_device(settings.device)
    return read(folder, settings.model, device, planned(settings, folder))


def full_sides(settings: EngineSettings, what: Architecture | None = None) -> Sides:
    """Both sides around one full-size model of random weights; the fused weights serve both."""
    device = choose_device(settings.device)
    components, embedding = full_size(device, _dtype(settings), what)
    stock = stock_pipeline(replace(components, text_encoder=None, vae=deepcopy(components.vae)))
    return Sides(_warm(ZImagePipeline(components)), stock, embedding, encodes=False)


def limited(settings: EngineSettings, limit: float, sizes: list[int]) -> list[Row]:
    """Return a row for each size of the full-size model on a card limited to `limit` GiB."""
    device, sizes = choose_device(settings.device), sizes or [LIMITED_SIZE]
    facts = probe(settings.device)
    smaller = under(facts, limit)
    torch.cuda.set_per_process_memory_fraction(smaller.free / facts.total, device)
    request = PlanRequest(max(sizes), max(sizes), settings.dtype, settings.weights)
    components, embedding = laid_out(smaller, request, device)
    pipeline = _warm(ZImagePipeline(components))
    return [speed.limited(pipeline, embedding, side) for side in sizes]


def _warm(pipeline: ZImagePipeline) -> ZImagePipeline:
    pipeline.warm()
    return pipeline


def _stocks(sides: Sides) -> Components:
    """Return our components with the stock pipeline's own models in their place."""
    stock = sides.stock
    return replace(
        sides.components, text_encoder=stock.text_encoder, transformer=stock.transformer, vae=stock.vae
    )


def _dtype(settings: EngineSettings) -> torch.dtype:
    """Return what our pipeline computes in on this device."""
    return DTYPES[compute_dtype(probe(settings.device), settings.dtype)]


def machine(settings: EngineSettings) -> Row:
    """Say what was measured on and when."""
    device = choose_device(settings.device)
    is_cuda = device.type == "cuda"
    dtype = _dtype(settings)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "model": settings.model,
        "device": torch.cuda.get_device_name(device) if is_cuda else _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "dtype": str(dtype).removeprefix("torch."),
        "matmul GFLOP/s": round(matmul_ceiling(device, dtype) / 1e9, 1),
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _formatted(results: dict[str, Any]) -> Iterable[str]:
    for name, rows in results.items():
        rows = [rows] if isinstance(rows, dict) else rows
        yield f"\n### {name}\n\n"
        if rows:
            yield _line(rows[0])
            yield _line(["---"] * len(rows[0]))
        for row in rows:
            yield _line(_figure(value) for value in row.values())


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.bench", description=__doc__)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads for both sides")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side; the best one counts")
    parser.add_argument("--sizes", type=int, nargs="*", default=[], help="sides in pixels")
    parser.add_argument("--only", nargs="*", default=[], help="tables to make, by name")
    parser.add_argument("--eager-only", action="store_true", help="leave the compiled stock pipeline out")
    parser.add_argument("--full-size", action="store_true", help="the 6 B architecture with random weights")
    parser.add_argument("--limit", type=float, metavar="GB", help="with --full-size: of a CUDA card, so much")
    parser.add_argument("--inject", type=int, metavar="RUNS", help="put faults into so many pictures")
    parser.add_argument("--black-check", type=int, metavar="PICTURES", help="draw so many in each precision")
    parser.add_argument(
        "--sampling-study", type=int, metavar="PROMPTS", help="judge schedules, steps and reuse"
    )
    parser.add_argument("--teacher", help="for the sampling study: the folder of the undistilled model")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.limit and not (args.full_size and choose_device(args.device).type == "cuda"):
        parser.error("--limit needs --full-size and a CUDA device")
    return args


if __name__ == "__main__":
    main()
