"""Encoded picture files in, checked RGB pictures out, and back to PNG.

Standard library and Pillow. Knows formats and limits of size. Knows no model and no metadata.
"""

import struct
import warnings
from io import BytesIO

from PIL import Image, ImageOps

from engine.types import EngineError

FORMATS = ("PNG", "JPEG", "WEBP")
LARGEST_PIXELS = 50_000_000
PNG_COMPRESSION = 2
"""Pillow's default of 6 costs four times the time for a seventh of the size."""

BROKEN_FILE = (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError, struct.error)
"""What Pillow's decoders raise on damaged or hostile files."""


def read(data: bytes) -> Image.Image:
    """Return an encoded PNG, JPEG or WebP as upright RGB on white; of one that moves, the first frame.

    Raises `EngineError("bad_input")` for anything else, for damaged files and for more than `LARGEST_PIXELS`.
    """
    upright = opened(data)
    ground = Image.new("RGBA", upright.size, "white")
    return Image.alpha_composite(ground, upright).convert("RGB")


def opened(data: bytes) -> Image.Image:
    """Return an encoded picture as upright RGBA; raises as `read` does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=FORMATS)
            if image.width * image.height > LARGEST_PIXELS:
                raise _too_large(image)
            return eight_bit(ImageOps.exif_transpose(image)).convert("RGBA")
    except (*BROKEN_FILE, Image.DecompressionBombError) as error:
        raise EngineError("bad_input", "the picture cannot be read; send a PNG, JPEG or WebP file") from error


def size_of(data: bytes) -> tuple[int, int] | None:
    """Return the size in pixels that an encoded picture's header gives; None for what is no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(BytesIO(data), formats=FORMATS).size
    except (*BROKEN_FILE, Image.DecompressionBombError):
        return None


def fit(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scale and crop around the centre to exactly `width`×`height`."""
    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


def png(image: Image.Image) -> bytes:
    """Encode as PNG."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=PNG_COMPRESSION)
    return buffer.getvalue()


def stored(image: Image.Image) -> bytes:
    """Encode as PNG without compressing, so that it opens at once."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits: Pillow's own conversion would make everything above 255 white."""
    if not image.mode.startswith("I"):
        return image
    return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")


def _too_large(image: Image.Image) -> EngineError:
    return EngineError(
        "bad_input",
        f"the picture has {image.width}×{image.height} pixels; send at most {LARGEST_PIXELS:,} in all",
    )
