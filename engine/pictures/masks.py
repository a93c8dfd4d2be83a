"""Pictures of which a part is to be drawn anew: that part is transparent in a PNG, opaque is what stays.

Pillow and numpy. Knows files; what a model makes of them is `engine.sampling.inpaint`.
"""

import numpy as np
from PIL import Image

from engine.pictures import codec
from engine.types import EngineError

ALIGNED = 8
"""Pixels of a latent: what is moved by whole ones is encoded as it was."""
SEAM = 8
INNER_SEAM = 6
"""What is seen of the picture changes beyond its edge, less and less, up to the shorter side of the view
through the first or of the picture in it through the second, whichever is less."""
HIDDEN = 255
"""A mask's level where everything is drawn anew; 0 is where the picture stays."""


def split(data: bytes) -> tuple[Image.Image, Image.Image]:
    """Return the RGB picture of a file and its mask `L`: `HIDDEN` where it is transparent.

    Raises `EngineError("bad_input")` as `codec.read` does, and for a picture that is nowhere transparent.
    """
    image = codec.opened(data)
    mask = image.getchannel("A").point(lambda level: HIDDEN - level)
    if mask.getbbox() is None:
        raise EngineError("bad_input", "the picture is nowhere transparent; clear what is to be drawn anew")
    return image.convert("RGB"), mask


def joined(image: Image.Image, mask: Image.Image) -> bytes:
    """Return an RGB picture as a PNG that is transparent where `mask` `L` says; colours stay under it."""
    masked = image.copy()
    masked.putalpha(mask.point(lambda level: HIDDEN - level))
    return codec.png(masked)


def painted(data: bytes, mask: bytes) -> bytes:
    """Return an encoded picture as a PNG that is transparent where another one of its size is white.

    Raises `EngineError("bad_input")` for another size.
    """
    image, white = codec.read(data), codec.read(mask).convert("L")
    if white.size != image.size:
        sizes = [f"{width}×{height}" for width, height in (white.size, image.size)]
        raise EngineError(
            "bad_input", f"the mask has {sizes[0]} pixels, its picture {sizes[1]}; send equal sizes"
        )
    return joined(image, white)


def moved(data: bytes, zoom: float = 1.0, right: float = 0.0, down: float = 0.0) -> bytes:
    """Return an encoded picture as a view of the same size sees it: what it shows beyond is transparent.

    The view sees `zoom` times as far in each direction and is moved by shares of the picture's sides.
    """
    image = codec.read(data)
    width, height = image.size
    inner = _aligned(width / zoom), _aligned(height / zoom)
    if inner != image.size:
        image = image.resize(inner, Image.Resampling.LANCZOS)
    left = _aligned((width - inner[0]) / 2 - right * width)
    top = _aligned((height - inner[1]) / 2 - down * height)
    before, after = (max(0, top), max(0, left)), (height - top - inner[1], width - left - inner[0])
    pixels = np.asarray(image)[max(0, -top) :, max(0, -left) :][: height - before[0], : width - before[1]]
    sides = [(before[0], max(0, after[0])), (before[1], max(0, after[1]))]
    # The colours at the edge go on: what the encoder sees beyond it reaches into the part that stays.
    canvas = np.pad(pixels, [*sides, (0, 0)], "edge")
    reach = min(min(width, height) // SEAM, min(inner) // INNER_SEAM)
    seams = [(reach * bool(first), reach * bool(last)) for first, last in sides]
    still = [size - sum(seam) for size, seam in zip(pixels.shape, seams, strict=False)]
    fading = np.pad(np.zeros(still, np.uint8), seams, "linear_ramp", end_values=HIDDEN)
    mask = np.pad(fading, sides, constant_values=HIDDEN)
    return joined(Image.fromarray(canvas), Image.fromarray(mask))


def _aligned(pixels: float) -> int:
    return ALIGNED * round(pixels / ALIGNED)
