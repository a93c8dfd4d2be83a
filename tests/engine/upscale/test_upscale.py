"""From an encoded picture to a larger one with its metadata."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from safetensors.torch import save_file

from bot.requests.upscale_options import METHODS as TYPED_METHODS
from engine.memory.allocator import Reading
from engine.pictures import codec, metadata
from engine.pictures.metadata import Parameters
from engine.types import EngineError, Picture, Progress, Upscale
from engine.upscale import METHODS, UpscalePlan, choose, upscale
from engine.upscale.network import SRVGGNetCompact
from engine.upscale.style import of


def picture(width: int = 12, height: int = 8) -> bytes:
    return codec.png(Image.linear_gradient("L").resize((width, height)).convert("RGB"))


def result(task: Upscale, plan: UpscalePlan | None = None) -> Picture:
    *_, last = upscale(task, plan or UpscalePlan())
    assert isinstance(last, Picture)
    return last


@pytest.mark.parametrize("method", ["auto", "sr", "lanczos"])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_picture_becomes_factor_times_larger_and_says_how(factor: int, method: str) -> None:
    source = metadata.write(picture(), Parameters("a cat", model="embedded"))
    larger = result(Upscale(source, factor, method))  # type: ignore[arg-type]
    with Image.open(BytesIO(larger.png)) as image:
        assert image.size == (12 * factor, 8 * factor) == (larger.width, larger.height)
    assert larger.report["method"] == ("sr" if method == "auto" else method)


def test_progress_comes_by_tile_before_the_picture() -> None:
    *steps, last = upscale(Upscale(picture(90, 90), method="sr"), UpscalePlan(tile=64))
    assert [step for step in steps if isinstance(step, Progress)][-1] == Progress(len(steps), len(steps))
    assert len(steps) > 1
    assert isinstance(last, Picture)


def test_where_memory_is_scarce_a_picture_is_upscaled_in_more_tiles_to_the_same_result() -> None:
    task = Upscale(picture(150, 90), method="sr")
    *ample, whole = upscale(task, UpscalePlan(read=lambda device: Reading(2**40, 0, 0)))
    *scarce, tiled = upscale(task, UpscalePlan(read=lambda device: Reading(0, 0, 0)))
    assert len(scarce) > len(ample) == 1
    assert isinstance(whole, Picture)
    assert isinstance(tiled, Picture)
    apart = ImageChops.difference(codec.read(whole.png), codec.read(tiled.png))
    assert max(largest for _, largest in apart.getextrema()) <= 1


def test_metadata_travels_with_the_new_size_and_the_method() -> None:
    source = metadata.write(picture(), Parameters("a cat", original="猫", width=12, height=8, seed=5))
    larger = result(Upscale(source, method="lanczos"))
    assert larger.seed == 5
    assert metadata.read(larger.png) == Parameters(
        "a cat", original="猫", width=24, height=16, seed=5, upscaler="lanczos"
    )


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (Upscale(picture(), 5), "factor is 5"),
        (Upscale(b"nothing"), "cannot be read"),
        (Upscale(picture(4100, 1)), "8200×2"),
        (Upscale(picture(), method="magic"), "method is 'magic'"),  # type: ignore[arg-type]
        (Upscale(picture(), method="redraw"), "use the method sr"),
    ],
)
def test_what_cannot_be_upscaled_is_refused(task: Upscale, named: str) -> None:
    with pytest.raises(EngineError, match=named) as caught:
        result(task)
    assert caught.value.code == "bad_input"


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("a red house at dawn, watercolour", "watercolour"),
        ("flat watercolor of a cat", "watercolour"),
        ("photograph of an old ink drawing", "ink"),
        ("水墨画，一只猫", "watercolour"),
        ("a fox, flat vector art", "flat"),
        ("portrait, 35mm film photograph", "photograph"),
        ("pixel art knight", "pixel art"),
        ("a lighthouse in a storm", "other"),
        ("an iconic sketchy photon", "other"),
        ("", "other"),
    ],
)
def test_the_prompt_tells_the_style(prompt: str, style: str) -> None:
    assert of(prompt) == style


@pytest.mark.parametrize(
    ("prompt", "model", "method"),
    [
        ("a red boat at sea", "embedded", "sr"),
        ("a red boat at sea, watercolour", "embedded", "lanczos"),
        ("a fox, flat vector art", "Z-Image-Turbo", "sr"),
        ("a fox asleep in autumn leaves", "Z-Image-Turbo", "lanczos"),
        ("", "", "lanczos"),
    ],
)
def test_the_built_in_network_is_for_drawings_it_knows(prompt: str, model: str, method: str) -> None:
    assert choose("auto", Parameters(prompt, model=model), UpscalePlan()) == method
    assert choose("sr", Parameters(prompt, model=model), UpscalePlan()) == "sr"


@pytest.mark.parametrize(
    ("prompt", "method"), [("a fox asleep in leaves", "sr"), ("a fox, watercolour", "lanczos"), ("", "sr")]
)
def test_other_weights_are_used_for_everything_but_soft_hands(
    tmp_path: Path, prompt: str, method: str
) -> None:
    save_file(SRVGGNetCompact(features=8, convs=1).state_dict(), tmp_path / "other.safetensors")
    assert choose("auto", Parameters(prompt), UpscalePlan(models=tmp_path)) == method


def test_people_can_type_every_method() -> None:
    assert set(TYPED_METHODS) == {*METHODS, "redraw"}
