"""Texts in picture files, in every container and encoding, and as hostile as they come."""

import struct
import zlib

import pytest

from engine.pictures import metadata
from tests.engine.samples import A1111, FOX, chunk, png, read, with_exif


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + A1111.encode("utf-16-be"),
        b"UNICODE\0" + A1111.encode("utf-16-le"),
        b"UNICODE\0" + A1111.encode("utf-16"),
        b"UNICODE\0\xfe\xff" + A1111.encode("utf-16-be"),
        b"UNICODE\0" + A1111.encode(),
        b"ASCII\0\0\0" + A1111.encode(),
        b"JIS\0\0\0\0\0" + A1111.encode("iso2022_jp"),
        bytes(8) + A1111.encode(),
        A1111.encode(),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_a_comment_is_read_in_every_encoding_it_is_written_in(comment: bytes, order: str, form: str) -> None:
    assert read(with_exif(form, comment=comment, order=order)) == FOX


@pytest.mark.parametrize(
    "comment",
    [
        b"ASCII\0\0\0Screenshot",
        b"UNICODE\0" + "下午的海边".encode("utf-16-le"),
        b"UNICODE\0\x01",
        b'ASCII\0\0\0{"mirror":false,"sensor_type":"front"}',
        bytes(64),
    ],
)
def test_what_a_camera_or_an_editor_comments_is_no_prompt(comment: bytes) -> None:
    assert metadata.read(with_exif("JPEG", comment=comment)) is None


@pytest.mark.parametrize("name", ["parameters", "prompt", "Comment", "Description"])
def test_packed_bombs_are_cut_whatever_they_are_called(name: str) -> None:
    bomb = chunk(b"zTXt", name.encode() + b"\0\0" + zlib.compress(b'{"a":' * 4_000_000))
    metadata.read(png({})[:33] + bomb * 50 + png({})[33:])


def test_a_huge_chunk_without_end_is_not_believed() -> None:
    assert metadata.read(png({})[:33] + struct.pack(">I", 2**31) + b"tEXtparameters\0a") is None
