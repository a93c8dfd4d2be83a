"""How other programs write down what they drew, in files as they make them."""

import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from engine.pictures import foreign
from engine.pictures.metadata import Parameters
from tests.engine.samples import A1111, FOX, png, read, with_exif


@pytest.mark.parametrize(
    "text",
    [
        A1111 + "\nTemplate: a {fox|wolf}\nNegative Template: blurry, Steps: many",
        A1111 + ', Template: "a, b\\nNegative prompt: c", Version: v1.10.1\r\n',
        A1111 + ', Lora hashes: "x: abc, y: def", TI hashes: "z: 1", ADetailer prompt: "face, \\"eyes\\""',
        A1111 + ', Note: "' + "long, " * 2000 + '"',
        A1111 + ', Civitai resources: [{"type":"checkpoint","modelVersionId":1}], Civitai metadata: {}',
        A1111.replace("\n", "\r\n"),
    ],
)
def test_settings_are_the_last_line_that_begins_with_steps(text: str) -> None:
    found = read(png({"parameters": text}, international=True))
    assert replace(found, negative_prompt=found.negative_prompt.replace("\r", "")) == FOX


def test_settings_with_quotes_that_nothing_closes_are_read_in_one_go() -> None:
    line = "Steps: 20, " + 'A: "x\\", ' * 7000
    assert read(png({"parameters": f"a fox\n{line}"})).steps == 20


def test_tags_of_lora_files_leave_the_prompt_wherever_they_stand() -> None:
    found = foreign.automatic("a <lora:ink (v2):0.5>, fox, <lyco:水墨>, <lora:x:1:0.5>\nSteps: 1, Seed: 2")
    assert (found["prompt"], found["loras"]) == ("a , fox", (("ink (v2)", 0.5), ("水墨", 1.0), ("x", 1.0)))


SWARM = json.dumps(
    {
        "sui_image_params": {
            "prompt": "a fox",
            "negativeprompt": "dog",
            "model": "OfficialStableDiffusion/sd_xl_base_1.0",
            "seed": 2**63 + 1,
            "steps": 20,
            "cfgscale": 7.5,
            "aspectratio": "1:1",
            "width": 1024,
            "height": 768,
            "swarm_version": "0.9.5.2",
        },
        "sui_extra_data": {"date": "2025-01-25", "generation_time": "4.84 sec"},
    },
    indent=2,
)
SWARMED = Parameters(
    "a fox",
    "dog",
    "",
    1024,
    768,
    20,
    7.5,
    2**63 + 1,
    "OfficialStableDiffusion/sd_xl_base_1.0",
    program="SwarmUI",
)


def test_swarmui_is_read_from_png_and_jpeg() -> None:
    assert read(png({"parameters": SWARM}, international=True)) == SWARMED
    assert read(with_exif("JPEG", comment=b"UNICODE\0" + SWARM.encode("utf-16-le"))) == SWARMED
    assert read(with_exif("WEBP", comment=b"ASCII\0\0\0" + SWARM.encode())) == SWARMED


FOOOCUS = json.dumps(
    {
        "adm_guidance": "(1.5, 0.8, 0.3)",
        "base_model": "juggernautXL_v8Rundiffusion",
        "full_prompt": ["cinematic still a fox . emotional", "a fox, fine detail"],
        "guidance_scale": 4.0,
        "loras": [["sd_xl_offset_example-lora_1.0", 0.1, "4852686128"]],
        "metadata_scheme": "fooocus",
        "negative_prompt": "dog",
        "performance": "Speed",
        "prompt": "a fox",
        "resolution": "(896, 1152)",
        "seed": "5517408741894116",
        "steps": 30,
        "styles": "['Fooocus V2']",
        "version": "Fooocus v2.5.5",
    }
)
FOOOCUSED = Parameters(
    "a fox", "dog", "", 896, 1152, 30, 4.0, 5517408741894116, "juggernautXL_v8Rundiffusion", program="Fooocus"
)


def test_fooocus_is_read_from_png_and_jpeg_in_both_its_schemes() -> None:
    assert read(png({"fooocus_scheme": "fooocus", "parameters": FOOOCUS})) == FOOOCUSED
    tags = {0x0131: "Fooocus v2.5.5"}
    assert read(with_exif("JPEG", tags, comment=FOOOCUS.encode())) == FOOOCUSED
    found = read(png({"fooocus_scheme": "a1111", "parameters": A1111 + ", Version: Fooocus v2.5.5"}))
    assert found == replace(FOX, program="Fooocus")


