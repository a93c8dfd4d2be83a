"""Facts about the lists of prompts as users type them, and about how what becomes of them is judged.

A failure names a line, never what stands there, so that the held-out halves stay unread.
"""

import itertools
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from lab.evaluate.wishes.__main__ import counted, main
from lab.evaluate.wishes.records import (
    FAULTS,
    HALVES,
    SPLITS,
    Rewriting,
    Wish,
    first_wishes,
    rewritings,
    wishes,
)
from lab.evaluate.wishes.rewritings import accepted
from lab.evaluate.wishes.score import GROUPS, HAN, garbage, judge, refuses, says

PENGUINS = Wish(
    "两只企鹅打雪仗，不要人",
    "short",
    "Two penguins having a snowball fight.",
    must=("two~penguin*|两只企鹅", "snowball fight|打雪仗"),
    lesser=("fight|仗",),
    must_not=("goose",),
    against=("#wide",),
    refused=("people|person|人",),
)


def lines_where_not(split: str, holds: list[bool]) -> list[str]:
    return [f"{split}.jsonl:{number}" for number, good in enumerate(holds, 1) if not good]


def pieces(text: str) -> set[str]:
    """All pairs of neighbouring characters of a short text, all triples of a long one."""
    text = re.sub(r"[\W_]+", "", text.casefold())
    size = 2 if len(text) < 30 else 3
    return {text[start : start + size] for start in range(len(text) - size + 1)}


@pytest.mark.parametrize("reads_chinese", [True, False])
def test_a_good_rewriting_is_right(reads_chinese: bool) -> None:
    assert judge(PENGUINS, PENGUINS.whole, "people", reads_chinese=reads_chinese).grade == "right"


@pytest.mark.parametrize(
    ("prompt", "grade"),
    [
        ("Two penguins and a goose having a snowball fight, no people.", "wrong"),
        ("Two Qie having a snowball fight, no people.", "wrong"),
        ("Two penguins having a snowball fight.", "wrong"),
        ("Two penguins and people having a snowball fight, no people.", "wrong"),
        ("Two penguins having a snowball fight in da xuezhang, no people.", "flawed"),
        ("Two penguins having a snowball fight, no people, background out of focus.", "flawed"),
        ("Sure, two penguins having a snowball fight, no people.", "flawed"),
        ("Two small penguins in a snowball fight without any people.", "right"),
    ],
)
def test_what_is_invented_or_lost_is_wrong_and_garbage_and_bad_additions_are_flaws(
    prompt: str, grade: str
) -> None:
    assert judge(PENGUINS, prompt, reads_chinese=True).grade == grade


def test_text_left_in_chinese_is_right_only_for_a_model_that_reads_chinese() -> None:
    assert judge(PENGUINS, PENGUINS.wish, reads_chinese=True).grade == "right"
    assert judge(PENGUINS, PENGUINS.wish, "人", reads_chinese=False).grade == "wrong"


def test_what_is_refused_and_was_not_in_the_wish_to_be_refused_is_a_flaw() -> None:
    wish = Wish("a clock with no hands", "negation", "A clock with no hands.", must=("clock", "no hands"))
    assert judge(wish, wish.wish, "hands", reads_chinese=False).grade == "flawed"


@pytest.mark.parametrize(
    ("prompt", "item", "expected"),
    [
        ("A red sports car beside a blue van", "red~car", True),
        ("A red van, a blue car", "red~car", False),
        ("Butterflies in the air", "butterfl*", True),
        ("a woman", "man", False),
        ("a grey-haired man", "gray hair*", True),
        ("two cats", "cat", True),
        ("Tokyo街头", "tokyo", True),
        ("a sign reading “欢迎回家”", "=欢迎回家", True),
        ("welcome home", "=欢迎回家", False),
    ],
)
def test_wordings_allow_plurals_endings_gaps_and_literal_text(prompt: str, item: str, expected: bool) -> None:
    assert says(prompt, item, reads_chinese=False) is expected


def test_names_that_the_gold_spells_in_pinyin_are_no_garbage() -> None:
    wish = Wish(
        "乐山大佛的守门员", "place", "The goalkeeper of the Leshan Giant Buddha.", must=("goalkeeper",)
    )
    assert garbage(wish, "a shoumen yuan at the Leshan Buddha", reads_chinese=True) == ["shoumen", "yuan"]


def test_an_empty_place_has_refused_people() -> None:
    assert refuses("a deserted street", "", "people|person")
    assert not refuses("a street", "cars", "people|person")


@pytest.mark.parametrize("split", HALVES)
def test_each_half_has_200_wishes_of_the_same_mix(split: str) -> None:
    lists = [Counter(wish.kind for wish in wishes(half)) for half in HALVES]
    assert lists[0] == lists[1]
    assert sum(HAN.search(wish.wish) is not None for wish in wishes(split)) >= 130
    assert len(wishes(split)) == 200


