"""A finished picture made larger, tile by tile, its metadata carried over.

Knows methods and limits of size, and which method suits a style. Knows no queue: whoever iterates may stop
between tiles by closing the generator.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np
from PIL import Image

from engine import metadata, pixels
from engine.profiles import EMBEDDED
from engine.types import EngineError, Picture, Progress, Upscale, UpscaleMethod
from engine.upscale import style, tiling
from engine.upscale.plan import BUILT_IN_NAME
from engine.upscale.plan import Plan as Plan

FACTORS = (2, 4)
LONGEST_SIDE = 8192

Stage = Generator[Progress, None, tuple[Image.Image, str]]
"""Returns the picture and the name of what made it."""


def upscale(task: Upscale, plan: Plan) -> Generator[Progress | Picture, None, None]:
    """Enlarge `task.image` by `task.factor` per side; progress by tile or step, the picture last.

    Raises `EngineError`: `bad_input` for an unreadable picture, another factor, too large a result or an
    impossible redraw, `out_of_memory` when no tile is small enough, `model_missing` for unusable weights.
    """
    started = time.perf_counter()
    image = _checked(task)
    parameters = metadata.read(task.image) or metadata.Parameters()
    method = choose(task.method, parameters, plan)
    enlarged, name = yield from METHODS[method](image, task.factor, plan, parameters)
    width, height = enlarged.size
    told = replace(parameters, width=width, height=height, upscaler=name)
    png = metadata.write(pixels.png(enlarged), told)
    seconds = time.perf_counter() - started
    report = {
        "method": method,
        "model": name,
        "factor": task.factor,
        "seconds": {"upscale": round(seconds, 4)},
    }
    yield Picture(png, width, height, parameters.seed, seconds, report)


def choose(method: UpscaleMethod, made: metadata.Parameters, plan: Plan) -> UpscaleMethod:
    """Return the method meant; `auto` is the network where it suits what drew the picture, else Lanczos."""
    if method != "auto":
        return method
    seen = style.of(made.prompt)
    if plan.network().name != BUILT_IN_NAME:
        return "lanczos" if seen in FLATTENED else "sr"
    drawing = seen in DRAWINGS or (seen == "other" and made.model == EMBEDDED)
    return "sr" if drawing else "lanczos"


def _checked(task: Upscale) -> Image.Image:
    if task.factor not in FACTORS:
        raise EngineError("bad_input", f"factor is {task.factor}; it must be 2 or 4")
    if task.method not in ("auto", *METHODS):
        raise EngineError(
            "bad_input",
            f"method is {task.method!r}; it must be auto, {', '.join(list(METHODS)[:-1])} or redraw",
        )
    image = pixels.read(task.image)
    width, height = image.width * task.factor, image.height * task.factor
    if max(width, height) > LONGEST_SIDE:
        raise EngineError(
            "bad_input",
            f"the result would be {width}×{height}; its longer side may have {LONGEST_SIDE} pixels",
        )
    return image


def _lanczos(image: Image.Image, factor: int, plan: Plan, parameters: metadata.Parameters) -> Stage:
    yield from ()
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.LANCZOS), "lanczos"


def _sr(image: Image.Image, factor: int, plan: Plan, parameters: metadata.Parameters) -> Stage:
    network = plan.network()
    picture = yield from tiling.super_resolved(np.asarray(image), factor, network, plan.tile)
    return Image.fromarray(picture), network.name


def _redraw(image: Image.Image, factor: int, plan: Plan, parameters: metadata.Parameters) -> Stage:
    if plan.redraw is None or not parameters.prompt:
        missing = "the loaded model cannot" if plan.redraw is None else "the picture carries no prompt to"
        raise EngineError("bad_input", f"{missing} redraw it; use the method sr or lanczos")
    enlarged, _ = yield from _sr(image, factor, plan, parameters)
    drawn = yield from plan.redraw(enlarged, parameters.prompt, parameters.seed)
    return drawn, "redraw"


DRAWINGS: frozenset[style.Style] = frozenset({"flat", "ink"})
"""Styles of which the built-in network makes more than Lanczos does; docs/upscaling.md has the table."""
FLATTENED: frozenset[style.Style] = frozenset({"watercolour", "pixel art"})
"""Styles that any network takes for damage and smooths away."""

METHODS: dict[UpscaleMethod, Callable[[Image.Image, int, Plan, metadata.Parameters], Stage]] = {
    "sr": _sr,
    "lanczos": _lanczos,
    "redraw": _redraw,
}
