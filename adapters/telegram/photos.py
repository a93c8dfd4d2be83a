"""Pictures as Telegram takes them: what is too large for a photo is shrunk, the original stays a document.

Knows Telegram's limits and pixels; knows no message. CPU work: call it in a thread.
"""

import io
from dataclasses import replace

from PIL import Image as Pixels

from bot.replies import shrink
from bot.types import Image

MAX_BYTES = 10_000_000
MAX_SIDES = 10_000
RUNGS = (("JPEG", 95), ("JPEG", 85), ("JPEG", 70))
"""Telegram makes every photo a JPEG in the end."""
PREVIEW_SIDE = 640
"""A bubble is as large as its photo is, up to about this: so it does not jump when the picture comes."""
PREVIEW_QUALITY = 80


def fit(image: Image) -> bytes:
    """Return the picture's bytes, a smaller JPEG where it is over a photo's limits."""
    if image.width + image.height > MAX_SIDES:
        image = _resized(image, MAX_SIDES // 2 / max(image.width, image.height), RUNGS[0][1])
    return shrink.shrink_to(image, MAX_BYTES, RUNGS).data


def preview(image: Image) -> bytes:
    """Return a preview as large as a photo is shown."""
    return _resized(image, PREVIEW_SIDE / max(image.width, image.height), PREVIEW_QUALITY).data


def blank() -> bytes:
    """Return a small grey PNG, to cover a picture that cannot be taken back."""
    buffer = io.BytesIO()
    Pixels.new("RGB", (64, 64), "gray").save(buffer, "PNG")
    return buffer.getvalue()


def _resized(image: Image, scale: float, quality: int) -> Image:
    with Pixels.open(io.BytesIO(image.data)) as opened:
        pixels = opened.convert("RGB")
    width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    buffer = io.BytesIO()
    pixels.resize((width, height), Pixels.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return replace(image, data=buffer.getvalue(), mime="image/jpeg", width=width, height=height)