@pytest.mark.parametrize("split", SPLITS)
def test_every_gold_rewriting_is_right_whatever_the_model_reads(split: str) -> None:
    holds = [
        all(judge(wish, wish.whole, reads_chinese=reads).grade == "right" for reads in (True, False))
        for wish in wishes(split)
    ]
    assert lines_where_not(split, holds) == []


@pytest.mark.parametrize("split", SPLITS)
def test_every_wish_left_as_it_is_typed_is_right_for_a_model_that_reads_it(split: str) -> None:
    holds = [
        judge(wish, wish.wish, reads_chinese=bool(HAN.search(wish.wish))).grade == "right"
        for wish in wishes(split)
    ]
    assert lines_where_not(split, holds) == []


@pytest.mark.parametrize("split", SPLITS)
def test_every_named_group_of_additions_exists(split: str) -> None:
    holds = [all(item in GROUPS for item in wish.against if item.startswith("#")) for wish in wishes(split)]
    assert lines_where_not(split, holds) == []


def test_free_translations_are_right_and_misreadings_wrong() -> None:
    gold = {wish.wish: wish for wish in wishes("dev")}
    lines = (Path(__file__).parent / "judged.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        record = json.loads(line)
        verdict = judge(gold[record["wish"]], record["prompt"], reads_chinese=False)
        assert verdict.grade == record["grade"], line


def test_no_wish_is_nearly_another() -> None:
    lines = [
        (f"{split}:{number}", pieces(wish.wish))
        for split in SPLITS
        for number, wish in enumerate(wishes(split), 1)
    ]
    close = [
        (a, b)
        for (a, one), (b, two) in itertools.combinations(lines, 2)
        if len(one & two) >= 0.5 * len(one | two)
    ]
    assert close == []


def test_the_table_counts_every_kind_and_all_of_them() -> None:
    wrong = judge(PENGUINS, "a goose", reads_chinese=True)
    right = judge(PENGUINS, PENGUINS.whole, "people", reads_chinese=True)
    row = {"wrong": 1, "invented": 1, "flawed": 0, "right": 1}
    assert counted([(PENGUINS, wrong), (PENGUINS, right)]) == {"short": row, "all": row}


def test_failures_of_the_held_out_half_are_printed_only_where_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed(*options: str) -> str:
        monkeypatch.setattr("sys.argv", ["wishes", "--split", "held_out", "--reads", "en", *options])
        main()
        return capsys.readouterr().out

    assert "->" not in printed("--show")
    assert "->" in printed("--look")
    assert json.loads(printed("--json"))["all"].keys() == {"wrong", "invented", "flawed", "right"}


@pytest.mark.parametrize("split", HALVES)
def test_every_bad_rewriting_says_its_fault_and_no_good_one_has_any(split: str) -> None:
    good, bad = (rewritings(grade, split) for grade in ("good", "bad"))
    assert min(len(good), len(bad)) >= 100
    assert {item.fault for item in good} == {""}
    assert {item.fault for item in bad} == FAULTS


@pytest.mark.parametrize("split", HALVES)
def test_rewritings_are_of_wishes_in_both_languages_and_are_written_in_both(split: str) -> None:
    for grade in ("good", "bad"):
        items = rewritings(grade, split)
        chinese = sum(HAN.search(item.wish) is not None for item in items)
        assert len(items) * 0.3 < chinese < len(items) * 0.8
        assert sum(len(HAN.sub("", item.rewriting)) * 2 < len(item.rewriting) for item in items) >= 8


def test_no_rewriting_stands_in_both_halves_and_none_is_good_and_bad() -> None:
    files = itertools.product(("good", "bad"), HALVES)
    texts = [(item.wish, item.rewriting) for file in files for item in rewritings(*file)]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("split", HALVES)
def test_each_half_has_a_hundred_first_wishes_in_both_languages(split: str) -> None:
    first = first_wishes(split)
    assert len({wish.wish for wish in first}) == 100
    assert 40 <= sum(HAN.search(wish.wish) is not None for wish in first) <= 60
    assert not any(HAN.search(item) for wish in first for item in wish.seen)


@pytest.mark.parametrize(
    ("rewriting", "taken"),
    [
        ("A cat lies on a wooden chair, soft light from one side.", True),
        ("一只猫趴在木椅上，侧面来的柔光。", True),
        ("Sure! A cat on a chair.", False),
        ("A dog on a chair.", False),
    ],
)
def test_a_rewriting_is_accepted_where_the_optimizer_would_draw_it(rewriting: str, taken: bool) -> None:
    assert accepted(Rewriting("一只猫", rewriting)) is taken
