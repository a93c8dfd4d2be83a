"""Pictures as Telegram takes them: what is too large for a photo is shrunk, the original stays a document.

Knows Telegram's limits and pixels; knows no message.
"""

import io

from PIL import Image as Pixels

from bot.types import Image

MAX_BYTES = 10_000_000
MAX_SIDES = 10_000
_QUALITIES = (95, 85, 70, 50)


def fit(image: Image) -> bytes:
    """Return the picture's bytes, a JPEG where it is over a photo's limits. CPU work: call it in a thread."""
    if len(image.data) <= MAX_BYTES and image.width + image.height <= MAX_SIDES:
        return image.data
    with Pixels.open(io.BytesIO(image.data)) as opened:
        pixels = opened.convert("RGB")
    side = MAX_SIDES // 2
    pixels.thumbnail((side, side), Pixels.Resampling.LANCZOS)
    data = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        pixels.save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) <= MAX_BYTES:
            break
    return data


def blank() -> bytes:
    """Return a small grey PNG, to cover a picture that cannot be taken back."""
    buffer = io.BytesIO()
    Pixels.new("RGB", (64, 64), "gray").save(buffer, "PNG")
    return buffer.getvalue()
