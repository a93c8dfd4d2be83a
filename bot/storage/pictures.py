"""Picture files on disk: finished pictures, kept inputs and grids.

Knows names and pixels, not people or jobs beyond their number. File names come from ids and content hashes
only, never from a prompt. CPU and disk work runs in threads.
"""

import asyncio
import hashlib
import io
import os
import re
import stat
import struct
import tempfile
import zlib
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from bot.storage import upright
from bot.types import Refused
from engine.pictures import masks
from engine.pictures.metadata import read, write
from engine.types import EngineError

MAX_PIXELS = 40_000_000
MAX_BYTES = 20_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_JPEG_QUALITY = 95
_PNG_COMPRESSION = 2
"""Pillow's default of 6 costs four times the time for a seventh of the size."""
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    IndexError,
    struct.error,
    zlib.error,
)
"""What Pillow raises for a file that is not a whole picture."""
_PICTURE = re.compile(r"(?P<job>[0-9]{1,15})-[0-9]+\.png")


class Encoded(NamedTuple):
    """An encoded picture with its size in pixels."""

    data: bytes
    mime: str
    width: int
    height: int


class PictureFolder:
    """The folder with every finished picture; `inputs/` in it holds what people attached."""

    def __init__(self, directory: Path) -> None:
        self._pictures = directory
        self._inputs = directory / "inputs"
        self._inputs.mkdir(parents=True, exist_ok=True)
        for folder in (self._pictures, self._inputs):
            _remove(folder.glob("*.part"))

    @cached_property
    def newest_job(self) -> int:
        """The highest job number that a finished picture's name holds, 0 where there is none."""
        names = (_PICTURE.fullmatch(path.name) for path in self._pictures.iterdir())
        return max((int(name["job"]) for name in names if name), default=0)

    def path(self, name: str) -> Path:
        """Return where a finished picture lies."""
        return self._pictures / name

    async def write(self, job: int, index: int, png: bytes) -> str:
        """Write picture `index` of a job so that it is there whole or not at all; return its name.

        Cancelled meanwhile, it leaves no file.
        """
        name = file_name(job, index)
        path = self._pictures / name
        writing = asyncio.ensure_future(asyncio.to_thread(_write, path, png))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            writing.add_done_callback(partial(_undo, path))
            raise
        return name

    async def read(self, name: str) -> bytes:
        """Return a finished picture; raises FileNotFoundError where it is gone or no longer whole."""
        return await asyncio.to_thread(_read_whole, self._pictures / name)

    async def measure(self, data: bytes) -> tuple[int, int]:
        """Return an attached picture's upright size, from its header; raises as `keep` does."""
        return await asyncio.to_thread(_measure, data)

    async def keep(self, data: bytes, within: int | None = None, is_masked: bool = False) -> str:
        """Check an attached picture, keep it as an upright sRGB PNG and return its name.

        With `within` both its sides need not be longer than that many pixels, and what is much larger is kept
        smaller. Of what it says beside its pixels only how it was made is kept; where it is transparent it
        becomes white, unless it `is_masked`: then that says what is to be drawn anew.

        Raises `Refused`: `image-too-large` above 20 MB or 40 megapixels, `bad-image` for anything
        unreadable, `bad-mask` for a masked one that is nowhere transparent. Of a picture that moves,
        the first frame is kept.
        """
        return await asyncio.to_thread(self._keep, data, within, is_masked)

    async def read_input(self, name: str) -> bytes:
        """Return a kept input; raises FileNotFoundError. Reading keeps it from being swept."""
        return await asyncio.to_thread(_read_and_touch, self._inputs / name)

    async def input_size(self, name: str) -> tuple[int, int]:
        """Return the size of a kept input in pixels; raises FileNotFoundError."""
        return await asyncio.to_thread(_size, self._inputs / name)

    async def grid(self, names: Sequence[str]) -> Encoded:
        """Return up to four pictures side by side in rows of two, as one JPEG, without those that are broken.

        Raises FileNotFoundError where none is whole.
        """
        return await asyncio.to_thread(_grid, [self._pictures / name for name in names])

    async def thumbnail(self, name: str, side: int) -> bytes:
        """Return a finished picture as a JPEG of at most `side` pixels; raises FileNotFoundError."""
        return await asyncio.to_thread(_thumbnail, self._pictures / name, side)

    async def delete(self, names: Iterable[str]) -> None:
        """Remove finished pictures; those already gone are no error."""
        await asyncio.to_thread(_remove, [self._pictures / name for name in names])

    async def delete_inputs(self, names: Iterable[str]) -> None:
        """Remove kept inputs; those already gone are no error."""
        await asyncio.to_thread(_remove, [self._inputs / name for name in names])

    async def sweep(self, before: float, spared: Container[str] = ()) -> int:
        """Remove every file last written or read as an input before then (Unix seconds); return how many."""
        return await asyncio.to_thread(self._sweep, before, spared)

    async def old_inputs(self, before: float) -> list[str]:
        """Return the names of the inputs last written or read before then."""
        return await asyncio.to_thread(_older, self._inputs, before)

    def _keep(self, data: bytes, within: int | None, is_masked: bool) -> str:
        png, made = (_masked_png if is_masked else _upright_png)(data, within), read(data)
        if made is not None:
            png = write(png, made)
        name = f"{hashlib.sha256(png).hexdigest()[:32]}.png"
        _write(self._inputs / name, png)
        return name

    def _sweep(self, before: float, spared: Container[str]) -> int:
        old = [
            folder / name
            for folder in (self._pictures, self._inputs)
            for name in _older(folder, before)
            if name not in spared
        ]
        _remove(old)
        return len(old)


