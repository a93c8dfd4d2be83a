"""The list of wishes over the language-model path: a tiny real Qwen3 that writes well, or too slowly."""

import itertools
from collections import Counter

import pytest

from engine.prompts import Optimizer, optimize
from engine.prompts.llm.chat import LanguageModel
from engine.prompts.llm.meaning import SUBJECTS
from engine.prompts.text.clean import QUOTED
from engine.prompts.translate.lexicon import bilingual_lexicon
from engine.types import Generate
from tests.engine.prompts.test_wishes import Wish, lacking, wishes
from tests.engine.prompts.tiny import forced, run

pytestmark = pytest.mark.usefixtures("one_thread")

MOST_CHARACTERS = 100
"""What the tiny model's small vocabulary spells within its 200 tokens."""
PER_GRADE = 1


def sample() -> list[tuple[Wish, str]]:
    """A few wishes of every grade and language in which rules find a subject, and what rules make of them."""
    taken, chosen = Counter[tuple[str, str]](), list[tuple[Wish, str]]()
    for wish in wishes("seen"):
        ruled = optimize(wish["wish"]).text
        kind = (wish["grade"], wish["language"])
        named = any(thing.kind in SUBJECTS for thing in bilingual_lexicon().things(QUOTED.sub(" ", ruled)))
        if named and len(ruled) <= MOST_CHARACTERS and taken[kind] < PER_GRADE:
            taken[kind] += 1
            chosen.append((wish, ruled))
    return chosen


def test_the_sample_has_every_grade_but_the_long_ones() -> None:
    grades = {wish["grade"] for wish in wishes("seen")}
    assert {wish["grade"] for wish, _ in sample()} >= grades - {"long"}


def test_a_good_rewriting_is_used_and_lacks_nothing_that_rules_would_not(model: LanguageModel) -> None:
    for wish, ruled in sample():
        good = f"{ruled.rstrip('.')}, seen at eye level."
        ready = Optimizer(language=forced(model, [good]), clock=lambda: 0.0).prepare(asked(wish))
        assert ready.notes[-1] == "optimizer:language-model", (wish["wish"], ready)
        assert lacking(wish, ready.used) == lacking(wish, ruled), wish["wish"]


def test_a_slow_model_leaves_it_to_the_rules(model: LanguageModel) -> None:
    for wish, ruled in sample():
        clock = itertools.count(0, 5)
        slow = Optimizer(language=forced(model, [ruled]), clock=lambda clock=clock: float(next(clock)))
        ready, _ = run(slow.steps(asked(wish)))
        assert (ready.used, ready.notes[-1]) == (ruled, "optimizer:slow"), wish["wish"]


def asked(wish: Wish) -> Generate:
    return Generate(wish["wish"], enhance=False)
