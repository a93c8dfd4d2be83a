"""Ordinary Chinese wishes and the English that says them, whole sentences at a time."""

from pathlib import Path

import pytest

from engine.prompts.text.clean import quoted
from engine.prompts.translate.chinese import translate

SENTENCES = (Path(__file__).parent / "wishes" / "sentences.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("line", SENTENCES)
def test_an_ordinary_wish_reads_like_english(line: str) -> None:
    wish, english = line.split(" = ")
    assert translate(wish).text == english


def test_straight_single_quotes_hold_text_beside_chinese_characters() -> None:
    assert quoted("屏幕上写着'Bug'") == ["'Bug'"]
    assert quoted("the cat's and the dog's") == []
