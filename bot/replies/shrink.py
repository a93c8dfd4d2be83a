"""A picture small enough to be sent: as it is, else as WebP, else as JPEG, else smaller.

Knows encoded pictures and bytes; knows no platform. CPU work: call it in a thread.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from PIL import Image as Pillow

from bot.types import Image
from engine.pictures.metadata import read, to_text

ENCODINGS = (("WEBP", 95), ("WEBP", 85), ("JPEG", 85), ("JPEG", 70))
MIMES = {"WEBP": "image/webp", "JPEG": "image/jpeg"}
EXIF_BLOCK, USER_COMMENT = 0x8769, 0x9286


def shrink_to(image: Image, limit: int, rungs: Sequence[tuple[str, int]] = ENCODINGS) -> Image:
    """Return `image` with at most `limit` bytes; its parameters stay readable, its longer side over 16.

    `rungs` are the (format, quality) pairs that are tried in order.
    """
    if len(image.data) <= limit:
        return image
    with Pillow.open(io.BytesIO(image.data)) as opened:
        pixels = opened.convert("RGB")
    exif = _exif(image.data)
    while True:
        for form, quality in rungs:
            data = _encode(pixels, form, quality, exif)
            if len(data) <= limit or max(pixels.size) <= 16:
                name = PurePath(image.name).with_suffix(f".{form.lower()}").name
                return replace(
                    image, name=name, data=data, mime=MIMES[form], width=pixels.width, height=pixels.height
                )
        pixels = pixels.resize((max(1, pixels.width // 2), max(1, pixels.height // 2)))


def encoded(png: bytes, form: str) -> bytes:
    """Return a PNG as JPEG or WebP of high quality; its parameters stay readable."""
    with Pillow.open(io.BytesIO(png)) as opened:
        return _encode(opened.convert("RGB"), form, 95, _exif(png))


def _encode(pixels: Pillow.Image, form: str, quality: int, exif: bytes) -> bytes:
    buffer = io.BytesIO()
    pixels.save(buffer, form, quality=quality, exif=exif)
    return buffer.getvalue()


def _exif(data: bytes) -> bytes:
    """Return the parameters in AUTOMATIC1111's form as an EXIF user comment."""
    exif = Pillow.Exif()
    exif.endian = ">"  # and so says which way round the comment is written
    if found := read(data):
        text = to_text(found).encode("utf-16-be")
        exif.get_ifd(EXIF_BLOCK)[USER_COMMENT] = b"UNICODE\0" + text
    return exif.tobytes()
