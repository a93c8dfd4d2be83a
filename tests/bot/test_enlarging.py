"""What is said behind `/upscale`."""

import pytest

from bot.requests.upscale_options import METHODS, UpscaleOptions, UpscaleRequest, parse_options, read
from bot.types import Action, Refused
from engine.types import UPSCALE_FACTORS, UpscaleMethod


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("", UpscaleRequest(None)),
        ("17", UpscaleRequest(17)),
        ("#17 2", UpscaleRequest(17, 1)),
        ("17 2 redraw", UpscaleRequest(17, 1, UpscaleOptions(2, "redraw"))),
        ("17 重绘", UpscaleRequest(17, 0, UpscaleOptions(2, "redraw"))),
        ("Redraw", UpscaleRequest(None, 0, UpscaleOptions(2, "redraw"))),
        ("17 x4", UpscaleRequest(17, 0, UpscaleOptions(4))),
        ("4X 17", UpscaleRequest(17, 0, UpscaleOptions(4))),
        ("17 2 4倍", UpscaleRequest(17, 1, UpscaleOptions(4))),
        ("四倍 17", UpscaleRequest(17, 0, UpscaleOptions(4))),
        ("17 两倍", UpscaleRequest(17)),
        ("17 一倍", UpscaleRequest(17)),
        ("17 x 4", UpscaleRequest(17, 0, UpscaleOptions(4))),
        ("sr x4 17 3", UpscaleRequest(17, 2, UpscaleOptions(4, "sr"))),
        ("17 Lanczos 4x", UpscaleRequest(17, 0, UpscaleOptions(4, "lanczos"))),
        ("17 4 倍超分辨率", UpscaleRequest(17, 0, UpscaleOptions(4, "sr"))),
        ("四倍 重繪", UpscaleRequest(None, 0, UpscaleOptions(4, "redraw"))),
        ("17 4倍 描き直し", UpscaleRequest(17, 0, UpscaleOptions(4, "redraw"))),
        ("17 超解像", UpscaleRequest(17, 0, UpscaleOptions(2, "sr"))),
        ("redraw sr 17", UpscaleRequest(17, 0, UpscaleOptions(2, "redraw"))),
        ("17 1920x1080", UpscaleRequest(17, 1919)),
    ],
)
def test_it_names_a_job_a_picture_and_the_way_in_any_order(rest: str, said: UpscaleRequest) -> None:
    assert read(rest) == said


def test_it_stands_for_a_button_under_the_job_named_or_answered() -> None:
    assert read("17 2 redraw").action(3) == Action("upscale", 17, 1, "redraw")
    assert read("").action(3) == Action("upscale", 3, 0)
    assert read("x4 sr").action(3) == Action("upscale", 3, 0, "x4 sr")


@pytest.mark.parametrize("factor", UPSCALE_FACTORS)
@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_a_way_is_read_from_its_own_words(factor: int, method: UpscaleMethod) -> None:
    assert parse_options(UpscaleOptions(factor, method).words()) == UpscaleOptions(factor, method)


@pytest.mark.parametrize("said", ["17 x5", "8x", "放大 10倍", "17 五倍", "二十倍"])
def test_another_factor_is_refused_with_those_there_are(said: str) -> None:
    with pytest.raises(Refused) as caught:
        read(said)
    assert (caught.value.code, caught.value.values["allowed"]) == ("bad-value", "x2, x3, x4")


def test_digits_without_end_are_no_factor() -> None:
    assert read("x" + "9" * 5000).options == UpscaleOptions()


def test_without_any_job_it_is_refused() -> None:
    with pytest.raises(Refused, match="needs-image"):
        read("redraw").action()
