"""Enhancement: what is left open is filled in, what was said is never contradicted."""

from random import Random

import pytest

from engine.prompts import embedded_world, enhance, negatives, optimize
from engine.prompts.complete.kinds import mentions
from engine.prompts.data import phrases
from lab.render import vocabulary as embedded
from lab.render.scene import Scene, sample_pair, sample_scene
from tests.engine.prompts.rules import prepare

WORLD = embedded_world()


def test_place_time_and_light_are_added_where_none_was_given() -> None:
    enhanced = enhance("a red sailboat", WORLD)
    assert enhanced.text.startswith("a red sailboat ")
    assert enhanced.notes == ("enhanced:place", "enhanced:time", "enhanced:light")


@pytest.mark.parametrize(
    ("time", "light"),
    [
        ("at dawn", "in soft morning light"),
        ("at noon", "in bright daylight"),
        ("at sunset", "in warm evening light"),
        ("at night", "under a starry sky"),
    ],
)
def test_the_light_is_true_at_the_time(time: str, light: str) -> None:
    enhanced = enhance(f"a blue house in the snow {time}", WORLD)
    assert enhanced.text == f"a blue house in the snow {time}, {light}"
    assert enhanced.notes == ("enhanced:light",)


def test_every_scene_keeps_what_it_says_and_stays_readable_to_the_world() -> None:
    rng = Random(0)
    for scene in [sample_scene(rng) for _ in range(400)] + [sample_pair(rng) for _ in range(200)]:
        enhanced = enhance(scene.prompt, WORLD).text
        assert optimize(enhanced, WORLD).text == enhanced
        assert all(part in enhanced for part in scene.prompt.split(", "))


@pytest.mark.parametrize("weather", ["rain", "snow", "fog"])
def test_no_sunlight_is_added_to_bad_weather(weather: str) -> None:
    prompt = Scene("cat", "red", "city", "noon", weather=weather).prompt
    assert enhance(prompt, WORLD).text == prompt


def test_additions_differ_between_prompts_and_not_between_calls() -> None:
    prompts = [f"a {colour} {subject}" for colour in embedded.COLOURS for subject in embedded.SUBJECTS]
    first = [enhance(prompt, WORLD).text for prompt in prompts]
    assert first == [enhance(prompt, WORLD).text for prompt in prompts]
    assert len({text.removeprefix(prompt) for text, prompt in zip(first, prompts, strict=True)}) > 8


def test_another_wording_adds_other_places_times_and_lights() -> None:
    texts = [enhance("a red house", WORLD, wording=wording).text for wording in range(3)]
    assert len(set(texts)) == 3
    assert all(optimize(text, WORLD).text == text for text in texts)


def test_no_colour_is_invented() -> None:
    for subject in embedded.SUBJECTS:
        words = enhance(f"a {subject}", WORLD).text.split()
        assert not set(words) & set(embedded.COLOURS)


def test_nothing_the_person_refused_is_added() -> None:
    for colour in embedded.COLOURS:
        for refused in ("snow, meadow", "雪, 草地", "the city, field, winter, grass"):
            text = enhance(f"a {colour} cat", WORLD, refused).text
            assert "snow" not in text
            assert "meadow" not in text


def test_a_prompt_that_was_not_optimized_keeps_its_wording() -> None:
    assert enhance("My lovely boat at dusk", WORLD).text == (
        "My lovely boat at dusk, on the sea, in warm evening light"
    )


def test_a_prompt_outside_the_world_stays_as_it_is() -> None:
    assert enhance("a dragon", WORLD).text == "a dragon"


