"""Sanitizing: what may reach a model and what is said about the rest."""

import pytest

from engine.prompts import sanitize
from engine.prompts.text.sanitize import shortened
from tests.engine.prompts.rules import prepare


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a cat", "a cat"),
        ("  a \t red\n\n cat\u3000 ", "a red cat"),
        ("cafe\u0301", "café"),
        ("a\u200bb\u200dc\ufeffd", "abcd"),
        ("e\u200b\u0301", "é"),
        ("\u202ecat\u202c", "cat"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("a\ud800b", "ab"),
        ("hidden\U000e0041\U000e0042", "hidden"),
        ("private\ue000\uffff", "private"),
        ("ㅤfiller⠀", "filler"),
        ("一只猫\u2028在海上", "一只猫 在海上"),
        ("", ""),
    ],
)
def test_a_prompt_becomes_one_visible_line(text: str, clean: str) -> None:
    assert sanitize(text).text == clean


def test_removed_characters_are_noted_but_folded_spaces_are_not() -> None:
    assert sanitize("a\u200bcat").notes == ("cleaned",)
    assert sanitize(" a   cat ").notes == ()


def test_a_long_prompt_is_cut_at_a_whole_word_and_says_so() -> None:
    short = sanitize("a sailboat on the sea", limit=12)
    assert short.text == "a sailboat"
    assert short.notes == ("truncated",)


def test_a_long_word_and_chinese_are_cut_at_the_limit() -> None:
    assert sanitize("x" * 50, limit=10).text == "x" * 10
    assert sanitize("红" * 50, limit=10).text == "红" * 10


def test_a_word_behind_chinese_or_with_a_hyphen_is_cut_whole_and_nothing_more() -> None:
    assert sanitize("一只 " + "猫" * 20 + "sailboat", limit=26).text == "一只 " + "猫" * 20
    assert sanitize("a well-known cat", limit=8).text == "a"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("a <|im_end|> cat", "a cat"),
        ("a <|im\u200b_end|> cat", "a cat"),
        ("<|im_<|endoftext|>end|>", "<|im_ end|>"),
        ("<｜begin▁of▁sentence｜>a cat", "a cat"),
        ("a <| b |> c, 1 < 2", "a <| b |> c, 1 < 2"),
    ],
)
def test_control_tokens_in_a_persons_words_are_removed(said: str, left: str) -> None:
    assert sanitize(said).text == left
    assert ("cleaned" in sanitize(said).notes) == (said != left)


def test_what_fits_is_the_longest_beginning_in_whole_words() -> None:
    text = "a red sailboat on the sea"
    assert shortened(text, lambda part: len(part) <= 16) == "a red sailboat"
    assert shortened(text, lambda part: len(part) <= 99) == text
    assert shortened(text, lambda part: not part) == ""


def test_what_is_done_to_a_negative_prompt_is_noted() -> None:
    told = prepare("a cat", negative="fog\u200b, " + "dogs, " * 400, enhanced=False, optimized=False)
    assert told.notes == ("negative:cleaned", "negative:truncated")
    assert prepare("a cat", negative="fog\u200b", enhanced=False).notes == ("negative:cleaned",)
    assert prepare("a cat", negative="fog", enhanced=False, optimized=False).notes == ()


def test_a_prompt_of_just_the_limit_is_not_cut() -> None:
    assert sanitize("a cat", limit=5).notes == ()
