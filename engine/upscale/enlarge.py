"""A picture drawn small, made as large as it was asked for, by the built-in network."""

import numpy as np
from PIL import Image
from torch import Tensor

from engine.pictures.tensors import to_image, to_pixels
from engine.types import EngineError
from engine.upscale.plan import UpscalePlan
from engine.upscale.tiling import returned, super_resolved


def enlarge(picture: Tensor, width: int, height: int, plan: UpscalePlan, actions: list[str]) -> Tensor:
    """Return `(3, height, width)` of a smaller `(3, h, w)`, both in [-1, 1], on the CPU.

    A ratio that differs a little is stretched. Where the network fails, as for want of memory, the picture is
    only resampled, and `actions` say so.
    """
    image = to_image(picture)
    factor = -(-max(width * image.height, height * image.width) // (image.width * image.height))
    network = plan.built_in()
    try:
        image = Image.fromarray(
            returned(super_resolved(np.asarray(image), factor, network, plan.side(network)))
        )
    except EngineError as error:
        actions.append(f"{error}; enlarged with Lanczos")
    return to_pixels(image.resize((width, height), Image.Resampling.LANCZOS))
