"""A finished picture upscaled, tile by tile, its metadata carried over.

Closing the generator stops the work between two tiles.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from engine import embedded, guards
from engine.files.upscalers import Kind, NotFetched
from engine.pictures import codec, metadata
from engine.pictures.tensors import to_pixels
from engine.pipeline import Redraw
from engine.types import (
    LONGEST_UPSCALED,
    UPSCALE_FACTORS,
    EngineError,
    Picture,
    Progress,
    Upscale,
    UpscaleMethod,
)
from engine.upscale import style, tiling
from engine.upscale.plan import UpscalePlan as UpscalePlan

LOOKED_AT = 512
"""Longest side in pixels at which a result is checked."""
LANCZOS: Final = "lanczos"


class Upscaled(NamedTuple):
    """A larger picture, the name of its network or method, and why others were not used."""

    image: Image.Image
    name: str
    faults: tuple[str, ...] = ()


Stage = Generator[Progress, None, Upscaled]
Stages = Callable[[Image.Image, int, UpscalePlan, Kind], Stage]


def upscale(task: Upscale, plan: UpscalePlan) -> Generator[Progress | Picture | Redraw, None, None]:
    """Upscale `task.image` by `task.factor` per side; progress by tile, then the picture.

    Where it is to be redrawn the last is a `Redraw`: what the loaded model has to draw for it. Raises
    `EngineError`: `bad_input` for an unreadable picture, another factor, too large a result or an impossible
    redraw, `out_of_memory` when no tile is small enough, `model_missing` for unusable weights.
    """
    image = _checked(task)
    parameters = metadata.read(task.image) or metadata.Parameters()
    method = choose(task.method, parameters, plan)
    origin = _Origin(task.factor, method, parameters)
    if method == "redraw":
        yield (yield from _redraw(image, origin, plan))
    else:
        started = time.perf_counter()
        upscaled = yield from METHODS[method](image, task.factor, plan, kind(parameters))
        yield origin.picture(upscaled, time.perf_counter() - started)


@dataclass(frozen=True)
class _Origin:
    """What a larger picture comes from and by which method."""

    factor: int
    method: UpscaleMethod
    parameters: metadata.Parameters

    def picture(self, upscaled: Upscaled, took: float, drawn: Sequence[Picture] = ()) -> Picture:
        """Return the result with its metadata; `drawn` are the pieces of a redrawn one."""
        width, height = upscaled.image.size
        parameters = replace(self.parameters, width=width, height=height, upscaler=upscaled.name)
        png = metadata.write(codec.png(upscaled.image), parameters)
        seconds = {"upscale": took}
        method = LANCZOS if upscaled.name == LANCZOS else self.method
        report = {"method": method, "model": upscaled.name, "factor": self.factor}
        guarded = [
            *upscaled.faults,
            *(action for piece in drawn for action in piece.report.get("guards", ())),
        ]
        if drawn:
            seconds |= {"redraw": sum(piece.seconds for piece in drawn)}
        if drawn or guarded:
            report |= {"guards": guarded}
        rounded = {stage: round(took, 4) for stage, took in seconds.items()}
        total = sum(seconds.values())
        return Picture(png, width, height, self.parameters.seed, total, report | {"seconds": rounded})


def choose(method: UpscaleMethod, parameters: metadata.Parameters, plan: UpscalePlan) -> UpscaleMethod:
    """Return the method meant; `auto` is a network where one suits the picture, else Lanczos."""
    if method != "auto":
        return method
    if style.of(parameters.prompt) in FLATTENED:
        return "lanczos"
    return "sr" if kind(parameters) == "drawing" or "photograph" in plan.weights() else "lanczos"


def kind(parameters: metadata.Parameters) -> Kind:
    """Return what a picture is: a drawing by its prompt or its model, else a photograph."""
    seen = style.of(parameters.prompt)
    is_drawing = seen in DRAWINGS or (seen == "other" and parameters.model == embedded.NAME)
    return "drawing" if is_drawing else "photograph"


def _checked(task: Upscale) -> Image.Image:
    if task.factor not in UPSCALE_FACTORS:
        raise EngineError(
            "bad_input", f"factor is {task.factor}; it must be one of {', '.join(map(str, UPSCALE_FACTORS))}"
        )
    if task.method not in ("auto", *METHODS, "redraw"):
        raise EngineError(
            "bad_input", f"method is {task.method!r}; it must be auto, {', '.join(METHODS)} or redraw"
        )
    image = codec.read(task.image)
    width, height = image.width * task.factor, image.height * task.factor
    if max(width, height) > LONGEST_UPSCALED:
        raise EngineError(
            "bad_input",
            f"the result would be {width}×{height}; its longer side may have {LONGEST_UPSCALED} pixels",
        )
    return image


def _lanczos(image: Image.Image, factor: int, plan: UpscalePlan, kind: Kind) -> Stage:
    yield from ()
    size = (image.width * factor, image.height * factor)
    return Upscaled(image.resize(size, Image.Resampling.LANCZOS), LANCZOS)


def _sr(image: Image.Image, factor: int, plan: UpscalePlan, kind: Kind) -> Stage:
    """Upscale with the network; with Lanczos where it isn't to be had, or what it makes must not be shown."""
    try:
        network = plan.network(kind)
        picture = yield from tiling.super_resolved(np.asarray(image), factor, network, plan.side(network))
    except EngineError as error:
        if error.code != "numerics" and not isinstance(error, NotFetched):
            raise
        fault: str | None = str(error)
    else:
        upscaled = Image.fromarray(picture)
        fault = None if _fault(image) else _fault(upscaled)
        if fault is None:
            return Upscaled(upscaled, network.name)
        fault = f"the weights {network.name} spoil the picture: {fault}"
    plain = yield from _lanczos(image, factor, plan, kind)
    return plain._replace(faults=(f"{fault}; upscaled with Lanczos",))


