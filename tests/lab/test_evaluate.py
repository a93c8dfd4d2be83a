"""What the evaluation loads, and what it shows of the pictures it has judged."""

import shutil
from pathlib import Path

from engine.embedded import WEIGHTS
from engine.models.profiles import EMBEDDED, profile
from lab.evaluate.__main__ import in_turn, loaded


def test_a_sheet_takes_the_first_of_every_kind_before_the_second_of_any() -> None:
    kinds = ["night", "night", "noon", "night", "dawn", "noon"]
    assert [kinds[i] for i in in_turn(kinds)] == ["night", "noon", "dawn", "night", "noon", "night"]
    assert in_turn(kinds)[:3] == [0, 2, 4]


def test_other_weights_draw_in_the_sizes_of_the_packages_own(tmp_path: Path) -> None:
    """Else a picture of 512 pixels would be begun at full size, and weights could not be compared."""
    folder = shutil.copytree(WEIGHTS, tmp_path / "teacher")
    assert loaded(str(folder)).components.profile == profile(EMBEDDED)
