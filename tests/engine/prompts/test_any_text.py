"""Whatever is typed: no exception, no hidden characters, and doing a step twice changes nothing."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.prompts import World, embedded_world, enhance, optimize, prepare, sanitize
from engine.prompts.sanitize import LIMIT
from engine.prompts.wording import quoted

SAID = """
    red blue orange boat cat fish house rocket sea snow meadow night dawn sunset moonlight dragon cute wooden
    and or no not without with in on the a an two don't but draw me please nice beautiful picture of i want
    , . 、 ， ; - ' " “ ” 「 」 红 黑色的 橙色 船 猫 小鱼 树 海上 雪地 星空下 蓝天 夜晚 龙
    不要 没有 除了 和 在 的 一只 画 请 帮我 好看的 的图片
"""
WORDS = SAID.split()
texts = st.text(max_size=80) | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
texts |= st.lists(st.sampled_from(WORDS), max_size=14).map("".join)
worlds = st.sampled_from([embedded_world(), None])
quick = settings(max_examples=200, deadline=None)


@quick
@given(texts, worlds)
def test_optimizing_twice_is_optimizing_once(text: str, world: World | None) -> None:
    once = optimize(text, world).text
    assert optimize(once, world).text == once


@quick
@given(texts, worlds, texts)
def test_enhancing_twice_is_enhancing_once(text: str, world: World | None, negative: str) -> None:
    once = enhance(text, world, negative).text
    assert enhance(once, world, negative).text == once


@quick
@given(texts, worlds, texts)
def test_nothing_hidden_reaches_a_model(text: str, world: World | None, negative: str) -> None:
    ready = prepare(text, world, negative=negative)
    for part in (ready.text, ready.negative):
        assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for char in part)
    assert unicodedata.is_normalized("NFC", ready.text)
    assert len(ready.text) <= LIMIT


@quick
@given(st.text(max_size=3000), st.integers(1, 40))
def test_sanitizing_twice_is_sanitizing_once(text: str, limit: int) -> None:
    once = sanitize(text, limit).text
    assert sanitize(once, limit).text == once
    assert len(once) <= limit


@quick
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=10).map(" ".join), texts)
def test_quoted_spans_survive_in_free_prompts(text: str, inside: str) -> None:
    span = f'"{inside}"'
    clean = sanitize(f"{text} {span} {text}").text
    ready = prepare(clean).text
    assert quoted(ready)[: len(quoted(clean))] == quoted(clean)


@pytest.mark.parametrize(
    "text",
    [
        "a long wish about a red boat without snow, 画一只在雪地里的黑猫 " * 40,
        "draw me " * 250,
        "很" * 2000,
        "very " * 400,
        "no no " * 300,
        "不要" * 1000,
        "a nice " * 250,
        '"' * 2000,
        "，" * 2000,
        "without a and b " * 120,
        "请帮我" * 600,
        "please, " * 250,
        "ﷺ" * 2000,
    ],
)
@pytest.mark.parametrize("world", [embedded_world(), None])
@pytest.mark.timeout(10)
def test_a_hostile_full_length_prompt_does_not_stall(text: str, world: World | None) -> None:
    assert len(prepare(text, world, enhanced=False).text) <= len(text)
