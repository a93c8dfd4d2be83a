"""Facts about the vocabulary, the split and the captions."""

from itertools import product
from random import Random

import numpy as np
import pytest

from engine.embedded.dataset import training_scenes
from engine.embedded.scenes import render, render_array
from engine.embedded.world import (
    COLOURS,
    LIGHT_PHRASES,
    PLACE_STANDING,
    PLACE_WORDS,
    PLACES,
    SUBJECT_WORDS,
    SUBJECTS,
    TIME_WORDS,
    TIMES,
    Scene,
    caption,
    is_held_out,
    long_caption,
    sample_scene,
)


def test_training_never_samples_a_held_out_combination() -> None:
    """Training never samples a held-out combination."""
    assert not any(is_held_out(s.subject, s.colour, s.place, s.time) for s in training_scenes(3000))


def test_evaluation_samples_only_held_out_combinations() -> None:
    """Evaluation samples only held-out combinations."""
    rng = Random(1)
    scenes = [sample_scene(rng, held_out=True) for _ in range(500)]
    assert all(is_held_out(s.subject, s.colour, s.place, s.time) for s in scenes)


def test_a_tenth_of_the_combinations_is_held_out_and_every_word_is_on_both_sides() -> None:
    """Between 9 and 13 % of the combinations are held out, and each word occurs on both sides."""
    sides: dict[bool, list[tuple[str, ...]]] = {True: [], False: []}
    for words in product(SUBJECTS, COLOURS, PLACES, TIMES):
        sides[is_held_out(*words)].append(words)
    assert 0.09 < len(sides[True]) / (len(sides[True]) + len(sides[False])) < 0.13
    for side in sides.values():
        assert {word for words in side for word in words} == {*SUBJECTS, *COLOURS, *PLACES, *TIMES}


def test_the_canonical_prompt_reads_like_a_sentence() -> None:
    """The canonical prompt names colour, subject, place and time with the right article."""
    assert Scene("sailboat", "red", "sea", "sunset").prompt == "a red sailboat on the sea at sunset"
    assert Scene("cat", "orange", "snowfield", "night").prompt == "an orange cat in the snow at night"


def test_a_complete_caption_names_all_four_things() -> None:
    """A complete caption names subject, colour, place and time of its scene."""
    rng = Random(2)
    for _ in range(2000):
        scene = sample_scene(rng)
        text = caption(scene, rng, complete=True).lower()
        assert scene.colour in text
        assert any(word in text for word in SUBJECT_WORDS[scene.subject])
        assert any(word in text for word in PLACE_WORDS[scene.place] + PLACE_STANDING[scene.place])
        assert any(word in text for word in TIME_WORDS[scene.time])


def test_no_caption_claims_another_time_of_day() -> None:
    """No caption, short or long, carries a time or light phrase of another time of day."""
    rng = Random(3)
    for _ in range(1000):
        scene = sample_scene(rng)
        text = (caption(scene, rng) + " " + long_caption(scene, rng)).lower()
        for time in set(TIMES) - {scene.time}:
            assert not any(phrase in text for phrase in LIGHT_PHRASES[time] + TIME_WORDS[time])


def test_captions_come_in_many_wordings() -> None:
    """One scene has more than two hundred wordings, from two words to a full sentence."""
    rng = Random(4)
    wordings = {caption(Scene("house", "blue", "snowfield", "night"), rng) for _ in range(1000)}
    assert len(wordings) > 200
    assert min(len(text.split()) for text in wordings) <= 2
    assert any(text.endswith(".") for text in wordings)


def test_a_scene_always_renders_to_the_same_picture() -> None:
    """A scene renders to the same picture each time; another seed moves things."""
    scene = Scene("balloon", "red", "desert", "dawn", seed=5)
    assert np.array_equal(render_array(scene), render_array(scene))
    assert not np.array_equal(
        render_array(scene), render_array(Scene("balloon", "red", "desert", "dawn", seed=6))
    )


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_scene_renders_at_any_size(subject: str) -> None:
    """Every subject renders at 64 and at 256 pixels, and the two agree when reduced."""
    scene = Scene(subject, "blue", "meadow", "noon", seed=1)
    small = np.asarray(render(scene, 64), dtype=float)
    large = np.asarray(render(scene, 256).reduce(4), dtype=float)
    assert np.abs(small - large).mean() < 6
