"""The list of wishes is whole: its format, its numbers, and two halves that share nothing.

Knows the files in wishes/ and nothing of the optimizer. A failure names a line number, never a wish, so
that the unseen half stays unread.
"""

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "wishes"
HALVES = ("seen", "unseen")
GRADES = ("short", "long", "quoted", "counts", "negation", "names", "idioms", "hostile")
REQUIRED = {"wish", "language", "grade", "subject", "forbidden"}
OPTIONAL = {"count", "quoted"}
HAN = re.compile(r"[㐀-鿿]")
NOUN = re.compile(r"[a-z0-9][a-z0-9.' -]*")
QUOTES = re.compile(r'“([^“”]+)”|「([^「」]+)」|『([^『』]+)』|《([^《》]+)》|"([^"]+)"')

Wish = dict[str, Any]


def load(half: str) -> list[Wish]:
    lines = (FOLDER / f"{half}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def normalised(wish: str) -> str:
    return re.sub(r"[\W_]+", "", wish.casefold())


def pieces(wish: str) -> set[str]:
    """All pairs of neighbouring characters of a short wish, all triples of a long one."""
    text = normalised(wish)
    size = 2 if len(text) < 30 else 3
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def lines_where_not(half: str, holds: list[bool]) -> list[str]:
    return [f"{half}.jsonl:{number}" for number, good in enumerate(holds, 1) if not good]


def well_formed(wish: Wish) -> bool:
    return (
        wish.keys() >= REQUIRED
        and wish.keys() <= REQUIRED | OPTIONAL
        and isinstance(wish["wish"], str)
        and bool(wish["wish"].strip())
        and (wish["grade"] in GRADES or wish["grade"] == "mixed")
        and isinstance(wish.get("count", 2), int)
        and wish.get("count", 2) >= 2
        and all(isinstance(word, str) for word in [*wish["forbidden"], *wish.get("quoted", [])])
    )


@pytest.mark.parametrize("half", HALVES)
def test_every_line_has_the_documented_fields_and_no_others(half: str) -> None:
    assert lines_where_not(half, [well_formed(wish) for wish in load(half)]) == []


@pytest.mark.parametrize("half", HALVES)
def test_each_half_has_a_hundred_wishes_of_each_language_and_enough_of_each_grade(half: str) -> None:
    wishes = load(half)
    languages = Counter(wish["language"] for wish in wishes)
    grades = Counter((wish["language"], wish["grade"]) for wish in wishes)
    assert languages["zh"] >= 100
    assert languages["en"] >= 100
    assert grades.keys() == {*itertools.product(("zh", "en"), GRADES), ("mixed", "mixed")}
    assert min(grades.values()) >= 8


@pytest.mark.parametrize("half", HALVES)
def test_a_grade_says_what_the_wish_has(half: str) -> None:
    needed = {"quoted": "quoted", "counts": "count", "negation": "forbidden"}
    wishes = load(half)
    assert lines_where_not(half, [bool(wish.get(needed.get(wish["grade"], "wish"))) for wish in wishes]) == []


@pytest.mark.parametrize("half", HALVES)
def test_the_language_is_that_of_the_letters(half: str) -> None:
    def fits(wish: Wish) -> bool:
        han, latin = HAN.search(wish["wish"]), re.search("[A-Za-z]", wish["wish"])
        return {"zh": bool(han), "en": not han, "mixed": bool(han and latin)}[wish["language"]]

    assert lines_where_not(half, [fits(wish) for wish in load(half)]) == []


@pytest.mark.parametrize("half", HALVES)
def test_gold_subjects_are_lower_case_english_and_one_of_them_is_allowed(half: str) -> None:
    def fits(wish: Wish) -> bool:
        subjects = wish["subject"]
        spelled = all(NOUN.fullmatch(noun) for noun in [*subjects, *wish["forbidden"]])
        allowed = [noun for noun in subjects if not set(noun.split()) & set(wish["forbidden"])]
        return bool(allowed) and spelled

    assert lines_where_not(half, [fits(wish) for wish in load(half)]) == []


@pytest.mark.parametrize("half", HALVES)
def test_the_quoted_spans_are_those_between_quotation_marks(half: str) -> None:
    def fits(wish: Wish) -> bool:
        quoted = wish.get("quoted", [])
        marked = [next(filter(None, groups)) for groups in QUOTES.findall(wish["wish"])]
        listed = set(marked) <= set(quoted) or wish["grade"] == "hostile"
        return listed and all(span in wish["wish"] for span in quoted)

    assert lines_where_not(half, [fits(wish) for wish in load(half)]) == []


def test_no_wish_stands_in_the_list_twice() -> None:
    wishes = [normalised(wish["wish"]) for half in HALVES for wish in load(half)]
    repeated = len(wishes) - len(set(wishes))
    assert repeated == 0


def test_no_wish_of_one_half_is_nearly_one_of_the_other() -> None:
    seen, unseen = ([pieces(wish["wish"]) for wish in load(half)] for half in HALVES)
    pairs = itertools.product(enumerate(seen, 1), enumerate(unseen, 1))
    close = [(a, b) for (a, one), (b, two) in pairs if len(one & two) >= 0.5 * len(one | two)]
    assert close == []
