"""The same prompt drawn three times, side by side: as written, optimized, optimized and enhanced.

`python -m lab.compare PROMPT` writes one PNG and prints the prompt that the model got each time.
"""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from engine.models.profiles import profile
from engine.pictures import codec
from engine.runtime.process import ProcessEngine
from engine.types import Engine, EngineSettings, Generate, Picture, PromptReady

COLUMNS = {"original": (False, False), "optimized": (True, False), "enhanced": (True, True)}
"""Name of a column → whether its prompt is optimized and whether it is enhanced."""
GAP = 8
BANNER = 24
INK = (70, 70, 70)


@dataclass(frozen=True)
class Column:
    """One of the pictures and the prompt it was drawn from."""

    name: str
    ready: PromptReady
    picture: Picture


async def compare(engine: Engine, task: Generate) -> list[Column]:
    """Draw `task` once for each column, all with its seed; raises `EngineError` as drawing does."""
    return [
        await _drawn(engine, name, optimize, enhance, task) for name, (optimize, enhance) in COLUMNS.items()
    ]


def sheet(columns: Sequence[Column]) -> Image.Image:
    """Put the pictures side by side, each below its name."""
    images = [codec.read(column.picture.png) for column in columns]
    width, height = images[0].size
    board = Image.new("RGB", (len(images) * (width + GAP) + GAP, height + BANNER + GAP), "white")
    draw = ImageDraw.Draw(board)
    for place, (column, image) in enumerate(zip(columns, images, strict=True)):
        left = GAP + place * (width + GAP)
        draw.text((left, BANNER // 2), column.name, INK, ImageFont.load_default(13), anchor="lm")
        board.paste(image, (left, BANNER))
    return board


async def _drawn(engine: Engine, name: str, optimize: bool, enhance: bool, task: Generate) -> Column:
    variant = replace(task, optimize=optimize, enhance=enhance)
    async with aclosing(engine.run(variant)) as stream:
        events = [event async for event in stream]
    (ready,) = (event for event in events if isinstance(event, PromptReady))
    picture = events[-1]
    assert isinstance(picture, Picture)
    return Column(name, ready, picture)


async def _main(args: argparse.Namespace) -> None:
    side = args.size or profile(args.model).base_size
    task = Generate(args.prompt, width=side, height=side, steps=args.steps, seed=args.seed)
    engine = ProcessEngine(EngineSettings(model=args.model))
    try:
        columns = await compare(engine, task)
    finally:
        await engine.close()
    await asyncio.to_thread(args.out.write_bytes, codec.png(sheet(columns)))
    for column in columns:
        print(f"{column.name}: {column.ready.used}")
        if column.ready.negative_used:
            print(f"{' ' * len(column.name)}  without: {column.ready.negative_used}")
    print(args.out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.compare", description=__doc__)
    parser.add_argument("prompt")
    parser.add_argument("--model", default="embedded", help="embedded, a directory or a hub id")
    parser.add_argument("--size", type=int, help="side in pixels (the model's own by default)")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("compare.png"))
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
