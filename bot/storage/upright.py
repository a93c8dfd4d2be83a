"""An attached picture's pixels: decoded no larger than needed, turned upright, in sRGB and on white.

Knows Pillow's modes; knows no file and no limit.
"""

from PIL import Image

from bot.storage import colour
from engine.pictures.codec import eight_bit

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
"""EXIF's orientations, by what makes them upright, and those that lie on a side."""


def size(image: Image.Image) -> tuple[int, int]:
    """Return the size of a picture that was only opened, once it is turned upright."""
    width, height = image.size
    return (height, width) if image.getexif().get(_ORIENTATION) in _SIDEWAYS else (width, height)


def decoded(image: Image.Image, data: bytes, within: int | None) -> Image.Image:
    """Return the pixels of `data`, opened as `image`, as RGB without anything that was said beside them.

    With `within` both sides need not be longer than that: what is much larger is decoded or made smaller.
    """
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    profile = colour.profile_of(image, data)
    if within:
        image.draft(None, (within, within))
    shown = _of_plain_mode(image)
    times = min(shown.size) // within if within else 1
    if times > 1:
        shown = shown.reduce(times)
        image.close()
    flat = _on_white(shown, profile)
    flat.info.clear()  # Pillow would write the profile that no longer holds
    return flat if turn is None else flat.transpose(turn)


def _on_white(shown: Image.Image, profile: bytes | None) -> Image.Image:
    if shown.mode not in ("LA", "RGBA"):
        return colour.to_srgb(shown, profile)
    flat = Image.new("RGB", shown.size, "white")
    flat.paste(
        colour.to_srgb(shown.convert(shown.mode.removesuffix("A")), profile), mask=shown.getchannel("A")
    )
    return flat


def _of_plain_mode(image: Image.Image) -> Image.Image:
    """Return a picture in one of the modes that profiles are for, with its transparency if it has some."""
    image = eight_bit(image)
    if image.has_transparency_data:
        return image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
