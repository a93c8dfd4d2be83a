"""Facts about the vocabulary and the split."""

from itertools import product
from random import Random

from lab.judge.judge import JUDGE_SETS
from lab.render import vocabulary
from lab.render.scene import Scene, Thing, is_evaluation, is_held_out, sample_pair, sample_scene
from lab.render.vocabulary import COLOURS, PLACES, SUBJECTS, TIMES


def test_no_training_set_holds_a_held_out_combination() -> None:
    """Whatever model and judge learn from, no subject in it is a held-out combination."""
    for part in JUDGE_SETS:
        for scene in part.scenes(3000):
            for thing in scene.things:
                assert not is_held_out(thing.subject, thing.colour, scene.place, scene.time)


def test_evaluation_samples_only_held_out_combinations() -> None:
    """Every scene of the evaluation side has a subject that training never saw so."""
    rng = Random(1)
    for sample in (sample_scene, sample_pair):
        assert all(is_evaluation(sample(rng, held_out=True)) for _ in range(300))


def test_a_tenth_of_the_combinations_is_held_out_and_every_word_is_on_both_sides() -> None:
    """Between 9 and 13 % of the combinations are held out, and each word occurs on both sides."""
    sides: dict[bool, list[tuple[str, ...]]] = {True: [], False: []}
    for words in product(SUBJECTS, COLOURS, PLACES, TIMES):
        sides[is_held_out(*words)].append(words)
    assert 0.09 < len(sides[True]) / (len(sides[True]) + len(sides[False])) < 0.13
    for side in sides.values():
        assert {word for words in side for word in words} == {*SUBJECTS, *COLOURS, *PLACES, *TIMES}


def test_a_companion_alone_can_put_a_scene_on_the_evaluation_side() -> None:
    """A scene belongs to evaluation when its second subject is a held-out combination."""
    first = next(colour for colour in COLOURS if not is_held_out("cat", colour, "sea", "noon"))
    second = next(colour for colour in COLOURS if is_held_out("house", colour, "sea", "noon"))
    scene = Scene("cat", first, "sea", "noon", position="left", companion=Thing("house", second))
    assert is_evaluation(scene)


def test_the_canonical_prompt_reads_like_a_sentence() -> None:
    """The canonical prompt names what is to be seen, and leaves the usual unsaid."""
    assert Scene("sailboat", "red", "sea", "sunset").prompt == "a red sailboat on the sea at sunset"
    assert Scene("cat", "orange", "snowfield", "night").prompt == "an orange cat in the snow at night"
    far = Scene("tree", "green", "lake", "noon", distance="far")
    assert far.prompt == "a green tree far away by a lake at noon"
    bird = Thing("bird", "pink")
    pair = Scene("car", "grey", "city", "dawn", weather="rain", style="ink", position="left", companion=bird)
    assert pair.prompt == (
        "a grey car on the left and a pink bird on the right in the city at dawn in the rain, ink drawing"
    )


def test_every_word_has_its_phrases() -> None:
    """Each list of words and its tables of phrases agree."""
    tables = {
        "SUBJECTS": ("SUBJECT_WORDS",),
        "PLACES": ("PLACE_PHRASES", "PLACE_WORDS"),
        "TIMES": ("TIME_PHRASES", "TIME_WORDS", "LIGHT_PHRASES"),
        "WEATHERS": ("WEATHER_PHRASES", "WEATHER_WORDS"),
        "STYLES": ("STYLE_PHRASES", "STYLE_WORDS"),
        "POSITIONS": ("POSITION_PHRASES", "POSITION_WORDS"),
        "DISTANCES": ("DISTANCE_PHRASES", "DISTANCE_WORDS"),
    }
    for words, names in tables.items():
        for name in names:
            assert set(getattr(vocabulary, name)) == set(getattr(vocabulary, words)), name


def test_two_subjects_differ_in_kind_and_colour_and_stand_apart() -> None:
    """A pair is of two different subjects in two different colours, on opposite sides."""
    rng = Random(2)
    for _ in range(200):
        scene = sample_pair(rng)
        first, second = scene.things
        assert first.subject != second.subject
        assert first.colour != second.colour
        assert scene.position in {"left", "right"}
