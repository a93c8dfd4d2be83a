"""Facts about what is said of a scene."""

from random import Random

from lab.render.captions import COLOUR_WORDS, STANDING, WEATHER_SENTENCES, caption, long_caption, stated
from lab.render.scene import Scene, Thing, sample_pair, sample_scene
from lab.render.vocabulary import (
    DISTANCE_WORDS,
    LIGHT_PHRASES,
    PLACE_WORDS,
    STYLE_WORDS,
    SUBJECT_WORDS,
    TIME_WORDS,
    TIMES,
    WEATHER_WORDS,
    WEATHERS,
)


def test_a_complete_caption_names_everything_unusual() -> None:
    """A complete caption names subjects, colours, place, time, weather, style, side and distance."""
    rng = Random(2)
    for _ in range(1500):
        scene = sample_scene(rng)
        text = caption(scene, rng, complete=True).lower()
        for thing in scene.things:
            assert any(word in text for word in COLOUR_WORDS.get(thing.colour, (thing.colour,))), text
            assert any(word in text for word in SUBJECT_WORDS[thing.subject]), text
        assert any(word in text for word in PLACE_WORDS[scene.place] + STANDING[scene.place]), text
        assert any(word in text for word in TIME_WORDS[scene.time]), text
        stated = WEATHER_WORDS[scene.weather] + WEATHER_SENTENCES[scene.weather]
        assert scene.weather == "clear" or any(word.lower().rstrip(".") in text for word in stated), text
        assert scene.style == "flat" or any(word in text for word in STYLE_WORDS[scene.style]), text
        assert scene.position == "middle" or scene.position in text, text
        assert any(word in text for word in DISTANCE_WORDS[scene.distance]), text


def test_no_caption_is_silent_on_what_is_unusual() -> None:
    """Weather, style, side and distance are named in every wording unless they are the usual ones."""
    rng = Random(6)
    for _ in range(1500):
        scene = sample_scene(rng)
        text = caption(scene, rng).lower()
        wet = WEATHER_WORDS[scene.weather] + WEATHER_SENTENCES[scene.weather]
        assert scene.weather == "clear" or any(word.lower().rstrip(".") in text for word in wet), text
        assert scene.style == "flat" or any(word in text for word in STYLE_WORDS[scene.style]), text
        assert scene.position == "middle" or scene.companion or scene.position in text, text
        assert any(word in text for word in DISTANCE_WORDS[scene.distance]), text


def test_it_is_known_what_a_caption_tells() -> None:
    """A full wording tells everything, a bare noun only the subject; of two the sides may stay open."""
    pair = Scene("cat", "red", "sea", "night", position="left", companion=Thing("car", "blue"))
    assert stated(pair, pair.prompt) == {"subject", "colour", "place", "time", "side"}
    assert stated(pair, "a cat and a car under the stars") == {"subject", "time"}
    assert stated(Scene("cat", "red", "sea", "night"), "a cat") == {"subject", "side"}


def test_no_caption_claims_another_time_of_day() -> None:
    """No caption, short or long, carries a time or light phrase of another time of day."""
    rng = Random(3)
    for _ in range(500):
        scene = sample_scene(rng)
        text = (caption(scene, rng) + " " + long_caption(scene, rng)).lower()
        for time in set(TIMES) - {scene.time}:
            assert not any(phrase in text for phrase in LIGHT_PHRASES[time] + TIME_WORDS[time]), text


def test_no_caption_claims_another_weather() -> None:
    """No caption speaks of rain, falling snow, fog or fine weather where there is none."""
    rng = Random(4)
    for _ in range(500):
        scene = sample_scene(rng)
        text = (caption(scene, rng) + " " + long_caption(scene, rng)).lower()
        for weather in set(WEATHERS) - {scene.weather}:
            assert not any(phrase in text for phrase in WEATHER_WORDS[weather]), text


def test_captions_come_in_many_wordings() -> None:
    """One scene has more than two hundred wordings, from two words to full sentences."""
    rng = Random(4)
    wordings = {caption(Scene("house", "blue", "snowfield", "night"), rng) for _ in range(1000)}
    assert len(wordings) > 200
    assert min(len(text.split()) for text in wordings) <= 2
    assert any(text.endswith(".") for text in wordings)


def test_a_pair_says_which_colour_belongs_to_which_subject() -> None:
    """In every complete wording of a pair each colour stands right before its own subject."""
    rng = Random(5)
    for _ in range(300):
        scene = sample_pair(rng)
        text = caption(scene, rng, complete=True).lower()
        for thing in scene.things:
            colours = COLOUR_WORDS.get(thing.colour, (thing.colour,))
            wordings = [f"{colour} {word}" for colour in colours for word in SUBJECT_WORDS[thing.subject]]
            assert any(words in text for words in wordings), text
