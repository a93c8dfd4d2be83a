"""Facts about the wishes that the optimizer is measured on."""

from random import Random

import pytest

from engine.prompts import embedded_world, optimize
from lab.evaluate import scene_wishes
from lab.evaluate.prompts import graded


@pytest.mark.parametrize("ask", [scene_wishes.vague, scene_wishes.chinese])
def test_rough_wishes_are_understood_as_they_were_meant(ask: object) -> None:
    rng = Random(5)
    assert callable(ask)
    for scene in graded("plain", 200, seed=5):
        assert optimize(ask(scene, rng), embedded_world()).text.partition(", ")[0] == scene.prompt
