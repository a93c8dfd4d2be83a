"""`python -m lab.bench`: the engine's speed beside stock diffusers, its faults and how to sample."""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import torch

from engine import guards
from engine.memory.plan import PlanRequest
from engine.memory.planner import compute_dtype
from engine.memory.probe import prepare_environment, probe
from engine.models.diffusers.load import load as load_generic
from engine.models.zimage.components import Components
from engine.models.zimage.load import DTYPES, choose_device, find, planned, read, use_device
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
    prepare_environment()
    args = _arguments()
    write(_results(args), sys.stdout, args.json)


def _results(args: argparse.Namespace) -> Iterator[tuple[str, Row]]:
    settings = EngineSettings(
        model=args.model, device=args.device, dtype=args.dtype, threads=args.threads, guides_always=True
    )
    torch.set_num_threads(args.threads)
    yield "machine", machine(settings)
    if args.inject:
        generic = load_generic(settings, find(settings).base)
        yield from _named("inject", inject(ours(settings), args.inject, generic=generic))
    elif args.sampling_study:
        teacher = ours(replace(settings, model=args.teacher)).components if args.teacher else None
        yield from _named("sampling study", sampling_study(ours(settings), args.sampling_study, teacher))
    elif args.black_check:
        for kind in (torch.float32, torch.bfloat16, torch.float16):
            yield "black check", black_check(ours(settings).components, kind, args.black_check)
    elif args.limit:
        yield from _named("limit", limited(settings, args.limit, args.sizes))
    else:
        sides = full_sides(settings) if args.full_size else small_sides(settings)
        if not args.eager_only:
            sides = replace(sides, compiled=stock_compiled(_stocks(sides)))
        yield from compare(sides, args.sizes, args.rounds, args.only)


def write(rows: Iterable[tuple[str, Row]], out: TextIO, is_json: bool) -> None:
    """Write each row of a table as soon as it is there; JSON when it ends, by an error or not."""
    results: dict[str, list[Row]] = {}
    heading: object = None
    try:
        for name, row in rows:
            results.setdefault(name, []).append(row)
            if is_json:
                continue
            if heading != (heading := (name, *row)):
                out.write(f"\n### {name}\n\n{_line(row)}{_line(['---'] * len(row))}")
            out.write(_line(map(_figure, row.values())))
            out.flush()
    finally:
        if is_json:
            out.write(json.dumps(results, indent=1) + "\n")


def _named(name: str, rows: Iterable[Row]) -> Iterator[tuple[str, Row]]:
    return ((name, row) for row in rows)


def compare(sides: Sides, sizes: list[int], rounds: int, only: list[str]) -> Iterator[tuple[str, Row]]:
    """Yield table and row of the tables in `only`, all of them by default.

    Where memory runs out, that is said in place of the row, or of the rest of the table.
    """
    device = sides.components.device
    sizes = sizes or (CUDA_SIZES if device.type == "cuda" else CPU_SIZES)
    small = sizes[0]

    def each(row: Callable[[int], Row], values: Iterable[int]) -> list[Callable[[], list[Row]]]:
        return [lambda value=value: [row(value)] for value in values]  # type: ignore[misc]

    tables: dict[str, list[Callable[[], list[Row]]]] = {
        "whole": each(lambda side: speed.whole(sides, side, rounds), sizes),
        "denoising": each(lambda side: speed.above_floor(sides, side, rounds), sizes),
        "stages": [lambda: speed.stages(sides, small, rounds)],
        "memory": each(lambda side: speed.memory(sides, side), sizes),
        "decoding": each(lambda side: speed.decoding(sides, side, rounds), sizes),
        "batches": each(lambda batch: speed.above_floor(sides, small, rounds, batch), (1, 2, 4, 8)),
        "guidance": [lambda: speed.guidance(sides, small, rounds)],
        "flags": [lambda: speed.flags_alone(sides, small, rounds)],
        "vae": [lambda: speed.flags_in_vae(sides, small, rounds)],
        "weights": [lambda: speed.forms(sides, small, rounds)],
        "steps": each(
            lambda side: speed.step_cost(sides, side, rounds), sizes if device.type == "cuda" else STEP_SIZES
        ),
    }
    for name, parts in tables.items():
        for part in parts if not only or name in only else ():
            yield from _named(name, _fitting(part))


def _fitting(part: Callable[[], list[Row]]) -> list[Row]:
    try:
        return part()
    except (RuntimeError, MemoryError) as error:
        if not guards.out_of_memory(error):
            raise
        message = str(error).partition("\n")[0]
    guards.empty_cache()
    return [{"out of memory": message}]


def ours(settings: EngineSettings) -> ZImagePipeline:
    """Our pipeline around a freshly read model, guided as tasks ask."""
    return _warm(ZImagePipeline(_components(settings)))


def small_sides(settings: EngineSettings) -> Sides:
    """Both sides around a model with a text encoder, read twice."""
    pipeline = ours(settings)
    stock = stock_pipeline(_components(settings))
    with torch.inference_mode():
        return Sides(pipeline, stock, pipeline.text.encode(PROMPT))


def _components(settings: EngineSettings) -> Components:
    files, device = find(settings), use_device(settings.device)
    return read(files, settings, device, planned(settings, files))


def full_sides(settings: EngineSettings, what: Architecture | None = None) -> Sides:
    """Both sides around one full-size model of random weights; the fused weights serve both."""
    device = use_device(settings.device)
    components, embedding = full_size(device, _dtype(settings), what)
    stock = stock_pipeline(replace(components, vae=deepcopy(components.vae)))
    return Sides(_warm(ZImagePipeline(components)), stock, embedding)


def limited(settings: EngineSettings, limit: float, sizes: list[int]) -> Iterator[Row]:
    """Yield a row for each size of the full-size model on a card limited to `limit` GiB."""
    device, sizes = use_device(settings.device), sizes or [LIMITED_SIZE]
    facts = probe(settings.device)
    smaller = under(facts, limit)
    torch.cuda.set_per_process_memory_fraction(smaller.free / facts.total, device)
    request = PlanRequest(max(sizes), max(sizes), settings.dtype, settings.weights)
    components, embedding = laid_out(smaller, request, device)
    pipeline = _warm(ZImagePipeline(components))
    return (speed.limited(pipeline, embedding, side) for side in sizes)


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
