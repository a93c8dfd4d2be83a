"""A picture drawn small, made as large as it was asked for, by the built-in network."""

from contextlib import suppress

import numpy as np
from PIL import Image
from torch import Tensor

from engine.pictures.tensors import to_image, to_pixels
from engine.types import EngineError
from engine.upscale.plan import UpscalePlan
from engine.upscale.tiling import super_resolved, whole


def enlarge(picture: Tensor, width: int, height: int, plan: UpscalePlan) -> Tensor:
    """Return `(3, height, width)` of a smaller `(3, h, w)`, both in [-1, 1], on the CPU.

    Only resampled where the network fails, as for want of memory; a ratio that differs a little is stretched.
    """
    image = to_image(picture)
    factor = -(-max(width * image.height, height * image.width) // (image.width * image.height))
    network = plan.built_in()
    with suppress(EngineError):
        image = Image.fromarray(whole(super_resolved(np.asarray(image), factor, network, plan.side(network))))
    return to_pixels(image.resize((width, height), Image.Resampling.LANCZOS))
