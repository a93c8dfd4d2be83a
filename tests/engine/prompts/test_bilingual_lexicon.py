"""The visual lexicon: its size and order, how Chinese is cut up, numbers, plurals and names."""

import re

import pytest

from engine.prompts.translate.lexicon import NOUNS, bilingual_lexicon, number, plural, singulars


def test_it_holds_more_than_three_thousand_meanings_of_every_kind() -> None:
    kinds = {entry.kind for group in bilingual_lexicon()._chinese.values() for entry in group}
    assert len(bilingual_lexicon()) > 3000
    assert kinds >= NOUNS | {
        "material",
        "colour",
        "quality",
        "doing",
        "style",
        "camera",
        "time",
        "measure",
        "number",
    }
    assert kinds >= {"locative", "preposition", "and", "skip", "vague", "negator", "frame"}


def test_every_meaning_is_told_without_chinese_and_no_word_has_it_twice() -> None:
    for chinese, entries in bilingual_lexicon()._chinese.items():
        assert len(entries) == len(set(entries)), chinese
        assert not any(re.search("[\u3400-\u9fff]", entry.english) for entry in entries), chinese
        assert all(
            entry.english or entry.kind in {"skip", "vague", "negator", "measure"} for entry in entries
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("画一只猫在窗台上晒太阳", "画 一 只 猫 在 窗台 上 晒太阳"),
        ("雪山脚下的小木屋", "雪山 脚下 的 小木屋"),
        ("三十五个红灯笼", "三十五 个 红灯笼"),
        ("騎自行車的機器人", "骑自行车 的 机器人"),
        ("一辆 matte black 的 SUV", "一 辆 matte black 的 SUV"),
        ("T恤上的猫", "T恤 上 的 猫"),
        ("守株待兔", "守株待兔"),
    ],
)
def test_a_sentence_is_cut_into_its_likeliest_words(text: str, words: str) -> None:
    assert " ".join(token.text for token in bilingual_lexicon().segment(text)) == words


def test_english_things_are_found_by_their_longest_names_and_in_plural() -> None:
    found = [
        entry.english
        for entry in bilingual_lexicon().things("Two red foxes, hot-air balloons and kites over wheat fields")
    ]
    assert found == ["fox", "hot-air balloon", "kite", "wheat field"]


@pytest.mark.parametrize(
    ("numerals", "said"),
    [
        ("三十五", "35"),
        ("一百零八", "108"),
        ("两千", "2000"),
        ("一万二千", "12000"),
        ("七八", "7 or 8"),
        ("三五", "3 to 5"),
        ("二〇二六", "2026"),
    ],
)
def test_chinese_numerals_are_read(numerals: str, said: str) -> None:
    assert number(numerals) == said


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("wolf", "wolves"),
        ("cup of tea", "cups of tea"),
        ("baby", "babies"),
        ("fox", "foxes"),
        ("snowman", "snowmen"),
        ("koi", "koi"),
    ],
)
def test_plurals_go_both_ways(one: str, many: str) -> None:
    assert plural(one) == many
    assert " of " in one or one in singulars(many)