def _fault(image: Image.Image) -> str | None:
    """Return why a picture is broken, or None; whether it is black or of one colour shows at any size."""
    small = image.copy()
    small.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX)
    return guards.pixels(to_pixels(small))


def _redraw(
    image: Image.Image, origin: _Origin, plan: UpscalePlan
) -> Generator[Progress, None, Picture | Redraw]:
    """Upscale with the network and cut the result into what is to be drawn; all steps are counted in one."""
    if plan.redraw is None or not origin.parameters.prompt:
        missing = "the loaded model cannot" if plan.redraw is None else "the picture carries no prompt to"
        raise EngineError("bad_input", f"{missing} redraw it; use the method sr or lanczos")
    work = plan.redraw.work(image.width * origin.factor, image.height * origin.factor)
    stage = _sr(image, origin.factor, plan, kind(origin.parameters))
    started, tiles = time.perf_counter(), 0
    while True:
        try:
            progress = next(stage)
        except StopIteration as end:
            upscaled = end.value
            break
        tiles = progress.steps
        yield Progress(progress.step, tiles + work)
    cut = plan.redraw.cut(upscaled.image, origin.parameters)
    tasks = tuple(task for task in cut.tasks if task is not None)
    took = time.perf_counter() - started
    if not tasks:
        return origin.picture(upscaled, took)

    def join(drawn: Sequence[Picture]) -> Picture:
        joined = cut.joined([piece.png for piece in drawn])
        return origin.picture(Upscaled(joined, "redraw", upscaled.faults), took, drawn)

    left = len(tasks) * plan.redraw.steps
    return Redraw(tasks, tiles + work - left, tiles + work, join)


DRAWINGS: frozenset[style.Style] = frozenset({"flat", "ink"})
"""Styles that networks for drawings know, the built-in one among them; docs/upscaling.md has the table."""
FLATTENED: frozenset[style.Style] = frozenset({"watercolour", "pixel art"})
"""Styles that any network takes for damage and smooths away."""

METHODS: dict[UpscaleMethod, Stages] = {
    "sr": _sr,
    LANCZOS: _lanczos,
}
"""What makes the larger picture by itself; to redraw takes the loaded model's steps."""
