"""From a decoded and checked picture to a file: detail, PNG, its parameters.

Runs in any thread and uses no part of the model.
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from engine import guards
from engine.models.zimage import record
from engine.models.zimage.components import Components
from engine.models.zimage.drawing import Drawing
from engine.pictures import codec, metadata
from engine.pictures.tensors import to_image
from engine.types import EngineError, Picture
from engine.upscale import detail


def encode(components: Components, drawing: Drawing, picture: Tensor, plan: Mapping[str, Any]) -> Picture:
    """Return the result of a drawing whose pixels are `picture` `(3, height, width)` in [-1, 1].

    `plan` is the layout of the model in memory.
    """
    task, model = drawing.task, components.profile.name
    image = to_image(picture)
    share = detail.strength(drawing.ready.used, components.upscaling) if task.enhance else 0.0
    if share:
        image = _refined(components, drawing, image, share)
    started = time.perf_counter()
    png = metadata.write(codec.png(image), record.parameters(task, drawing.ready, model))
    drawing.seconds["png"] = time.perf_counter() - started
    return Picture(
        png,
        task.width,
        task.height,
        task.seed,
        sum(drawing.seconds.values()),
        record.report(drawing, model, str(components.device), plan),
    )


def _refined(components: Components, drawing: Drawing, image: Image.Image, share: float) -> Image.Image:
    """Return the picture with more detail; as it is, and the report says so, where memory is short of it."""
    started = time.perf_counter()
    try:
        with guards.oom_as("memory ran out"):
            refined = detail.refine(np.asarray(image), share, components.upscaling)
    except EngineError as error:
        drawing.actions.append(f"no detail added: {error}")
        return image
    drawing.seconds["detail"] = time.perf_counter() - started
    return Image.fromarray(refined)
