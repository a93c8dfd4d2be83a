"""What is said behind `/upscale`."""

import pytest

from bot.enlarging import Enlarging, read
from bot.types import Action, Refused


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("", Enlarging(None, 0, False)),
        ("17", Enlarging(17, 0, False)),
        ("#17 2", Enlarging(17, 1, False)),
        ("17 2 redraw", Enlarging(17, 1, True)),
        ("17 重绘", Enlarging(17, 0, True)),
        ("Redraw", Enlarging(None, 0, True)),
    ],
)
def test_it_names_a_job_a_picture_and_the_way(rest: str, said: Enlarging) -> None:
    assert read(rest) == said


def test_it_stands_for_a_button_under_the_job_named_or_answered() -> None:
    assert read("17 2 redraw").action(3) == Action("upscale", 17, 1, "redraw")
    assert read("").action(3) == Action("upscale", 3, 0)


def test_without_any_job_it_is_refused() -> None:
    with pytest.raises(Refused, match="needs-image"):
        read("redraw").action()
