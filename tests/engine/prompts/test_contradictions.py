"""What can hold only once: the later statement stays, in Chinese and English, and nothing else is touched."""

from collections.abc import Generator

import pytest

from engine.prompts import Optimizer, embedded_world, optimize
from engine.prompts.text.contradictions import latest
from engine.types import Optimize
from tests.engine.prompts.test_wishes_list import HALVES, load

REPLACED = [
    # a clause that says nothing else
    ("a cat at sunset, at night", "a cat, at night"),
    ("a cat, sunset, night", "a cat, night"),
    ("a cat in the rain, sunny", "a cat, sunny"),
    ("a street on a rainy day. in the snow", "a street. in the snow"),
    ("a house in the sunshine, at night in the rain", "a house, at night in the rain"),
    ("夕阳下海上的一艘红色帆船，晚上", "海上的一艘红色帆船，晚上"),
    ("在雨中奔跑的狗，晴天", "奔跑的狗，晴天"),
    ("傍晚的貓，在晚上", "貓，在晚上"),
    # a clause that asks for a change
    ("a lake in the morning, make it night instead", "a lake, night"),
    ("黄昏的城市，改成夜晚", "城市，夜晚"),
    ("cat, oil painting, make it watercolour", "cat, watercolour"),
    ("猫，水彩，改成油画", "猫，油画"),
    ("a cat on a green meadow at dusk, make it in the desert", "a cat at dusk, in the desert"),
    ("a cat on the beach in the rain, in a kitchen instead", "a cat in the rain, in a kitchen"),
    ("草地上的猫，换成沙漠", "猫，沙漠"),
    ("一只猫在沙滩上奔跑，改到森林里", "一只猫奔跑，森林里"),
    ("在公园的长椅上的狗，改成在海边", "狗，在海边"),
    ("海边的沙滩上的猫，换成雪山脚下的草地上", "猫，雪山脚下的草地上"),
    ("a cat on a table, make it in a garden", "a cat on a table, in a garden"),
    # within one clause
    ("a cat at sunset at night", "a cat at night"),
    # the hand that draws
    ("an oil painting of a cat, watercolour", "a cat, watercolour"),
    ("a photo of a fox, pixel art", "a fox, pixel art"),
    ("水彩风格的猫，油画风格", "猫，油画风格"),
]
KEPT = [
    "a red boat and a white bird",
    "a cat at sunset and a dog at night",
    "the same tree at noon, the same tree at night",
    "from dawn to night",
    "a night market at dusk",
    "a street, rain, fog",
    "early in the morning, fog",
    "at sunset, in the rain",
    "a cat not in the rain, sunny",
    "cat, oil painting, watercolour",
    "an ink drawing of a cat, watercolour",
    "sardines in oil, watercolour",
    "a cat on a meadow, in the mountains",
    "草地上的猫，在城市里",
    'a sign "at dawn", at night',
    "海边的黄昏，星星",
    "早上的公园，下雪，大雾",
]


@pytest.mark.parametrize(("wish", "left"), REPLACED)
def test_the_later_statement_stays(wish: str, left: str) -> None:
    assert latest(wish) == left
    assert latest(left) == left


@pytest.mark.parametrize("wish", KEPT)
def test_what_may_hold_together_is_left_alone(wish: str) -> None:
    assert latest(wish) == wish


@pytest.mark.parametrize("half", HALVES)
def test_no_wish_that_people_write_in_one_go_is_touched(half: str) -> None:
    touched = [at for at, wish in enumerate(load(half), 1) if latest(wish["wish"]) != wish["wish"]]
    assert touched == []


@pytest.mark.parametrize(
    ("wish", "prompt"),
    [
        ("a cat at sunset, at night", "a cat at night"),
        ("a cat at sunset, in warm evening light, under a starry sky", "a cat at night, under a starry sky"),
        ("夕阳下海上的一艘红色帆船，晚上", "a red sailboat on the sea at night"),
        ("a red boat on the sea, in the desert", "a red sailboat in the desert"),
        ("草地上的猫，在城市里", "a cat in the city"),
        ("草地上的猫，换成沙漠", "a cat in the desert"),
        ("a red boat on the sea, make it blue", "a blue sailboat on the sea"),
        ("一只红色的猫，改成蓝色", "a blue cat"),
        # a later clause that names more, or no place to be in, replaces nothing
        ("a cat in the snow, mountains in the background", "a cat in the snow"),
        ("a cat in a meadow, mountains", "a cat in a meadow"),
        ("a cat on a rainy day at sunset", "a cat at sunset in the rain"),
        ("a cat, red, orange, yellow", "a red cat"),
        # two subjects keep their own colours
        ("a red boat and a white house", "a red sailboat on the left and a white house on the right"),
        ("a red boat and a white house, blue", "a red sailboat on the left and a white house on the right"),
        (
            "一艘红色的船和一座白色的房子，晚上",
            "a red sailboat on the left and a white house on the right at night",
        ),
    ],
)
def test_a_small_world_is_told_the_later_one_too(wish: str, prompt: str) -> None:
    assert optimize(wish, embedded_world()).text == prompt


def test_rules_and_the_language_model_are_given_the_later_one() -> None:
    told: list[str] = []

    class Listening:
        def write(self, wish: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
            told.append(wish)
            yield
            return "subject: cat\na cat at night under a dark sky"

        def seconds(self, tokens: int) -> float:
            return 0.0

        def release_memory(self, out_of_memory: bool) -> bool:
            return False

    Optimizer(language=Listening()).prepare(Optimize("a cat at sunset, at night"))
    assert told[0] == "a cat, at night"
    assert optimize("黄昏的城市，晚上").text == "a city, at night"
