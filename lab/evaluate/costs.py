"""What the embedded model costs on this machine: `python -m lab.evaluate.costs`.

Loads it and draws with it in a child process, as the bot does, and prints seconds and memory. The seconds
hold only while nothing else runs.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import psutil
import torch

from engine.models.profiles import profile
from engine.models.zimage.load import load
from engine.runtime.process import ProcessEngine
from engine.types import EngineSettings, Generate, Picture

PROMPT = "a red sailboat on the left and a white bird on the right on the sea at sunset"
MIB = 1024**2


async def costs(settings: EngineSettings, side: int, pictures: int) -> AsyncIterator[str]:
    """Yield the figures line by line: load, pictures of `side` pixels at 8 steps, the child's memory."""
    load(settings)  # once for the imports
    began = time.perf_counter()
    load(settings)
    yield f"weights loaded in {time.perf_counter() - began:.2f} s, imports apart"
    engine = ProcessEngine(settings)
    try:
        began = time.perf_counter()
        await engine.ready()
        yield f"the child is ready after {time.perf_counter() - began:.1f} s, imports included"
        seconds = [(await _drawn(engine, side, seed)).seconds for seed in range(pictures)]
        yield f"{side}×{side}, 8 steps: best of {pictures} {min(seconds):.2f} s, worst {max(seconds):.2f} s"
        assert engine.pid is not None
        resident = psutil.Process(engine.pid).memory_info().rss
        yield f"the child keeps {resident / MIB:.0f} MiB after them"
    finally:
        await engine.close()


async def _drawn(engine: ProcessEngine, side: int, seed: int) -> Picture:
    async with aclosing(engine.run(Generate(PROMPT, width=side, height=side, seed=seed))) as events:
        return [event async for event in events if isinstance(event, Picture)][-1]


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.costs", description=__doc__)
    parser.add_argument("--weights", default="embedded", help="a model folder instead of the package's own")
    parser.add_argument("--side", type=int, default=0, help="pixels; the model's own by default")
    parser.add_argument("--pictures", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    settings = EngineSettings(model=args.weights, threads=args.threads)
    async for line in costs(settings, args.side or profile("embedded").drawn_side, args.pictures):
        print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
