"""Small picture files that carry texts the way other programs write them."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo, putchunk

from engine.pictures import chunks, metadata
from engine.pictures.metadata import Parameters


def png(texts: Mapping[str, str], *, international: bool = False, packed: bool = False) -> bytes:
    info = PngInfo()
    for key, value in texts.items():
        if international:
            info.add_itxt(key, value, zip=packed)
        else:
            info.add_text(key, value, zip=packed)
    buffer = BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk as it stands in a PNG file."""
    buffer = BytesIO()
    putchunk(buffer, kind, body)
    return buffer.getvalue()


def with_exif(
    form: str, tags: Mapping[int, Any] | None = None, comment: Any = None, order: str = "<"
) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif.update(tags or {})
    if comment is not None:
        exif.get_ifd(chunks.EXIF_BLOCK)[chunks.USER_COMMENT] = comment
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, form, exif=exif.tobytes())
    return buffer.getvalue()


def read(image: bytes) -> Parameters:
    found = metadata.read(image)
    assert found is not None
    return found


A1111 = (
    "a fox, (red:1.2)\nNegative prompt: blurry,\ntext\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x768"
)
FOX = Parameters("a fox, (red:1.2)", "blurry,\ntext", "", 512, 768, 20, 7.0, 42)