@pytest.mark.parametrize(
    ("prompt", "tables"),
    [
        ("a fox", ("composition", "light", "detail")),
        ("一只狐狸", ("composition", "light", "detail")),
        ("一只白色的狐狸", ("composition", "light", "detail")),
        ("a red fox at sunset", ("composition", "light", "detail")),
        ("a watercolor of a fox", ("light", "detail")),
        ("a horse", ("composition", "light", "detail")),
        ("a fox in a field", ()),
        ("two foxes", ()),
        ("a fox and a hare", ()),
        ("a fox chasing a hare", ()),
        ("a zorblax fox", ()),
        ("a fox with wings", ()),
        ("the Arc de Triomphe", ()),
        ("an octopus conducting crabs", ()),
        ("窗台上的狐狸", ()),
        ("三只狐狸", ()),
        ("皮卡丘", ()),
        ("a logo of a fox", ()),
        ("a fox " + "that runs through tall grass " * 9, ()),
        ('"OPEN"', ()),
    ],
)
def test_a_free_prompt_gets_only_what_it_does_not_say(prompt: str, tables: tuple[str, ...]) -> None:
    enhanced = enhance(prompt)
    added = enhanced.text.removeprefix(prompt.strip()).strip("，, ")
    assert enhanced.notes == ((f"enhanced={added}",) if tables else ())
    suffix = "" if prompt.isascii() else "_zh"
    lists = {name: phrases()["additions"][f"{name}{suffix}"] for name in ("composition", "light", "detail")}
    choices = {name: [each for listed in lists[name].values() for each in listed] for name in lists}
    assert tuple(name for name in lists if any(each in added for each in choices[name])) == tables


def test_additions_are_in_the_language_of_the_prompt() -> None:
    assert enhance("a fox").text.isascii()
    assert not any(char.isascii() for char in enhance("一只狐狸").text)


def test_free_light_fits_the_time_that_was_said() -> None:
    choices = phrases()["additions"]["light"]
    assert any(light in enhance("a fox at night").text for light in choices["night"])
    assert any(light in enhance("a fox at sunrise").text for light in choices["dawn"])


def test_every_addition_counts_as_said_afterwards() -> None:
    for name, languages in (
        ("composition", ("composition", "composition_zh")),
        ("light", ("light", "light_zh")),
        ("detail", ("detail", "detail_zh")),
    ):
        for language in languages:
            for choices in phrases()["additions"][language].values():
                for choice in choices:
                    assert mentions(choice, "precise", name), choice


def test_hands_are_spoken_of_only_where_people_are() -> None:
    assert "hands" in negatives("a portrait of a woman")
    assert "hands" in negatives("一个女孩在海边")
    assert "hands" not in negatives("a mountain lake")


def test_what_a_prompt_asks_for_is_not_in_its_negative() -> None:
    assert "blurry" not in negatives("a fox with blurry background")


def test_the_persons_own_negative_comes_first_and_whole() -> None:
    assert negatives("a lake", own="text, 水印，blurry").startswith("text, 水印, blurry, ")
    long = ", ".join(f"word{n}" for n in range(90))
    assert negatives("a lake", own=long).startswith(long)


def test_a_negative_list_is_short() -> None:
    assert len(negatives("a portrait of a woman with hands")) <= 300


def test_a_small_world_gets_only_the_persons_own_negative() -> None:
    assert negatives("a red cat", WORLD) == ""
    assert negatives("a red cat", WORLD, "snow") == "snow"


def test_preparing_runs_every_step_that_was_asked_for() -> None:
    ready = prepare("红色的\u200b猫，在海上，不要雪", WORLD, negative="house")
    assert ready.text.startswith("a red cat on the sea at ")
    assert ready.negative == "house, snow"
    assert ready.notes == ("cleaned", "optimized", "optimizer:rules", "enhanced:time", "enhanced:light")


def test_preparing_without_steps_only_sanitizes() -> None:
    for world in (WORLD, None):
        ready = prepare(" 画一只 猫 ", world, negative="snow", optimized=False, enhanced=False)
        assert (ready.text, ready.negative, ready.notes) == ("画一只 猫", "snow", ())


def test_a_wish_that_only_refuses_still_becomes_a_picture_without_it() -> None:
    ready = prepare("no snow", WORLD)
    assert ready.text
    assert "snow" not in ready.text
    assert ready.negative == "snow"
