"""Facts about what is said of a picture that somebody sends in."""

import pytest
from PIL import Image

from bot.locales.texts import LANGUAGES, Texts
from bot.replies.picture_info import describe
from engine.pictures import codec
from engine.pictures.metadata import Parameters, write


def test_a_picture_tells_its_size_prompt_negative_prompt_and_lora_files() -> None:
    made = Parameters(
        "a red boat", "rain", width=64, height=48, steps=8, seed=7, loras=(("glow", 0.8), ("ink", -1.0))
    )
    reply = describe(Texts(), "en", write(codec.png(Image.new("RGB", (64, 48))), made))
    for words in ("64×48", "rain", "LoRA: glow:0.8 ink:-1"):
        assert words in reply.text
    assert "a red boat" in str(reply)


BLANK = codec.png(Image.new("RGB", (64, 48)))


def test_another_programs_picture_names_it_and_leaves_out_what_it_does_not_tell() -> None:
    reply = describe(Texts(), "en", write(BLANK, Parameters("a fox", seed=2**64 - 1, program="Midjourney")))
    assert (reply.text, reply.prompt) == (f"Made by Midjourney\nSeed {2**64 - 1}", "a fox")


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize(("program", "key"), [("ComfyUI", "info-no-prompt"), ("?", "info-unreadable")])
def test_a_prompt_that_was_not_understood_is_said_to_be_so(locale: str, program: str, key: str) -> None:
    reply = describe(Texts(), locale, write(BLANK, Parameters(program=program)))
    assert Texts().say(locale, key) in reply.text
    assert not reply.prompt
