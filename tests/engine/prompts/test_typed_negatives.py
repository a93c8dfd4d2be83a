"""A negative prompt that somebody typed: what the model is told of it, and what it does not know."""

import pytest

from engine.prompts import Optimizer, Target, embedded_world
from engine.prompts.complete.negatives import folded, understood
from engine.prompts.data import phrases
from engine.types import Generate, Optimize
from tests.engine.prompts.rules import prepare

WORLD = embedded_world()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("文字，水印、模糊", "text, watermark, blurry"),
        ("人和車", "person, car"),
        ("和服", "kimono"),
        ("戴帽子的人；红色的船", "person wearing a hat, red boat"),
        ("不要人，没有车", "person, car"),
        ("no people, without cars", "people, cars"),
        ("rock and roll, black and white", "rock and roll, black and white"),
        ("写着“出售”的牌子", "sign reading “出售”"),
        ("鲵鲵, dogs", "鲵鲵, dogs"),
        ("", ""),
    ],
)
def test_a_model_that_reads_english_is_told_things_in_english(typed: str, told: str) -> None:
    assert understood(typed, None) == (told, False)


def test_beside_a_chinese_prompt_the_terms_stay_chinese() -> None:
    assert understood("不要人，車、dogs", None, chinese=True) == ("人, 車, dogs", False)


@pytest.mark.parametrize(
    ("typed", "told", "is_unknown"),
    [
        ("雪和树", "snow, tree", False),
        ("no red boats", "red sailboat", False),
        ("cats and watermarks", "cat", True),
        ("blurry, people", "", True),
        ("", "", False),
    ],
)
def test_a_small_world_is_told_what_it_knows_and_the_rest_is_noticed(
    typed: str, told: str, is_unknown: bool
) -> None:
    assert understood(typed, WORLD) == (told, is_unknown)


def test_what_a_small_world_cannot_leave_out_is_said() -> None:
    ready = Optimizer(WORLD).prepare(Generate("a cat", negative_prompt="雪，水印"))
    assert (ready.negative_used, ready.notes[0]) == ("snow", "negative:unknown")
    assert "negative:unknown" not in Optimizer(WORLD).prepare(Generate("a cat", negative_prompt="雪")).notes


def test_a_chinese_negative_prompt_of_a_picture_is_translated_and_merged() -> None:
    ready = Optimizer().prepare(Generate("老街，不要汽车", negative_prompt="不要车、人", enhance=False))
    assert (ready.used, ready.negative_used) == ("an old street", "car, person")
    assert Optimizer().prepare(Optimize("老街", negative_prompt="人")).negative_used == "person"


def test_a_negative_prompt_beside_my_words_as_they_are_stays_as_it_is() -> None:
    raw = Generate("老街", negative_prompt="不要车、人", optimize=False, enhance=False)
    assert Optimizer().prepare(raw).negative_used == "不要车、人"


@pytest.mark.parametrize(
    ("typed", "said", "dropped"),
    [
        ("people and cars", ("deserted", "free of traffic"), ()),
        ("人、车", ("deserted", "free of traffic"), ()),
        ("人和车", ("deserted", "free of traffic"), ()),
        ("no people", ("deserted",), ()),
        ("no people and no giraffes", ("deserted",), ("giraffes",)),
        ("without hats, 不要文字", ("bareheaded", "with plain, unlettered surfaces"), ()),
        ("black and white", ("in full colour",), ()),
    ],
)
def test_without_guidance_every_thing_listed_is_told_positively_or_dropped(
    typed: str, said: tuple[str, ...], dropped: tuple[str, ...]
) -> None:
    assert folded(typed) == (said, dropped)


def test_everything_told_positively_has_a_chinese_wording() -> None:
    assert set(phrases()["folded"].values()) == set(phrases()["folded_zh"])


def test_a_chinese_prompt_is_told_in_chinese_what_it_refuses() -> None:
    ready = prepare("老街，不要人", negative="cars", enhanced=False, guided=False, target=Target("own"))
    assert (ready.text, ready.negative) == ("老街，路上空空荡荡，空无一人", "")


def test_a_long_negative_prompt_keeps_its_last_terms_however_it_is_written() -> None:
    typed = ",".join(f"term{number}" for number in range(80))
    for optimized in (True, False):
        ready = prepare("a cat", negative=typed, optimized=optimized)
        assert ready.negative == typed.replace(",", ", ")


def test_the_terms_of_a_model_follow_the_persons_where_its_prompt_has_none_of_them() -> None:
    optimizer = Optimizer(usual=("banding", "lens flare"))
    ready = optimizer.prepare(Generate("a lake with lens flare", negative_prompt="boats"))
    assert ready.negative_used.startswith("boats, banding, ")
    assert "lens flare" not in ready.negative_used
    for unlisted in (Generate("a lake", enhance=False), Generate("a lake", guidance_scale=1.0)):
        assert optimizer.prepare(unlisted).negative_used == ""
