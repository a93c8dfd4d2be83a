from io import BytesIO

import pytest
from PIL import Image

from engine import metadata, pixels
from engine.metadata import Parameters
from engine.types import EngineError, Upscale
from engine.upscale import upscale


def picture(width: int = 12, height: int = 8) -> bytes:
    return pixels.png(Image.linear_gradient("L").resize((width, height)).convert("RGB"))


@pytest.mark.parametrize("factor", [2, 4])
def test_a_picture_becomes_factor_times_larger_and_says_how(factor: int) -> None:
    result = upscale(Upscale(picture(), factor))
    with Image.open(BytesIO(result.png)) as image:
        assert image.size == (12 * factor, 8 * factor) == (result.width, result.height)
    assert result.report["method"] == "lanczos"


def test_metadata_travels_with_the_new_size_and_the_method() -> None:
    source = metadata.write(picture(), Parameters("a cat", original="猫", width=12, height=8, seed=5))
    result = upscale(Upscale(source))
    assert result.seed == 5
    assert metadata.read(result.png) == Parameters(
        "a cat", original="猫", width=24, height=16, seed=5, upscaler="lanczos"
    )


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (Upscale(picture(), 3), "factor is 3"),
        (Upscale(b"nothing"), "cannot be read"),
        (Upscale(picture(4100, 1)), "8200×2"),
    ],
)
def test_what_cannot_be_enlarged_is_refused(task: Upscale, named: str) -> None:
    with pytest.raises(EngineError, match=named) as caught:
        upscale(task)
    assert caught.value.code == "bad_input"
