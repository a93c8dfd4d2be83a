"""What the rules make of the list of wishes: subjects named, counts and quotes kept, nothing refused.

A failure of the unseen half prints totals and grades only, so that it stays unread.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.prompts import Target
from engine.prompts.data import simplified, simplified_forms
from engine.prompts.text.clean import QUOTED
from tests.engine.prompts.rules import prepare

FOLDER = Path(__file__).parent / "wishes"
HAN = re.compile(r"[\u3400-\u9fff]")
NUMBERS = {
    2: "two|pairs?|couple|twins|both", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight",
    9: "nine", 10: "ten", 11: "eleven", 12: "twelve|dozen", 13: "thirteen", 14: "fourteen", 15: "fifteen",
    16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty", 24: "twenty-four",
    30: "thirty", 40: "forty", 50: "fifty", 99: "ninety-nine", 100: "hundred", 1000: "thousand",
}  # fmt: skip
IRREGULAR = {
    "goose": "geese", "knife": "knives", "wolf": "wolves", "child": "children", "person": "people",
    "leaf": "leaves", "mouse": "mice", "dwarf": "dwarves", "tooth": "teeth", "foot": "feet", "loaf": "loaves",
    "shelf": "shelves", "calf": "calves", "elf": "elves", "thief": "thieves", "scarf": "scarves",
}  # fmt: skip
NEGATED = re.compile(
    r"\b(?:no|not|without|neither|nor|never|zero|lacking|isn't|doesn't|don't|anything but|free of|except)\s+"
    r"(?:(?:a|an|any|the|single|have|has|put|show|made|of)\s+)*[\w-]+(?:\s+(?:or|nor|and)\s+(?:no\s+)?[\w-]+)?"
    r"|\b[\w-]+-(?:free|less)\b"
)

Wish = dict[str, Any]


def wishes(half: str) -> list[Wish]:
    return [json.loads(line) for line in (FOLDER / f"{half}.jsonl").read_text("utf-8").splitlines() if line]


def forms(noun: str) -> set[str]:
    head, _, last = noun.rpartition(" ")
    many = {last, f"{last}s", f"{last}es", re.sub("y$", "ies", last), re.sub("man$", "men", last)}
    return {f"{head} {word}".strip() for word in many | {IRREGULAR.get(last, last)}}


def names(text: str, noun: str) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for form in forms(noun))


def lacking(wish: Wish, prompt: str) -> list[str]:
    """What is wrong with a prompt, in words that do not quote the wish."""
    plain = QUOTED.sub(" ", prompt).casefold()
    wanted = NEGATED.sub(" ", plain)
    count = wish.get("count")
    checks = {
        "subject": any(names(plain, noun) for noun in wish["subject"]),
        "count": count is None or re.search(rf"\b(?:{NUMBERS.get(count, count)}|{count})\b", plain),
        "quote": all(span in " ".join(QUOTED.findall(prompt)) for span in wish.get("quoted", [])),
        "chinese": not HAN.search(plain),
        "forbidden": not any(names(wanted, noun) for noun in wish["forbidden"]),
    }
    return [name for name, holds in checks.items() if not holds]


def judged(half: str) -> list[tuple[Wish, list[str]]]:
    return [(wish, lacking(wish, prepare(wish["wish"]).text)) for wish in wishes(half)]


def rates(results: list[tuple[Wish, list[str]]]) -> str:
    """Wrong ones by what is wrong, and right subjects by grade."""
    wrong = Counter(name for _, names in results for name in names)
    grades = Counter(wish["grade"] for wish, _ in results)
    right = Counter(wish["grade"] for wish, names in results if "subject" not in names)
    return f"{dict(wrong)} of {len(results)}; " + ", ".join(f"{g} {right[g]}/{grades[g]}" for g in grades)


@pytest.mark.parametrize(("half", "share"), [("seen", 0.95), ("unseen", 0.85)])
def test_the_gold_subject_is_named_in_english(half: str, share: float) -> None:
    results = judged(half)
    named = sum("subject" not in names for _, names in results)
    if named < share * len(results):
        pytest.fail(rates(results), pytrace=False)


@pytest.mark.parametrize(("half", "share"), [("seen", 0.0), ("unseen", 0.03)])
def test_quotes_and_counts_are_kept_and_hardly_any_chinese_is_left(half: str, share: float) -> None:
    results = judged(half)
    if sum(bool({"quote", "count", "chinese"} & set(names)) for _, names in results) > share * len(results):
        pytest.fail(rates(results), pytrace=False)


@pytest.mark.parametrize(("half", "share"), [("seen", 0.0), ("unseen", 0.015)])
def test_no_vague_or_refused_word_is_left(half: str, share: float) -> None:
    results = judged(half)
    if sum("forbidden" in names for _, names in results) > share * len(results):
        pytest.fail(rates(results), pytrace=False)


def traditional(text: str) -> str:
    """`text` in traditional characters outside quotes, those left out that both scripts use."""
    table = {
        ord(new): chr(old) for old, new in simplified_forms().items() if not new.encode("big5", "ignore")
    }
    spans = iter([*QUOTED.findall(text), ""])
    return "".join(part.translate(table) + next(spans) for part in QUOTED.split(text))


@pytest.mark.parametrize("half", ["seen", "unseen"])
def test_a_wish_in_traditional_characters_becomes_the_same_prompt(half: str) -> None:
    said = [wish["wish"] for wish in wishes(half) if HAN.search(wish["wish"])]
    pairs = [(text, traditional(text)) for text in said]
    assert sum(old != new for old, new in pairs) > 120
    differing = [old for old, new in pairs if simplified(prepare(old).text) != simplified(prepare(new).text)]
    if differing:
        pytest.fail(f"{len(differing)} of {len(pairs)} differ", pytrace=False)


def test_traditional_characters_stay_where_the_language_is_kept() -> None:
    ready = prepare("請幫我畫一隻好看的貓，不要人", enhanced=False, target=Target("own"))
    assert (ready.text, ready.negative) == ("一隻貓", "人")


def test_the_wish_this_all_began_with_is_told_precisely() -> None:
    prompt = prepare("画一只猫在窗台上晒太阳", enhanced=False).text
    assert all(word in prompt for word in ("cat", "windowsill", "sunlight"))
    assert not re.search(r"nice|beautiful|cute|lovely", prompt)
