"""The texts in a picture file: PNG's text chunks, EXIF's comment and names, XMP.

Standard library and Pillow. Knows containers and encodings, and reads no more than a limit of any text. Knows
no program. Reading trusts nothing and never raises.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image

from engine.pictures.codec import BROKEN_FILE

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LONGEST_TEXT = 65_536
"""Bytes of one text that are looked at; more is nobody's prompt."""
LONGEST_GRAPH = 1_000_000
"""Bytes that are looked at where a program keeps its whole workflow."""
GRAPHS = ("prompt", "workflow", "invokeai_metadata", "sd-metadata")
COMMENT = "UserComment"
XMP = "XML:com.adobe.xmp"
USER_COMMENT = 0x9286
EXIF_BLOCK = 0x8769

_NAMES = {0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software"}
_KEYWORDS = (
    "zimage-bot", "parameters", *GRAPHS, "Dream", "fooocus_scheme",
    "Comment", "Description", "Software", "Source", "Title", XMP,
)  # fmt: skip
_ENCODINGS = {b"ASCII\0\0\0": "utf-8", b"JIS\0\0\0\0\0": "iso2022_jp", bytes(8): "utf-8"}
_ANCHORS = ("Steps: ", '":')
"""What a text that matters holds, in A1111's form or JSON: it tells the right encoding from a wrong one."""


def read_texts(image: bytes) -> dict[str, str]:
    """Return the texts that may hold parameters, by their names; the first of each name."""
    found = _png_texts(image) if image.startswith(SIGNATURE) else {}
    return {**_exif_texts(image), **found}


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, body) of every whole chunk; checksums are not looked at."""
    position = len(SIGNATURE)
    while position + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, position)
        end = position + 12 + length
        if end > len(png):
            return
        yield png[position + 4 : position + 8], png[position + 8 : end - 4]
        position = end


def _png_texts(png: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, body in chunks(png):
        keyword, _, _ = body[:200].partition(b"\0")
        name = keyword.decode("latin-1")
        if kind in (b"tEXt", b"iTXt", b"zTXt") and name in _KEYWORDS and name not in found:
            longest = LONGEST_GRAPH if name in GRAPHS else LONGEST_TEXT
            found[name] = _text(kind, body[len(keyword) + 1 :], longest)
    return found


def _text(kind: bytes, content: bytes, longest: int) -> str:
    if kind == b"tEXt":
        return _latin(content[:longest])
    if kind == b"zTXt":
        return _latin(_inflated(content[1:], longest))
    is_packed, content = content[:1] == b"\1", content[2:]
    content = content.partition(b"\0")[2].partition(b"\0")[2]
    return (_inflated(content, longest) if is_packed else content[:longest]).decode("utf-8", "replace")


def _latin(content: bytes) -> str:
    """Decode Latin-1, or what many programs write in its place."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _inflated(content: bytes, longest: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, longest)
    except zlib.error:
        return b""


def _exif_texts(image: bytes) -> dict[str, str]:
    """Return the texts in EXIF and XMP, which stand in a file's header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif, info = _exif(image)
            found = {name: _plain(exif.get(tag)) for tag, name in _NAMES.items()}
            comment = exif.get_ifd(EXIF_BLOCK).get(USER_COMMENT)
            found[COMMENT] = _comment(comment) or _plain(info.get("comment"))
            found[XMP] = _plain(info.get("xmp"))
    except (*BROKEN_FILE, Image.DecompressionBombError):
        return {}
    return {name: text for name, text in found.items() if text}


def _exif(image: bytes) -> tuple[Image.Exif, dict[str | tuple[int, int], Any]]:
    if image.startswith(SIGNATURE):
        exif = Image.Exif()
        exif.load(next((b"Exif\0\0" + body for kind, body in chunks(image) if kind == b"eXIf"), b""))
        return exif, {}
    opened = Image.open(BytesIO(image), formats=("JPEG", "WEBP"))
    return opened.getexif(), opened.info


def _comment(value: object) -> str:
    """Decode EXIF's user comment: its first eight bytes say how."""
    if not isinstance(value, bytes):
        return _plain(value)
    code, content = value[:8], value[8 : 8 + LONGEST_TEXT]
    if code == b"UNICODE\0":
        return _unicode(content)
    if code in _ENCODINGS:
        return content.decode(_ENCODINGS[code], "replace").strip("\0 ")
    return _plain(value)


def _unicode(content: bytes) -> str:
    """Decode a comment marked as Unicode: programs differ in the byte order. Empty where none fits."""
    for encoding in ("utf-16-be", "utf-16-le", "utf-8"):
        text = content.decode(encoding, "replace").strip("\0\ufeff ")
        if any(anchor in text for anchor in _ANCHORS):
            return text
    return ""


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value[:LONGEST_TEXT].decode("utf-8", "replace").strip("\0 ")
    return value[:LONGEST_TEXT].strip("\0 ") if isinstance(value, str) else ""
