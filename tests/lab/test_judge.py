"""Facts about what the judge is asked."""

from random import Random

import pytest

from lab.judge.judge import (
    HEADS,
    NONE,
    accuracy,
    held_out_scenes,
    load_judge,
    mirrored,
    render_accuracy,
    truth,
)
from lab.render.scene import Scene, Thing, sample_scene
from lab.render.scenes import render_array


def test_every_question_has_an_answer_among_its_words() -> None:
    """The truth about any scene is one of the words of each head."""
    rng = Random(1)
    for _ in range(300):
        values = truth(sample_scene(rng))
        assert set(values) == set(HEADS)
        assert all(values[name] in words for name, words in HEADS.items())


def test_of_two_subjects_the_left_one_comes_first() -> None:
    """Which subject was named first does not matter; where they stand does."""
    bird = Thing("bird", "white")
    left = truth(Scene("car", "red", "city", "noon", position="left", companion=bird))
    right = truth(Scene("car", "red", "city", "noon", position="right", companion=bird))
    assert (left["subject"], left["second subject"]) == ("car", "bird")
    assert (right["subject"], right["second subject"]) == ("bird", "car")
    assert truth(Scene("car", "red", "city", "noon"))["second colour"] == NONE


def test_in_a_mirror_left_is_right() -> None:
    """A mirror image is named like the scene whose sides are exchanged."""
    things = [("car", "red", None), ("car", "red", Thing("bird", "white"))]
    for subject, colour, companion in things:
        left = Scene(subject, colour, "city", "noon", position="left", companion=companion)
        right = Scene(subject, colour, "city", "noon", position="right", companion=companion)
        assert mirrored(truth(left)) == truth(right)
        assert mirrored(truth(right)) == truth(left)


@pytest.mark.timeout(600)
def test_the_judge_knows_renders_it_never_saw() -> None:
    """The judge names at least 98 % of 1,000 held-out renders on every head."""
    assert min(render_accuracy(load_judge()).values()) >= 0.98


@pytest.mark.parametrize(("width", "height"), [(336, 192), (192, 336)])
def test_the_judge_knows_the_broadest_and_the_highest_renders(width: int, height: int) -> None:
    """Of 100 held-out renders in either shape it names at least 92 on every head."""
    scenes = held_out_scenes(100, seed=32)
    verdicts = load_judge().verdicts([render_array(scene, width, height) for scene in scenes])
    assert min(accuracy(verdicts, scenes).values()) >= 0.92
