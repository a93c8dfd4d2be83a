import json
import zlib
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.pictures import chunks, metadata
from engine.pictures.metadata import Parameters
from engine.types import Variation
from tests.engine.samples import chunk

FULL = Parameters(
    prompt="a red sailboat, on the sea: at sunset\nwith two lines",
    negative_prompt="night, snow",
    original="日落时海上的红色帆船",
    width=128,
    height=96,
    steps=8,
    guidance_scale=1.8,
    seed=2**62,
    model="a model, with: comma",
    variation=Variation(9, 0.3, 0.1),
    strength=0.6,
    upscaler="lanczos",
    notes=("enhanced:time",),
    loras=(("ink", 0.8), ("老照片", -1)),
    fast=True,
)
FOREIGN = (
    "a cat (masterpiece:1.2), <lora:x:0.8>\nsecond line\nNegative prompt: dog,\nblurry\n"
    "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 42, Size: 512x768, Model hash: 6ce0161689, "
    'Model: v1-5, Denoising strength: 0.4, Lora hashes: "x: abc, y: def", Version: v1.7.0'
)


def png(**text: str) -> bytes:
    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    buffer = BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def test_everything_survives_the_file() -> None:
    relative = replace(FULL, variation=Variation(5, 0.1, 0.3, base=FULL.variation))
    for parameters in (FULL, relative):
        assert metadata.read(metadata.write(png(), parameters)) == parameters


@given(st.text(), st.text(), st.text())
def test_any_text_survives_the_file(prompt: str, negative: str, original: str) -> None:
    parameters = Parameters(prompt, negative, original)
    assert metadata.read(metadata.write(png(), parameters)) == parameters


def test_other_programs_find_the_parameters_where_they_look() -> None:
    with Image.open(BytesIO(metadata.write(png(), FULL))) as image:
        image.load()
        text = image.info["parameters"]
    assert text.splitlines()[:3] == [
        "a red sailboat, on the sea: at sunset",
        "with two lines <lora:ink:0.8> <lora:老照片:-1>",
        "Negative prompt: night, snow",
    ]
    settings = f'Steps: 8, Sampler: Euler, CFG scale: 1.8, Seed: {2**62}, Size: 128x96, Model: "a model, '
    assert text.splitlines()[3].startswith(settings)


def test_a_chinese_prompt_is_readable_for_other_programs() -> None:
    with Image.open(BytesIO(metadata.write(png(), Parameters("雪地里的黑猫")))) as image:
        image.load()
        assert image.info["parameters"].startswith("雪地里的黑猫\nSteps: ")


def test_the_pixels_stay_and_older_chunks_go() -> None:
    first = metadata.write(png(parameters="old", Comment="kept"), FULL)
    second = metadata.write(first, Parameters("new"))
    with Image.open(BytesIO(second)) as image:
        image.load()
        assert image.getpixel((0, 0)) == (255, 0, 0)
        assert image.info["Comment"] == "kept"
    assert second.count(b"zimage-bot") == 1
    assert metadata.read(second) == Parameters("new")


def test_without_our_chunk_our_text_is_parsed_back() -> None:
    found = metadata.read(png(parameters=metadata.to_text(FULL)))
    assert found == Parameters(
        **{
            name: getattr(FULL, name)
            for name in FULL.__dataclass_fields__
            if name not in ("original", "notes", "fast")
        }
    )


FOREIGN_READ = Parameters(
    prompt="a cat (masterpiece:1.2), \nsecond line",
    loras=(("x", 0.8),),
    negative_prompt="dog,\nblurry",
    width=512,
    height=768,
    steps=20,
    guidance_scale=7.5,
    seed=42,
    model="v1-5",
    strength=0.4,
)


def test_automatic1111s_png_is_read() -> None:
    assert metadata.read(png(parameters=FOREIGN)) == FOREIGN_READ


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_automatic1111s_exif_comment_is_read(form: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(chunks.EXIF_BLOCK)[chunks.USER_COMMENT] = b"UNICODE\0" + FOREIGN.encode("utf-16-be")
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, form, exif=exif)
    assert metadata.read(buffer.getvalue()) == FOREIGN_READ


def test_text_without_settings_is_a_prompt() -> None:
    assert metadata.from_text("just words\nNegative prompt: no") == Parameters("just words", "no")


@pytest.mark.parametrize(
    "data", [b"", b"text", chunks.SIGNATURE, png(), png()[:40], b"\xff\xd8\xff\xe1\x00\x10Exif"]
)
def test_a_file_without_parameters_is_none(data: bytes) -> None:
    assert metadata.read(data) is None


@pytest.mark.parametrize(
    "own",
    [
        "{",
        "[" * 60_000,
        "[]",
        "7" * 5_000,
        json.dumps({"prompt": 7}),
        json.dumps({"width": "1"}),
        json.dumps({"variation": {"seed": 1, "base": {"seed": -1}}}),
        json.dumps({"variation": [1]}),
        json.dumps({"notes": [1]}),
        json.dumps({"seed": True}),
        json.dumps({"fast": 1}),
        json.dumps({"loras": "ink"}),
        json.dumps({"loras": [["ink"]]}),
        json.dumps({"loras": [["ink", "0.8"]]}),
        json.dumps({"loras": [7]}),
        json.dumps({"prompt": "x" * 100_000}),
    ],
)
def test_a_wrong_chunk_of_ours_counts_as_none(own: str) -> None:
    assert metadata.read(png(**{"zimage-bot": own})) is None


def test_a_newer_chunk_with_unknown_keys_is_read() -> None:
    later = json.dumps({"prompt": "x", "later": 1, "variation": {"seed": 1, "later": 2}})
    assert metadata.read(png(**{"zimage-bot": later})) == Parameters("x", variation=Variation(1))


def test_a_file_from_before_lora_files_is_read() -> None:
    older = json.dumps({"prompt": "x", "seed": 3, "notes": ["enhanced:time"]})
    found = metadata.read(png(**{"zimage-bot": older}))
    assert found == Parameters("x", seed=3, notes=("enhanced:time",), loras=())


def test_lora_files_are_written_as_other_programs_write_them() -> None:
    drawn = Parameters("a cat", negative_prompt="dog", loras=(("ink", 0.8), ("wash", -0.5)))
    text = metadata.to_text(drawn)
    assert text.splitlines()[0] == "a cat <lora:ink:0.8> <lora:wash:-0.5>"
    assert metadata.from_text(text) == drawn
    assert metadata.from_text("a cat<lora:ink:1>").loras == (("ink", 1.0),)


def test_a_compressed_bomb_is_cut() -> None:
    body = b"parameters\0\0" + zlib.compress(b"a" * 50_000_000)
    found = metadata.read(png()[:33] + chunk(b"zTXt", body) + png()[33:])
    assert found is not None
    assert len(found.prompt) == chunks.LONGEST_TEXT


@given(st.binary(max_size=400))
def test_random_bytes_never_raise(data: bytes) -> None:
    for start in (b"", chunks.SIGNATURE, png()[:33], b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"):
        metadata.read(start + data)


@given(st.text())
def test_any_text_is_parsed_without_raising(text: str) -> None:
    metadata.from_text(text)
    metadata.from_text(f"x\nSteps: {text}, Size: {text}, Seed: {text}")
