from io import BytesIO

import pytest
from PIL import Image

from engine.pictures import codec
from engine.types import EngineError


def encoded(image: Image.Image, form: str = "PNG", **more: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **more)
    return buffer.getvalue()


def test_transparency_becomes_white() -> None:
    assert codec.read(encoded(Image.new("RGBA", (2, 2), (9, 9, 9, 0)))).getpixel((0, 0)) == (255, 255, 255)


def test_a_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert codec.read(encoded(Image.new("RGB", (30, 20)), "JPEG", exif=exif)).size == (20, 30)


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "LARGEST_PIXELS", 99)
    with pytest.raises(EngineError, match="10×10"):
        codec.read(encoded(Image.new("RGB", (10, 10))))


GIF = encoded(Image.new("RGB", (9, 9)), "GIF")
TRUNCATED = encoded(Image.effect_noise((99, 99), 50))[:900]


@pytest.mark.parametrize("data", [b"", b"text", GIF, TRUNCATED])
def test_other_formats_and_damaged_files_are_refused(data: bytes) -> None:
    with pytest.raises(EngineError, match="PNG, JPEG or WebP"):
        codec.read(data)


def test_fitting_keeps_the_middle() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    fitted = codec.fit(image, 64, 64)
    assert fitted.size == (64, 64)
    assert fitted.getpixel((32, 32)) == (0, 0, 255)


def test_sixteen_bits_are_scaled_not_cut() -> None:
    grey = Image.new("I;16", (3, 2), 40_000)
    assert codec.read(encoded(grey)).getpixel((0, 0)) == (156, 156, 156)


def test_the_inks_of_a_print_become_light() -> None:
    assert codec.read(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")).getpixel((4, 4)) == (
        pytest.approx(254, abs=1),
        0,
        0,
    )


def test_a_transparent_palette_entry_becomes_white() -> None:
    assert codec.read(encoded(Image.new("P", (2, 2)), transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def test_of_a_cameras_jpeg_with_several_pictures_the_first_is_read() -> None:
    views = encoded(
        Image.new("RGB", (8, 6), "red"),
        "MPO",
        save_all=True,
        append_images=[Image.new("RGB", (4, 3), "blue")],
    )
    read = codec.read(views)
    assert (read.size, read.getpixel((4, 3))) == ((8, 6), (254, 0, 0))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_the_first_frame_of_an_animated_picture_is_read(form: str) -> None:
    frames = encoded(
        Image.new("RGB", (4, 4), "red"), form, save_all=True, append_images=[Image.new("RGB", (4, 4), "blue")]
    )
    red, green, blue = codec.read(frames).getpixel((1, 1))
    assert (red > 200, green < 60, blue < 60) == (True, True, True)
