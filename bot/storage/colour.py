"""Pictures in other colour spaces, into sRGB: by their ICC profile, else by what EXIF or PNG say they are in.

Knows profiles and pixels. A profile that is broken, hostile or for other pixels is as good as none.
"""

import io
import struct
from collections.abc import Sequence

from PIL import Image, ImageCms

LONGEST_PROFILE = 4_000_000
EXIF_BLOCK, COLOR_SPACE, INTEROP_BLOCK, INTEROP_INDEX = 0x8769, 0xA001, 0xA005, 1
ADOBE, UNCALIBRATED = 2, 0xFFFF
"""EXIF's colour spaces beside sRGB; an uncalibrated one is Adobe RGB where the index says R03."""

Primaries = tuple[tuple[float, float, float], ...]

# Red, green and blue as XYZ under D50, as ICC profiles keep them.
_SRGB: Primaries = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_P3: Primaries = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
_ADOBE: Primaries = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_REC2020: Primaries = ((0.67348, 0.27904, -0.00194), (0.16566, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686))
_D50 = (0.9642, 1.0, 0.8249)
# A curve is a power alone, or sRGB's: its power, then the slope and the line near black.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_ADOBE_GAMMA = 2.19921875
_USUAL_GAMMA = 1 / 2.2
# Red x, red y, green x, green y, blue x and blue y as PNG's cHRM chunk tells them.
_CHROMATICITIES = (
    ((0.64, 0.33, 0.30, 0.60, 0.15, 0.06), _SRGB),
    ((0.68, 0.32, 0.265, 0.69, 0.15, 0.06), _P3),
    ((0.64, 0.33, 0.21, 0.71, 0.15, 0.06), _ADOBE),
    ((0.708, 0.292, 0.17, 0.797, 0.131, 0.046), _REC2020),
)
_CODED_PRIMARIES = {1: _SRGB, 9: _REC2020, 12: _P3}
_CODED_CURVES = {1: _SRGB_CURVE, 4: (2.2,), 8: (1.0,), 13: _SRGB_CURVE, 14: _SRGB_CURVE, 15: _SRGB_CURVE}
"""PNG's cICP chunk, by the code points of ITU-T H.273; those of high dynamic range are left as they are."""


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture of mode L, RGB or CMYK as RGB in sRGB; without a profile it is taken for that."""
    if profile is not None and len(profile) <= LONGEST_PROFILE:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if given.profile.xcolor_space.strip() == "RGB":
                image = image.convert("RGB")
            is_rgb = image.mode == "RGB"
            converted = ImageCms.profileToProfile(
                image,
                given,
                ImageCms.createProfile("sRGB"),
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                inPlace=is_rgb,
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            image = image if converted is None else converted
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass
    return image.convert("RGB")


def profile_of(image: Image.Image, data: bytes) -> bytes | None:
    """Return the ICC profile that an encoded picture, opened as `image`, has or stands for; None for sRGB."""
    if (coded := _coded(data)) is not None:
        return coded
    if image.info.get("icc_profile"):
        return bytes(image.info["icc_profile"])
    if image.format == "PNG":
        return None if "srgb" in image.info else _told(image)
    return _profile(_ADOBE, (_ADOBE_GAMMA,)) if _is_adobe(image.getexif()) else None


def _coded(data: bytes) -> bytes | None:
    place = data.find(b"\0\0\0\x04cICP", 8, data.find(b"IDAT")) if data.startswith(b"\x89PNG") else -1
    if place < 0 or len(data) < place + 12:
        return None
    primaries, curve = (_CODED_PRIMARIES.get(data[place + 8]), _CODED_CURVES.get(data[place + 9]))
    return _profile(primaries, curve) if primaries and curve else None


def _told(image: Image.Image) -> bytes | None:
    """Return the profile for PNG's gamma and chromaticities; None for sRGB's own or what makes no sense."""
    gamma: float = image.info.get("gamma", _USUAL_GAMMA)
    chromaticity = image.info.get("chromaticity", ())
    primaries = next((found for known, found in _CHROMATICITIES if _is_near(chromaticity[2:], known)), _SRGB)
    is_usual = abs(gamma - _USUAL_GAMMA) < 0.005
    if not is_usual and not 0.1 <= gamma <= 2:
        return None
    if is_usual and primaries is _SRGB:
        return None
    usual = (_ADOBE_GAMMA,) if primaries is _ADOBE else _SRGB_CURVE
    return _profile(primaries, usual if is_usual else (1 / gamma,))


def _is_near(chromaticity: Sequence[float], known: Sequence[float]) -> bool:
    return len(chromaticity) == len(known) and all(
        abs(a - b) < 0.005 for a, b in zip(chromaticity, known, strict=True)
    )


def _is_adobe(exif: Image.Exif) -> bool:
    space = exif.get_ifd(EXIF_BLOCK).get(COLOR_SPACE)
    index = str(exif.get_ifd(INTEROP_BLOCK).get(INTEROP_INDEX, ""))
    return space == ADOBE or (space == UNCALIBRATED and index.startswith("R03"))


def _profile(primaries: Primaries, curve: Sequence[float]) -> bytes:
    """Return a display profile (ICC.1:2010, 7.2 and 9) with these primaries and one curve for all three."""
    points = [b"XYZ \0\0\0\0" + _fixed(point) for point in (_D50, *primaries)]
    shape = b"para" + struct.pack(">IHH", 0, 3 if len(curve) > 1 else 0, 0) + _fixed(curve)
    bodies = dict(zip((b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), points, strict=True))
    bodies |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), shape)
    place, table, data = 128 + 4 + 12 * len(bodies), struct.pack(">I", len(bodies)), b""
    for name, body in bodies.items():
        table += name + struct.pack(">II", place + len(data), len(body))
        data += body
    header = struct.pack(
        ">I4sI4s4s4s12x4s28x", place + len(data), b"", 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp"
    )
    return header + _fixed(_D50) + bytes(48) + table + data


def _fixed(numbers: Sequence[float]) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)
