"""Whatever is typed: no exception, no hidden characters, no lost quotes; doing a step twice changes nothing.

`FUZZ_EXAMPLES` is the number of inputs for each fact; 4000 makes more than 20,000 in all.
"""

import os
import re
import unicodedata
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.prompts import World, embedded_world, enhance, optimize, sanitize
from engine.prompts.data import HAN
from engine.prompts.llm.checks import problems
from engine.prompts.text.clean import masked, quoted
from engine.prompts.text.sanitize import LIMIT
from tests.engine.prompts.rules import prepare

SAID = """
    red blue orange boat cat fish house rocket sea snow meadow night dawn sunset moonlight dragon cute wooden
    and or no not without with in on the a an two don't but draw me please nice beautiful picture of i want
    , . 、 ， ; - ' " “ ” 「 」 红 黑色的 橙色 船 猫 小鱼 树 海上 雪地 星空下 蓝天 夜晚 龙
    不要 没有 除了 和 在 的 一只 画 请 帮我 好看的 的图片
    三 两杯 一排 五个 岁 窗台 女孩 戴 帽子 坐着 写着 刻着 被 用 由 做成 像 上 里
    下面 穿过 龙 王 小明 木 玻璃 老 慢慢地 奔跑
    水彩 清晨 特写 守株待兔 西湖 鳜 阳光 也没有 而是 『 』 《 》
    neither nor never isn't that which 35mm 12 2 10 &
"""
QUOTES = re.compile("[\"'“”‘’「」『』《》]")
WORDS = SAID.split()
texts = st.text(max_size=80) | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
texts |= st.lists(st.sampled_from(WORDS), max_size=14).map("".join)
worlds = st.sampled_from([embedded_world(), None])
quick = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "80")), deadline=None)


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
    # A translation may put them into another order.
    assert not Counter(quoted(clean)) - Counter(quoted(ready))


@quick
@given(texts, st.sampled_from(['"%s"', "“%s”", "「%s」", "『%s』", "《%s》"]), texts, texts)
@example("灯", '"%s"', "ab", "")
def test_quoted_spans_survive_translation(before: str, marks: str, inside: str, after: str) -> None:
    wish = sanitize(f"{QUOTES.sub('', before)}{marks % QUOTES.sub('', inside)}{QUOTES.sub('', after)}").text
    told = optimize(wish).text
    assert set(quoted(wish)) <= set(quoted(told))
    assert not HAN.search(masked(told)[0]) or told == wish


@quick
@given(texts, texts, st.booleans())
def test_checking_never_fails_by_itself(wish: str, prompt: str, chinese: bool) -> None:
    found = problems(wish, prompt, wish.split(), chinese=chinese, secret=prompt)
    assert isinstance(found, tuple)
    assert found or prompt


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
