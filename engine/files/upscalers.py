"""Public super-resolution weights by name, fetched on first use and compared with their published checksum.

Real-ESRGAN's own (Wang et al. 2021, arXiv:2107.10833; BSD-3-Clause), from its releases.
"""

import hashlib
import os
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.request import urlopen

from engine.files import shards
from engine.progress import Show
from engine.pulse import PULSE
from engine.types import EngineError

Kind = Literal["photograph", "drawing"]
RELEASES = "https://github.com/xinntao/Real-ESRGAN/releases/download"
ANSWER_WITHIN = 10.0
"""Seconds for the other side to answer, and between two pieces of its answer."""
TRY_AGAIN = 600.0
"""Seconds before a file that could not be fetched is asked for again: nobody waits for it each time."""
PIECE = 1 << 18
_failed: dict[str, tuple[float, str]] = {}


class NotFetched(EngineError):
    """The file of a preset is not on this machine and cannot be had now."""


class Preset(NamedTuple):
    """Weights of `size` bytes at `path` of the releases, made for one kind of picture."""

    name: str
    path: str
    size: int
    sha256: str
    kind: Kind

    @property
    def file(self) -> Path:
        """Where the file is kept: beside the models that the hub's client downloads."""
        from huggingface_hub import constants

        return Path(constants.HF_HOME) / "upscalers" / f"{self.name}.pth"

    def here(self) -> Path | None:
        """Return the file where it is on this machine."""
        return self.file if self.file.is_file() else None

    def remove(self) -> int:
        """Delete what was downloaded; return the bytes that this frees."""
        freed = self.file.stat().st_size if self.file.is_file() else 0
        self.file.unlink(missing_ok=True)
        return freed

    def fetch(self, show: Show | None = None) -> Path:
        """Return the file, downloaded where it is not here; `show` gets its name, what came and all there is.

        Raises `NotFetched`; for ten minutes after a failure without asking again.
        """
        if self.file.is_file():
            return self.file
        when, why = _failed.get(self.name, (float("-inf"), ""))
        if time.monotonic() - when >= TRY_AGAIN:
            try:
                with PULSE.during(f"downloading {self.name}"):
                    self._download(show)
            except (OSError, HTTPException) as error:  # the second is how an answer that breaks off is told
                why = shards.reason(error)
                _failed[self.name] = time.monotonic(), why
            else:
                return self.file
        raise NotFetched("model_missing", f"{self.name} could not be downloaded ({why})")

    def _download(self, show: Show | None) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        checksum, size = hashlib.sha256(), 0
        handle, name = tempfile.mkstemp(dir=self.file.parent, suffix=".part")
        try:
            with (
                os.fdopen(handle, "wb") as part,
                urlopen(f"{RELEASES}/{self.path}", timeout=ANSWER_WITHIN) as answer,
            ):
                while size <= self.size and (piece := answer.read(PIECE)):
                    part.write(piece)
                    checksum.update(piece)
                    size += len(piece)
                    PULSE.beat()
                    if show:
                        show(self.name, size, self.size)
            if checksum.hexdigest() != self.sha256:
                raise OSError("other bytes came than were published")
            Path(name).replace(self.file)
        finally:
            Path(name).unlink(missing_ok=True)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "realesr-general-x4v3",
            "v0.2.5.0/realesr-general-x4v3.pth",
            4_885_111,
            "8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
            "photograph",
        ),
        Preset(
            "realesr-animevideov3",
            "v0.2.5.0/realesr-animevideov3.pth",
            2_504_012,
            "b8a8376811077954d82ca3fcf476f1ac3da3e8a68a4f4d71363008000a18b75d",
            "drawing",
        ),
        Preset(
            "RealESRGAN_x2plus",
            "v0.2.1/RealESRGAN_x2plus.pth",
            67_061_725,
            "49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
            "photograph",
        ),
        Preset(
            "RealESRGAN_x4plus",
            "v0.1.0/RealESRGAN_x4plus.pth",
            67_040_989,
            "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
            "photograph",
        ),
        Preset(
            "RealESRGAN_x4plus_anime_6B",
            "v0.2.2.4/RealESRGAN_x4plus_anime_6B.pth",
            17_938_799,
            "f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
            "drawing",
        ),
    )
}
PAIR = "real-esrgan"
"""Stands for the two compact networks, which a CPU runs, too."""


def named(setting: str) -> tuple[Preset, ...]:
    """Return the presets that a setting names, none where it names anything else."""
    names = setting.replace(",", " ").replace(PAIR, "realesr-general-x4v3 realesr-animevideov3").split()
    return tuple(PRESETS[name] for name in names) if all(name in PRESETS for name in names) else ()
