"""What a prompt is about, and that nothing is added that speaks against it."""

import itertools

import pytest

from engine.prompts import enhance, negatives
from engine.prompts.complete.kinds import is_drawn, kind_of
from engine.prompts.complete.negatives import folded
from engine.prompts.data import phrases
from tests.engine.prompts.rules import prepare

KINDS = [
    ("a portrait of an old fisherman mending a net", "people"),
    ("三个小孩在巷子里踢球", "people"),
    ("a fox asleep in autumn leaves", "animals"),
    ("一只猫在窗台上晒太阳", "animals"),
    ("a lighthouse on a cliff", "architecture"),
    ("布达拉宫，逆光", "architecture"),
    ("a misty forest", "nature"),
    ("雪山和湖泊", "nature"),
    ("a rusty pickup truck", "machines"),
    ("蒸汽火车", "machines"),
    ("a bowl of noodles", "food"),
    ("六块巧克力，深色背景", "food"),
    ("a cozy living room with a fireplace", "interiors"),
    ("perfume bottle on marble", "product"),
    ("一双红色的运动鞋", "product"),
    ("a logo with a whale", "text"),
    ("咖啡馆的标志", "text"),
    ("a selfie", "people"),
    ("a zorblax", "other"),
    ("", "other"),
    ('"a cat"', "other"),
]
STYLES = [
    "watercolor",
    "oil painting",
    "anime",
    "pixel art",
    "linocut",
    "ink wash painting",
    "storybook illustration",
]
PHOTOGRAPHIC = ["out of focus", "skin texture", "lens", "photograph", "texture of skin", "view"]


@pytest.mark.parametrize(("prompt", "kind"), KINDS)
def test_the_lexicon_tells_what_a_prompt_is_about(prompt: str, kind: str) -> None:
    assert kind_of(prompt) == kind


@pytest.mark.parametrize(
    ("style", "subject"), [*itertools.product(STYLES, ["a woman", "a fox", "a harbour", "a cake"])]
)
def test_nothing_photographic_is_put_onto_something_drawn(style: str, subject: str) -> None:
    prompt = f"{subject}, {style}"
    added = enhance(prompt).text.removeprefix(prompt)
    assert is_drawn(prompt)
    assert not any(word in added for word in PHOTOGRAPHIC)


@pytest.mark.parametrize("kind", sorted({kind for _, kind in KINDS} - {"text", "other"}))
def test_every_kind_has_something_of_its_own(kind: str) -> None:
    table = phrases()["additions"]
    assert len(table["detail"][kind]) == len(table["detail_zh"][kind]) >= 2
    assert phrases()["negatives"][kind]


def test_another_wording_adds_something_else_as_true() -> None:
    first, second = (prepare("a fox", wording=wording).text for wording in (0, 1))
    assert first.startswith("a fox, ")
    assert second.startswith("a fox, ")
    assert first != second


def test_a_precise_prompt_gets_nothing() -> None:
    precise = "close-up of a fox, soft rim light, fine detail of the fur, forest background"
    assert enhance(precise).text == precise


def test_no_hands_are_spoken_of_in_a_landscape_and_no_blur_where_it_is_wanted() -> None:
    assert "hands" not in negatives("a misty forest with a lake")
    assert "blurry" not in negatives("a fox, background softly out of focus")
    assert "blurry" in negatives("a misty forest with a lake")


def test_without_guidance_refusals_are_told_positively_or_dropped_and_said_so() -> None:
    ready = prepare("a street at noon", negative="people, giraffes", guided=False)
    assert ready.text.endswith(", deserted")
    assert ready.negative == ""
    assert ready.notes[-2:] == ("negative:folded", "negative:unguided")


def test_without_guidance_nothing_is_said_of_terms_that_nobody_asked_for() -> None:
    ready = prepare("a street at noon", guided=False)
    assert ready.negative == ""
    assert not any(note.startswith("negative") for note in ready.notes)


def test_folding_knows_plurals_and_tells_what_it_cannot() -> None:
    assert folded("People, cars, giraffes, 文字") == (
        ("deserted", "free of traffic", "with plain, unlettered surfaces"),
        ("giraffes",),
    )
