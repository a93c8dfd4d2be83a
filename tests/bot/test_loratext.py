"""LoRA files as people write them: behind `--lora` and as tags among the words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.requests import flags
from bot.types import Params, Refused

DEFAULTS = Params("")


@pytest.mark.parametrize(
    ("text", "prompt", "loras"),
    [
        ('a cat --lora "my lora:0.5" on a mat', "a cat on a mat", (("my lora", 0.5),)),
        ('a cat --lora "my lora":0.5', "a cat", (("my lora", 0.5),)),
        ('a cat --lora "my lora"', "a cat", (("my lora", 1.0),)),
        ("一只猫 --lora “我的 风格：０.５”，在垫子上", "一只猫，在垫子上", (("我的 风格", 0.5),)),
        ("a cat --lora 「ink (v2), wash」:-1", "a cat", (("ink (v2), wash", -1.0),)),
        ("a cat --lora “旧：照片（二）”:0.3", "a cat", (("旧：照片（二）", 0.3),)),
        ("a cat --lora film[v2](old):0.3 there", "a cat there", (("film[v2](old)", 0.3),)),
        ("一只猫 --lora 水墨:0.8，在垫子上", "一只猫，在垫子上", (("水墨", 0.8),)),
        ("a cat --lora a:0.5, b:0.25", "a cat", (("a", 0.5), ("b", 0.25))),
        ("a cat --lora a:0.5,  b:0.25, on a mat", "a cat, on a mat", (("a", 0.5), ("b", 0.25))),
        ('a cat --lora a:0.5, "b c:2", 水墨:1', "a cat", (("a", 0.5), ("b c", 2.0), ("水墨", 1.0))),
        ("一只猫 --lora a:0.5、b:0.25", "一只猫", (("a", 0.5), ("b", 0.25))),
        ('a cat --lora ink, "on" a mat', 'a cat, "on" a mat', (("ink", 1.0),)),
        ("a cat --lora ink:1, 3:45 at night", "a cat, 3:45 at night", (("ink", 1.0),)),
        ("a cat --lora ink. On a mat", "a cat. On a mat", (("ink", 1.0),)),
        ("a cat <lora:ink:0.3>", "a cat", (("ink", 0.3),)),
        ("a cat, <lora:my style (v2):0.3>, night", "a cat, night", (("my style (v2)", 0.3),)),
        ("<lora:ink> a cat", "a cat", (("ink", 1.0),)),
        ("<LyCO:ink:.5>一只猫＜lora：水墨：0.25＞", "一只猫", (("ink", 0.5), ("水墨", 0.25))),
        ("a cat <lora:ink:-1:0.5>", "a cat", (("ink", 0.5),)),
        ("a cat <lora:ink:0.5:lbw=OUTALL>", "a cat", (("ink", 0.5),)),
        ("a cat <lora:ink:te=0:unet=0.5>", "a cat", (("ink", 0.5),)),
        ("a cat <lora:my--seed 7:1> --lora oil:2", "a cat", (("my--seed 7", 1.0), ("oil", 2.0))),
    ],
)
def test_a_lora_is_named_by_flag_or_tag_and_leaves_the_words(
    text: str, prompt: str, loras: tuple[tuple[str, float], ...]
) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt=prompt, loras=loras)


@pytest.mark.parametrize("text", ["a sign “<lora:ink:1>”", "a <lora:> b", "x < lora y", "<3 a cat"])
def test_what_only_looks_like_a_tag_or_is_quoted_stays(text: str) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt=text)


def test_tags_take_the_place_of_what_holds_where_nothing_is_said() -> None:
    assert flags.parse("a <lora:ink:1>", replace(DEFAULTS, loras=(("oil", 1.0),))).loras == (("ink", 1.0),)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a <lora:ink:3>", "<lora:ink:3>"),
        ("a <lora:ink:much>", "<lora:ink:much>"),
        ('a --lora "my lora:3"', '"my lora:3"'),
        ("a --lora a:0.5:0.3", "a:0.5:0.3"),
    ],
)
def test_a_weight_that_cannot_be_is_refused(text: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        flags.parse(text, DEFAULTS)
    assert refused.value.values == {"flag": "--lora", "value": value, "allowed": "NAME:-2–2"}


def test_too_many_are_refused_with_the_limit() -> None:
    names = ",".join(f"a{number}:1" for number in range(11))
    with pytest.raises(Refused) as refused:
        flags.parse(f"a cat --lora {names}", DEFAULTS)
    assert (refused.value.code, refused.value.values) == ("too-many-loras", {"count": 11, "limit": 10})


NAMES = (
    st.text(st.sampled_from("ab1 ._-+()[]（）：:,，水墨é\"'“”"), min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda name: name and not {'"', "“", "”"} <= set(name))
)


@given(
    loras=st.lists(st.tuples(NAMES, st.sampled_from([-2.0, 0.5, 1.0, 0.00001])), min_size=1, max_size=4).map(
        tuple
    )
)
def test_any_name_survives_being_written_and_read(loras: tuple[tuple[str, float], ...]) -> None:
    params = replace(DEFAULTS, prompt="a cat", loras=loras, negative_prompt="dogs")
    assert flags.parse(flags.render(params, DEFAULTS), DEFAULTS) == params
