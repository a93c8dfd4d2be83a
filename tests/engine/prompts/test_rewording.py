"""Another wording of the same wish: a different text that says the same, in words the model knows."""

from dataclasses import replace
from random import Random

import pytest

from engine.prompts import Optimizer, embedded_world, optimize
from engine.prompts.small_world.rewording import reworded
from engine.types import Generate, Optimize
from lab.render.captions import caption, stated
from lab.render.scene import Scene, sample_pair, sample_scene
from tests.engine.prompts.rules import prepare

WORLD = embedded_world()
SHORT = [
    Scene("cat", "red", "sea", "night"),
    Scene("tree", "green", "lake", "noon", style="ink"),
    Scene("fish", "blue", "city", "sunset", position="left"),
]


def test_every_wording_of_a_scene_is_read_as_that_scene() -> None:
    rng = Random(0)
    for scene in [*(sample_scene(rng) for _ in range(150)), *(sample_pair(rng) for _ in range(50))]:
        for wording in range(1, 7):
            text = reworded(scene.prompt, WORLD, wording)
            assert optimize(text, WORLD).text == scene.prompt
            assert stated(scene, text) == stated(scene, scene.prompt), text


@pytest.mark.parametrize("scene", SHORT)
def test_every_wording_of_a_scene_is_one_of_its_captions(scene: Scene) -> None:
    rng = Random(0)
    captions = {caption(scene, rng, complete=True).casefold().rstrip(".") for _ in range(25_000)}
    assert {reworded(scene.prompt, WORLD, wording) for wording in range(6)} <= captions


def test_a_full_scene_has_at_least_six_wordings() -> None:
    rng = Random(1)
    for scene in [sample_scene(rng) for _ in range(100)]:
        assert len({reworded(scene.prompt, WORLD, wording) for wording in range(6)}) == 6


def test_a_wish_for_the_small_model_is_worded_anew_each_time_additions_and_all() -> None:
    optimizer = Optimizer(WORLD)
    for task in (Generate("雪里的一座红房子"), Optimize("雪里的一座红房子")):
        texts = [optimizer.prepare(replace(task, wording=wording)).used for wording in range(4)]
        assert texts[0].startswith("a red house in the snow")
        assert len(set(texts)) == 4
        assert all(optimize(text, WORLD).text.startswith("a red house in the snow") for text in texts)


def test_a_wording_of_a_canonical_prompt_says_that_rules_wrote_it() -> None:
    ready = prepare("a red house in the snow", WORLD, enhanced=False, wording=1)
    assert ready.text != "a red house in the snow"
    assert ready.notes == ("optimized", "optimizer:rules")


def test_my_words_as_they_are_have_no_other_wording() -> None:
    raw = Generate("a red house in the snow", optimize=False, enhance=False, wording=1)
    assert Optimizer(WORLD).prepare(raw).used == "a red house in the snow"


def test_what_is_outside_the_world_has_no_other_wording() -> None:
    assert reworded("a mystery", WORLD, 1) == "a mystery"


@pytest.mark.parametrize("wish", ["请画一条老街", "a fox", "a castle"])
def test_for_other_models_no_wording_comes_again_before_six(wish: str) -> None:
    texts = {Optimizer().prepare(Optimize(wish, wording)).used for wording in range(6)}
    assert len(texts) == 6
