"""Facts about what is said of a picture that somebody sends in."""

from PIL import Image

from bot.reading import told
from bot.texts import Texts
from engine import pixels
from engine.metadata import Parameters, write


def test_a_picture_tells_its_size_prompt_negative_prompt_and_lora_files() -> None:
    made = Parameters(
        "a red boat", "rain", width=64, height=48, steps=8, seed=7, loras=(("glow", 0.8), ("ink", -1.0))
    )
    reply = told(Texts(), "en", write(pixels.png(Image.new("RGB", (64, 48))), made))
    for words in ("64×48", "rain", "LoRA: glow:0.8 ink:-1"):
        assert words in reply.text
    assert "a red boat" in str(reply)