def file_name(job: int, index: int) -> str:
    """Return the name of a finished picture's file."""
    return f"{job}-{index}.png"


def _older(folder: Path, before: float) -> list[str]:
    return [path.name for path in folder.iterdir() if _is_older(path, before)]


def _is_older(path: Path, before: float) -> bool:
    """Say whether a file was last written before then; one that is being renamed meanwhile was not."""
    try:
        found = path.stat()
        return stat.S_ISREG(found.st_mode) and found.st_mtime < before
    except FileNotFoundError:
        return False


def dimensions(data: bytes) -> tuple[int, int]:
    """Return the size of an encoded picture in pixels, from its header."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open an attached picture; raises `Refused` where it may not be kept or proves damaged inside."""
    if len(data) > MAX_BYTES:
        raise Refused("image-too-large", limit=f"{MAX_BYTES // 10**6} MB")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Refused("image-too-large", limit=f"{MAX_PIXELS // 10**6} MP")
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused("image-too-large", limit=f"{MAX_PIXELS // 10**6} MP") from error
    except _BROKEN as error:
        raise Refused("bad-image") from error


def _measure(data: bytes) -> tuple[int, int]:
    with _opened(data) as image:
        return upright.size(image)


def _upright_png(data: bytes, within: int | None) -> bytes:
    with _opened(data) as image:
        return _encode(upright.decoded(image, data, within), "PNG")


def _masked_png(data: bytes, within: int | None) -> bytes:
    with _opened(data):
        try:
            image, mask = masks.split(data)
        except EngineError as error:
            raise Refused("bad-mask") from error
    times = min(image.size) // within if within else 1
    return masks.joined(image.reduce(max(1, times)), mask.reduce(max(1, times)))


def _thumbnail(path: Path, side: int) -> bytes:
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except _BROKEN as error:
        raise FileNotFoundError(f"{path} is broken: {error}") from error
    small.thumbnail((side, side))
    return _encode(small, "JPEG")


def _grid(paths: Sequence[Path]) -> Encoded:
    images = []
    for path in paths:
        with suppress(*_BROKEN), Image.open(path) as image:
            images.append(image.convert("RGB"))
    if not images:
        raise FileNotFoundError(f"{paths[0]} and {len(paths) - 1} beside it are gone or broken")
    width, height = images[0].size
    sheet = Image.new("RGB", (2 * width, (len(images) + 1) // 2 * height), "white")
    for place, picture in enumerate(images):
        sheet.paste(picture, (place % 2 * width, place // 2 * height))
    return Encoded(_encode(sheet, "JPEG"), "image/jpeg", *sheet.size)


def _encode(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    if form == "JPEG":
        image.save(buffer, form, quality=_JPEG_QUALITY, subsampling=0)
    else:
        image.save(buffer, form, compress_level=_PNG_COMPRESSION)
    return buffer.getvalue()


def _read_whole(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
    except _BROKEN as error:
        raise FileNotFoundError(f"{path} is broken: {error}") from error
    return data


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def _read_and_touch(path: Path) -> bytes:
    data = path.read_bytes()
    with suppress(OSError):  # a folder that can only be read is not swept either
        path.touch()
    return data


def _write(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _undo(path: Path, writing: "asyncio.Future[None]") -> None:
    """Remove what was written for nobody, where the disk lets it go."""
    if not writing.cancelled() and writing.exception() is None:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
