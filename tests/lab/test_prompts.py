"""Facts about what evaluation asks for."""

import pytest

from lab.evaluate.prompts import GRADES, graded, wordings
from lab.render.scene import Scene, is_evaluation


@pytest.mark.parametrize("grade", GRADES)
def test_every_grade_asks_only_for_held_out_combinations(grade: str) -> None:
    """No prompt of any grade is of combinations that training saw; the same seed asks the same."""
    scenes = graded(grade, 40, seed=1)
    assert len(scenes) == 40
    assert all(is_evaluation(scene) for scene in scenes)
    assert scenes == graded(grade, 40, seed=1)
    assert wordings(scenes, 1) == wordings(scenes, 1)


def test_the_grades_rise() -> None:
    """Plain scenes wish nothing unusual, a clause adds one wish, the last grade a second subject."""
    usual = Scene("cat", "red", "sea", "noon")
    names = ("weather", "style", "position", "distance")

    def wishes(scene: Scene) -> int:
        return sum(getattr(scene, name) != getattr(usual, name) for name in names)

    assert {wishes(scene) for scene in graded("plain", 40, 1)} == {0}
    assert {wishes(scene) for scene in graded("clause", 40, 1)} == {1}
    assert all(scene.companion for scene in graded("compositional", 40, 1))
