"""A finished picture made larger, its metadata carried over.

Knows resampling and the limits of size. Knows no model yet: the one method is Lanczos, and it says so.
"""

import time
from dataclasses import replace

from PIL import Image

from engine import metadata, pixels
from engine.types import EngineError, Picture, Upscale

FACTORS = (2, 4)
LONGEST_SIDE = 8192
METHOD = "lanczos"


def upscale(task: Upscale) -> Picture:
    """Enlarge `task.image` by `task.factor` per side.

    Raises `EngineError("bad_input")` for an unreadable picture, another factor or too large a result.
    """
    started = time.perf_counter()
    if task.factor not in FACTORS:
        raise EngineError("bad_input", f"factor is {task.factor}; it must be 2 or 4")
    image = pixels.read(task.image)
    width, height = image.width * task.factor, image.height * task.factor
    if max(width, height) > LONGEST_SIDE:
        raise EngineError(
            "bad_input",
            f"the result would be {width}×{height}; its longer side may have {LONGEST_SIDE} pixels",
        )
    parameters = metadata.read(task.image) or metadata.Parameters()
    enlarged = image.resize((width, height), Image.Resampling.LANCZOS)
    png = metadata.write(
        pixels.png(enlarged), replace(parameters, width=width, height=height, upscaler=METHOD)
    )
    seconds = time.perf_counter() - started
    report = {"method": METHOD, "factor": task.factor, "seconds": {"upscale": round(seconds, 4)}}
    return Picture(png, width, height, parameters.seed, seconds, report)