INVOKE = {
    "generation_mode": "txt2img", "positive_prompt": "a fox", "negative_prompt": "dog", "width": 512,
    "height": 768, "seed": 42, "cfg_scale": 7.5, "steps": 20, "model": {"name": "dreamshaper", "hash": "x"},
}  # fmt: skip
INVOKED = Parameters("a fox", "dog", "", 512, 768, 20, 7.5, 42, program="InvokeAI")
OLDER = {
    "model": "stable diffusion",
    "model_weights": "sd-1.5",
    "image": {
        "prompt": [{"prompt": "a fox [dog]", "weight": 1.0}],
        "steps": 20, "cfg_scale": 7.5, "seed": 42, "width": 512, "height": 768,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "model"),
    [
        ({"invokeai_metadata": json.dumps(INVOKE)}, "dreamshaper"),
        ({"sd-metadata": json.dumps(OLDER), "Dream": '"other" -S 1'}, "sd-1.5"),
        ({"Dream": '"a fox [dog]" -s 20 -S 42 -W 512 -H 768 -C 7.5 -A k_lms'}, ""),
    ],
)
def test_invokeai_is_read_in_all_three_of_its_forms(texts: dict[str, str], model: str) -> None:
    assert read(png(texts)) == replace(INVOKED, model=model)


NOVEL = {
    "Title": "NovelAI generated image",
    "Description": "a fox",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V4 4F49EC75",
    "Comment": json.dumps(
        {"prompt": "a fox", "steps": 28, "height": 1216, "width": 832, "scale": 5.0, "seed": 42, "uc": "dog"}
    ),
}


def test_novelai_is_read_from_png_and_webp() -> None:
    expected = Parameters("a fox", "dog", "", 832, 1216, 28, 5.0, 42, NOVEL["Source"], program="NovelAI")
    assert read(png(NOVEL)) == expected
    assert read(with_exif("WEBP", comment=b"ASCII\0\0\0" + json.dumps(NOVEL).encode())) == expected


DRAWN = {
    "c": 'a "fox" & hound',
    "uc": "dog",
    "seed": 42,
    "steps": 8,
    "scale": 1.5,
    "size": "512x768",
    "model": "z",
    "sampler": "Euler",
}


def test_draw_things_is_read_from_its_xmp() -> None:
    comment = json.dumps(DRAWN).replace("&", "&amp;").replace('"', "&quot;")
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description>'
        "<xmp:CreatorTool>Draw Things</xmp:CreatorTool>"
        f'<exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{comment}</rdf:li></rdf:Alt>'
        "</exif:UserComment>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    expected = Parameters('a "fox" & hound', "dog", "", 512, 768, 8, 1.5, 42, "z", program="Draw Things")
    assert read(png({"XML:com.adobe.xmp": xmp}, international=True)) == expected
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", xmp=xmp.encode())
    assert read(buffer.getvalue()) == expected
    empty = read(png({"XML:com.adobe.xmp": xmp.replace(comment, "{")}, international=True))
    assert empty == Parameters(program="Draw Things")


def test_midjourney_is_read_from_its_description() -> None:
    text = "a fox on a hill --ar 16:9 --seed 42 --no t-shirt, dog --v 6.1 Job ID: 6e2a5f0c-1c0b-4a53"
    found = read(png({"Description": text, "Author": "somebody"}))
    assert found == Parameters("a fox on a hill", "t-shirt, dog", seed=42, program="Midjourney")


def test_escaped_halves_of_characters_become_text_that_can_be_sent() -> None:
    half = '{"sui_image_params": {"prompt": "a \\ud800 fox \\ud83e\\udd8a"}}'
    assert read(png({"parameters": half})).prompt == "a \ufffd fox 🦊"
    assert read(png({"zimage-bot": '{"prompt": "\\ud800", "notes": ["\\udc00"]}'})).prompt == "\ufffd"


@pytest.mark.parametrize("text", ['{"a": 1}', "[1]", "<x:xmpmeta/>", "{broken"])
def test_parameters_of_an_unknown_form_are_nobodys_prompt(text: str) -> None:
    assert read(png({"parameters": text})) == Parameters(program=foreign.UNKNOWN)


@pytest.mark.parametrize(
    "written",
    [
        {"prompt": 7, "seed": "x", "steps": float("inf"), "width": 10**400, "cfgscale": [1], "model": None},
        {"prompt": None, "seed": -1, "steps": True, "width": -5, "negativeprompt": {}},
        {"prompt": "", "seed": 2**64, "steps": "many"},
    ],
)
def test_values_that_make_no_sense_are_left_out(written: dict[str, Any]) -> None:
    found = read(png({"parameters": json.dumps({"sui_image_params": written})}))
    assert found == Parameters(program="SwarmUI")
