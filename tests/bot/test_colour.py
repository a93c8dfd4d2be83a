"""Pictures in other colour spaces come in as sRGB, and what is wrong with a profile harms nothing."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from bot.storage import colour
from bot.storage.pictures import _upright_png

RED = (220, 40, 30)
P3 = colour._profile(colour._P3, colour._SRGB_CURVE)
ADOBE = colour._profile(colour._ADOBE, (2.19921875,))
REC2020 = colour._profile(colour._REC2020, colour._SRGB_CURVE)
PROPHOTO = colour._profile(
    ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)), (1.8,)
)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# What the standards' own formulas give for RED.
IN_P3, IN_ADOBE, IN_PROPHOTO = (202, 59, 44), (189, 44, 36), (151, 67, 33)


def encoded(color: Any, form: str = "PNG", mode: str = "RGB", **said: Any) -> bytes:
    buffer = io.BytesIO()
    lossless = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    Image.new(mode, (16, 16), color).save(buffer, form, **lossless, **said)
    return buffer.getvalue()


def chunked(color: Any, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with chunks before its palette and pixels."""
    info = PngInfo()
    for kind, body in chunks:
        info.add(kind, body)
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), color).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def kept(data: bytes) -> tuple[int, ...]:
    with Image.open(io.BytesIO(_upright_png(data, None))) as image:
        assert (image.mode, "icc_profile" in image.info) == ("RGB", False)
        pixel = image.getpixel((8, 8))
        assert isinstance(pixel, tuple)
        return pixel


def near(color: tuple[int, ...], by: int = 2) -> Any:
    return pytest.approx(color, abs=by)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("profile", "color"), [(P3, IN_P3), (ADOBE, IN_ADOBE), (PROPHOTO, IN_PROPHOTO), (SRGB, RED), (None, RED)]
)
def test_red_is_red_whatever_space_it_was_written_in(form: str, profile: bytes, color: Any) -> None:
    assert kept(encoded(color, form, icc_profile=profile)) == near(RED)


def test_a_profile_written_here_is_read_as_the_space_it_stands_for() -> None:
    for profile, color in ((P3, IN_P3), (ADOBE, IN_ADOBE)):
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        there = ImageCms.profileToProfile(
            Image.new("RGB", (1, 1), RED),
            ImageCms.createProfile("sRGB"),
            given,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        assert there is not None
        assert there.getpixel((0, 0)) == near(color, 1)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_transparent_and_palette_pictures_are_converted_too(mode: str) -> None:
    image = Image.new("RGBA", (16, 16), (*IN_P3, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    buffer = io.BytesIO()
    (image if mode == "RGBA" else image.quantize(8)).save(buffer, "PNG", icc_profile=P3)
    assert kept(buffer.getvalue()) == near(RED)
    with Image.open(io.BytesIO(_upright_png(buffer.getvalue(), None))) as done:
        assert done.getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_a_channel_are_converted() -> None:
    row = b"\0" + b"".join(struct.pack(">H", level * 257) for level in IN_P3) * 16
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)),
        (b"iCCP", b"p\0\0" + zlib.compress(P3)),
        (b"IDAT", zlib.compress(row * 16)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    assert kept(data) == near(RED)


GREY = struct.pack(">I4sI4s4s4s12x4s28x", 0, b"", 0x04300000, b"mntr", b"GRAY", b"XYZ ", b"acsp")
GREY += colour._fixed(colour._D50) + bytes(48) + struct.pack(">I", 2)
GREY += struct.pack(">4sII4sII", b"wtpt", 156, 20, b"kTRC", 176, 16)
GREY += (
    b"XYZ \0\0\0\0"
    + colour._fixed(colour._D50)
    + b"para"
    + struct.pack(">IHH", 0, 0, 0)
    + colour._fixed((1.0,))
)


@pytest.mark.parametrize(("mode", "color"), [("L", 55), ("LA", (55, 255))])
def test_grey_of_another_gamma_is_converted(mode: str, color: Any) -> None:
    profile = struct.pack(">I", len(GREY)) + GREY[4:]
    assert kept(encoded(color, "PNG", mode, icc_profile=profile)) == near((128, 128, 128))


@pytest.mark.parametrize("space", [2, 0xFFFF])
def test_a_camera_that_only_says_adobe_rgb_is_believed(space: int) -> None:
    exif = Image.Exif()
    exif.get_ifd(colour.EXIF_BLOCK)[colour.COLOR_SPACE] = space
    exif.get_ifd(colour.EXIF_BLOCK)[colour.INTEROP_BLOCK] = {colour.INTEROP_INDEX: "R03"}
    assert kept(encoded(IN_ADOBE, "JPEG", exif=exif)) == near(RED)


def test_a_camera_that_says_uncalibrated_and_no_more_is_taken_for_srgb() -> None:
    exif = Image.Exif()
    exif.get_ifd(colour.EXIF_BLOCK)[colour.COLOR_SPACE] = 0xFFFF
    assert kept(encoded(RED, "JPEG", exif=exif)) == near(RED)


def chromaticities(*numbers: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(number * 100_000) for number in numbers))


WHITE = (0.3127, 0.3290)
IS_P3 = chromaticities(*WHITE, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
IS_SRGB = chromaticities(*WHITE, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
USUAL = (b"gAMA", struct.pack(">I", 45455))


@pytest.mark.parametrize(
    ("color", "chunks", "red"),
    [
        (IN_P3, [(b"cICP", bytes([12, 13, 0, 1]))], RED),
        (IN_P3, [USUAL, IS_P3], RED),
        (RED, [USUAL, IS_SRGB], RED),
        (RED, [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))], RED),
        (RED, [(b"cICP", bytes([9, 16, 0, 1]))], RED),
        ((55, 55, 55), [(b"gAMA", struct.pack(">I", 100_000))], (128, 128, 128)),
        (RED, [(b"gAMA", struct.pack(">I", 0))], RED),
        (RED, [(b"gAMA", struct.pack(">I", 2**31 - 1))], RED),
        (RED, [chromaticities(*[0.1] * 8)], RED),
    ],
)
def test_what_a_png_says_without_a_profile_is_believed_where_it_makes_sense(
    color: Any, chunks: list[tuple[bytes, bytes]], red: Any
) -> None:
    assert kept(chunked(color, *chunks)) == near(red)


@pytest.mark.parametrize(
    "profile",
    [
        b"junk",
        P3[:150],
        P3.replace(b"RGB ", b"CMYK"),
        P3.replace(b"mntr", b"link"),
        P3.replace(b"para", b"\xff" * 4),
        P3[:128] + struct.pack(">I", 2**31) + P3[132:],
        bytes(colour.LONGEST_PROFILE + 1),
    ],
)
def test_a_broken_or_hostile_profile_is_as_good_as_none(profile: bytes) -> None:
    assert kept(encoded(RED, "JPEG", icc_profile=profile)) == near(RED)


def test_a_colour_profile_on_a_grey_picture_leaves_it_grey() -> None:
    assert kept(encoded(128, "JPEG", "L", icc_profile=P3)) == near((128, 128, 128))
