"""Where the person's language is kept, a language model writes in that of each wish, and is checked in it."""

import pytest

from engine.prompts import Optimizer, Target
from engine.prompts.llm.chat import LanguageModel
from engine.types import Generate
from tests.engine.prompts.tiny import forced

pytestmark = pytest.mark.usefixtures("one_thread")

WISH = "画一只狐狸，不要狗"
GOOD = "一只红狐狸站在雪地里，低角度，侧光。"
ENGLISH = "A red fox stands in the snow, seen from low down, side light."


def written(model: LanguageModel, wish: str, *outputs: str) -> tuple[str, str]:
    """The prompt used and the last note, where the model says one output after the other."""
    keeping = Optimizer(language=forced(model, outputs), target=Target("own"), clock=lambda: 0.0)
    ready = keeping.prepare(Generate(wish, enhance=False))
    return ready.used, ready.notes[-1]


def test_a_chinese_wish_is_written_in_chinese(model: LanguageModel) -> None:
    assert written(model, WISH, ENGLISH, GOOD) == (GOOD.removeprefix(""), "optimizer:language-model")


def test_an_english_wish_stays_english(model: LanguageModel) -> None:
    told = written(model, "a fox, no dogs", GOOD, ENGLISH)
    assert told == (ENGLISH.removeprefix(""), "optimizer:language-model")


@pytest.mark.parametrize(
    "bad",
    [
        "一只狗站在雪地里。",
        "一只狐狸和一只狗站在雪地里。",
        "五只狐狸站在雪地里。",
        "好的，一只狐狸站在雪地里。",
        "一只狐狸站在雪地里，木牌上写着“欢迎”。",
    ],
)
def test_an_unfaithful_chinese_prompt_leaves_it_to_the_rules(model: LanguageModel, bad: str) -> None:
    assert written(model, WISH, bad, bad) == ("一只狐狸", "optimizer:unusable")
