"""Picture files: whole or not there, upright, bounded, and gone when they should be."""

import io
import os
import zlib
from pathlib import Path

import pytest
from PIL import Image

from bot.storage import pictures
from bot.storage.pictures import PictureFolder
from bot.types import Refused
from engine.pictures.metadata import Parameters, read, write


def picture(
    size: tuple[int, int] = (40, 20), color: str = "red", form: str = "PNG", **options: object
) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, form, **options)
    return buffer.getvalue()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    return PictureFolder(tmp_path)


async def test_a_picture_is_named_by_job_and_index_and_nothing_half_written_stays(
    folder: PictureFolder, tmp_path: Path
) -> None:
    first, second = picture(color="red"), picture(color="blue")
    assert await folder.write(7, 2, first) == "7-2.png"
    assert await folder.write(7, 2, second) == "7-2.png"
    assert await folder.read("7-2.png") == second
    assert names(tmp_path) == ["7-2.png", "inputs"]


async def test_an_input_is_kept_once_by_its_content_as_rgb_png(folder: PictureFolder) -> None:
    first, second = await folder.keep(picture(form="WEBP", lossless=True)), await folder.keep(picture())
    assert first == second
    assert await folder.input_size(first) == (40, 20)
    with Image.open(io.BytesIO(await folder.read_input(first))) as kept:
        assert (kept.format, kept.mode) == ("PNG", "RGB")


async def test_a_phone_photo_is_turned_upright_and_loses_its_metadata(folder: PictureFolder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    name = await folder.keep(picture(form="JPEG", exif=exif))
    assert await folder.input_size(name) == (20, 40)
    with Image.open(io.BytesIO(await folder.read_input(name))) as kept:
        assert not kept.getexif()


async def test_how_an_input_was_made_is_kept_with_it(folder: PictureFolder) -> None:
    made = Parameters("a red fox", seed=7)
    kept = await folder.read_input(await folder.keep(write(picture(), made)))
    assert read(kept) == made


async def test_what_is_transparent_becomes_white(folder: PictureFolder) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(buffer, "PNG")
    with Image.open(io.BytesIO(await folder.read_input(await folder.keep(buffer.getvalue())))) as kept:
        assert kept.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "data", [b"", b"no picture", picture()[:60], picture(form="JPEG")[:200], picture(form="TIFF")]
)
async def test_what_cannot_be_read_is_refused(folder: PictureFolder, data: bytes) -> None:
    with pytest.raises(Refused, match="bad-image"):
        await folder.keep(data)


async def test_sixteen_bits_are_scaled_not_cut(folder: PictureFolder) -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (4, 4), 40_000).save(buffer, "PNG")
    with Image.open(io.BytesIO(await folder.read_input(await folder.keep(buffer.getvalue())))) as kept:
        assert kept.getpixel((0, 0)) == (156, 156, 156)


async def test_the_inks_of_a_print_become_light(folder: PictureFolder) -> None:
    buffer = io.BytesIO()
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(buffer, "JPEG")
    with Image.open(io.BytesIO(await folder.read_input(await folder.keep(buffer.getvalue())))) as kept:
        assert kept.getpixel((4, 4)) in {(254, 0, 0), (255, 0, 0)}


async def test_of_a_cameras_jpeg_with_several_pictures_the_first_is_kept(folder: PictureFolder) -> None:
    views = picture(form="MPO", save_all=True, append_images=[Image.new("RGB", (10, 5), "blue")])
    with Image.open(io.BytesIO(await folder.read_input(await folder.keep(views)))) as kept:
        assert (kept.size, kept.getpixel((20, 10))) == ((40, 20), (254, 0, 0))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
async def test_every_usual_form_of_a_still_picture_is_kept(folder: PictureFolder, form: str) -> None:
    assert await folder.input_size(await folder.keep(picture(form=form))) == (40, 20)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
async def test_the_first_frame_of_a_moving_picture_is_kept(folder: PictureFolder, form: str) -> None:
    moving = picture(form=form, save_all=True, append_images=[Image.new("RGB", (40, 20), "blue")])
    kept = Image.open(io.BytesIO(await folder.read_input(await folder.keep(moving))))
    first = Image.open(io.BytesIO(moving)).convert("RGB")
    assert kept.convert("RGB").tobytes() == first.tobytes()


@pytest.mark.parametrize("side", [7000, 11000, 20000])
async def test_a_decompression_bomb_is_refused_before_it_is_decoded(folder: PictureFolder, side: int) -> None:
    header = bytearray(picture((1, 1)))
    header[16:24] = side.to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    with pytest.raises(Refused, match="image-too-large"):
        await folder.keep(bytes(header))


async def test_too_many_bytes_are_refused(folder: PictureFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 10)
    with pytest.raises(Refused, match="image-too-large"):
        await folder.keep(picture())


async def test_four_pictures_make_one_grid_in_reading_order(folder: PictureFolder) -> None:
    colors = ("red", "lime", "blue")
    files = [await folder.write(1, at, picture((16, 8), color)) for at, color in enumerate(colors)]
    sheet = await folder.grid(files)
    assert (sheet.mime, sheet.width, sheet.height) == ("image/jpeg", 32, 16)
    with Image.open(io.BytesIO(sheet.data)) as image:
        seen = [image.getpixel(at) for at in ((8, 4), (24, 4), (8, 12), (24, 12))]
    assert [max(range(3), key=pixel.__getitem__) for pixel in seen[:3]] == [0, 1, 2]  # type: ignore[union-attr]
    assert min(seen[3]) > 200  # type: ignore[type-var, arg-type]


async def test_deleting_twice_is_no_error(folder: PictureFolder) -> None:
    name = await folder.write(1, 0, b"png")
    await folder.delete([name])
    await folder.delete([name])
    assert not folder.path(name).exists()


async def test_the_sweep_removes_what_is_old_and_spares_an_input_in_use(
    folder: PictureFolder, tmp_path: Path
) -> None:
    old, new = await folder.write(1, 0, b"old"), await folder.write(2, 0, b"new")
    idle, used = await folder.keep(picture(color="red")), await folder.keep(picture(color="blue"))
    for path in (folder.path(old), tmp_path / "inputs" / idle, tmp_path / "inputs" / used):
        os.utime(path, (1000, 1000))
    await folder.read_input(used)
    assert await folder.sweep(2000) == 2
    assert folder.path(new).exists()
    with pytest.raises(FileNotFoundError):
        await folder.read_input(idle)


async def test_a_file_that_vanishes_meanwhile_does_not_stop_the_sweep(folder: PictureFolder) -> None:
    old = folder.path(await folder.write(1, 0, b"png"))
    os.utime(old, (1000, 1000))
    (old.parent / "renamed.png").symlink_to("nowhere")
    assert await folder.sweep(2000) == 1
    assert not old.exists()
