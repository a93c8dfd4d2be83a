"""Facts about flags inside a prompt.

`FUZZ_EXAMPLES` is the number of inputs for each fact about any text.
"""

import os
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.requests import flags
from bot.types import Params, Refused

DEFAULTS = Params("")
SEEDS = "-1, 0–18446744073709551615"


@pytest.mark.parametrize(
    ("text", "prompt", "changes"),
    [
        ("a cat", "a cat", {}),
        ("a cat --ar 16:9", "a cat", {"aspect": "16:9"}),
        ("a cat --ar 16:9 on a mat", "a cat on a mat", {"aspect": "16:9"}),
        ("a cat, --ar 16:9, on a mat", "a cat, on a mat", {"aspect": "16:9"}),
        ("--seed 7 a cat --steps 12", "a cat", {"seed": 7, "steps": 12}),
        ("a cat --AR=9:16", "a cat", {"aspect": "9:16"}),
        ("a cat --ar16:9", "a cat", {"aspect": "16:9"}),
        ("a cat --aspect 2.5:1", "a cat", {"aspect": "5:2"}),
        ("a cat --ar 3:4 --size 512x768", "a cat", {"width": 512, "height": 768}),
        ("a cat --size 512×768 --ar 3:4", "a cat", {"aspect": "3:4"}),
        ("a cat --size 512*768", "a cat", {"width": 512, "height": 768}),
        ("a cat --cfg 2.", "a cat.", {"guidance_scale": 2.0}),
        ("a cat --count 4 --strength .5", "a cat", {"count": 4, "strength": 0.5}),
        (
            "a cat --no dogs, birds --raw",
            "a cat",
            {"negative_prompt": "dogs, birds"} | {"optimize": False, "enhance": False},
        ),
        ("a cat --no dogs --no birds", "a cat", {"negative_prompt": "dogs, birds"}),
        ("a cat --optimize off --enhance", "a cat", {"optimize": False}),
        ("a cat --optimize OFF on a mat", "a cat on a mat", {"optimize": False}),
        ("一只猫 --enhance 关", "一只猫", {"enhance": False}),
        ("a cat --spoiler", "a cat", {"spoiler": True}),
        ("a cat --fast", "a cat", {"fast": True}),
        ("a cat --fast, on a mat", "a cat, on a mat", {"fast": True}),
        ("一只猫，－－ｆａｓｔ 开", "一只猫", {"fast": True}),
        ("a cat --fast off --steps 6", "a cat", {"steps": 6}),
        ("a cat --fast --steps 8", "a cat", {"steps": 8, "ignored": ("--fast",)}),
        ("a cat --steps 6 --turbo --fast", "a cat", {"steps": 6, "ignored": ("--turbo", "--fast")}),
        ("a cat --relax --fast", "a cat", {"fast": True, "ignored": ("--relax",)}),
        ("a cat --lora ink:0.8", "a cat", {"loras": (("ink", 0.8),)}),
        ("a cat --lora ink, on a mat", "a cat, on a mat", {"loras": (("ink", 1.0),)}),
        (
            "a cat --lora ink:.5,film-2:-1 on a mat",
            "a cat on a mat",
            {"loras": (("ink", 0.5), ("film-2", -1.0))},
        ),
        ("a cat --lora ink:1 --lora oil:2", "a cat", {"loras": (("ink", 1.0), ("oil", 2.0))}),
        ("一只猫－－lora ink：0.8，在垫子上", "一只猫，在垫子上", {"loras": (("ink", 0.8),)}),
        ("a cat --ar 3:4 --ar auto", "a cat", {}),
    ],
)
def test_flags_are_taken_out_of_the_prompt_wherever_they_stand(
    text: str, prompt: str, changes: dict[str, object]
) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt=prompt, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "一只猫－－ar １６：９",
        "一只猫 —ar 16:9",
        "一只猫 –ar 16∶9",
        "一只猫——ar 16:9",
        "一只猫 ‑‑ＡＲ＝16:9",
        "一只猫 −−ar：16:9",
    ],
)
def test_dashes_and_full_width_forms_are_repaired(text: str) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt="一只猫", aspect="16:9")


@pytest.mark.parametrize(
    ("text", "prompt", "aspect"),
    [
        ("一只猫 3:4", "一只猫", "3:4"),
        ("一只猫，３：４，蓝色", "一只猫，蓝色", "3:4"),
        ("画一张 16:9 的猫", "画一张 猫", "16:9"),
        ("一只猫，比例 3:4", "一只猫", "3:4"),
        ("一只猫 3:4 --ar 16:9", "一只猫", "16:9"),
        ("下午 3:45 的海边", "下午 3:45 的海边", None),
        ("上午9:16的火车站", "上午9:16的火车站", None),
        ("写着“3:4”的牌子", "写着“3:4”的牌子", None),
        ("a cat 3:4", "a cat 3:4", None),
    ],
)
def test_a_bare_ratio_in_a_chinese_sentence_is_the_aspect(text: str, prompt: str, aspect: str | None) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt=prompt, aspect=aspect)


@pytest.mark.parametrize(
    "text",
    [
        'a sign that says "--ar 16:9"',
        "a sign “--bogus —ar 2:1”",
        "写着「－－ar 16:9」的牌子",
        "a well--known cat—no dogs here",
        "海报上写着——Hello",
        "a cat - a dog -x",
    ],
)
def test_quoted_spans_and_prose_dashes_stay_untouched(text: str) -> None:
    assert flags.parse(text, DEFAULTS).prompt == text


def test_midjourney_flags_are_accepted_with_their_values_and_reported() -> None:
    text = "a --stylize 250 cat --v 6.1 --tile on a mat --sref https://x.y/A.png --niji --turbo --iw .5"
    params = flags.parse(text, DEFAULTS)
    assert params.prompt == "a cat on a mat"
    assert params.ignored == (
        "--stylize 250",
        "--v 6.1",
        "--tile",
        "--sref https://x.y/A.png",
        "--niji",
        "--turbo",
        "--iw .5",
    )


@pytest.mark.parametrize(
    ("text", "code", "values"),
    [
        ("a --bogus 3", "unknown-flag", {"flag": "--bogus"}),
        ("a —bogus 3", "unknown-flag", {"flag": "--bogus"}),
        ("a --no-text", "unknown-flag", {"flag": "--no-text"}),
        ("a --steps", "flag-needs-value", {"flag": "--steps"}),
        ("a --steps --raw", "flag-needs-value", {"flag": "--steps"}),
        ("a --no", "flag-needs-value", {"flag": "--no"}),
        ("a --steps 51", "bad-value", {"flag": "--steps", "value": "51", "allowed": "1–50"}),
        ("a --steps 8.5", "bad-value", {"flag": "--steps", "value": "8.5", "allowed": "1–50"}),
        ("a --cfg 0.9", "bad-value", {"flag": "--cfg", "value": "0.9", "allowed": "0, 1.0–5.0"}),
        ("a --seed -5", "bad-value", {"flag": "--seed", "value": "-5", "allowed": SEEDS}),
        (
            "a --seed 18446744073709551616",
            "bad-value",
            {"flag": "--seed", "value": "18446744073709551616", "allowed": SEEDS},
        ),
        ("a --count 5", "bad-value", {"flag": "--count", "value": "5", "allowed": "1–4"}),
        ("a --strength 0.01", "bad-value", {"flag": "--strength", "value": "0.01", "allowed": "0.05–1.0"}),
        ("a --lora ink:3", "bad-value", {"flag": "--lora", "value": "ink:3", "allowed": "NAME:-2–2"}),
        ("a --lora", "flag-needs-value", {"flag": "--lora"}),
        ("a --ar 9:1", "bad-value", {"flag": "--ar", "value": "9:1", "allowed": "1:4–4:1, auto"}),
        ("a --ar 1:0", "bad-value", {"flag": "--ar", "value": "1:0", "allowed": "1:4–4:1, auto"}),
        ("a --ar wide", "bad-value", {"flag": "--ar", "value": "wide", "allowed": "1:4–4:1, auto"}),
        ("a --size 32x64", "bad-value", {"flag": "--size", "value": "32x64", "allowed": "64x64–4096x4096"}),
        ("a --enhance=maybe", "bad-value", {"flag": "--enhance", "value": "maybe", "allowed": "on, off"}),
        ("", "empty-prompt", {}),
        ("--ar 16:9", "empty-prompt", {}),
        (" ，", "empty-prompt", {}),
        ("x" * 2001, "prompt-too-long", {"length": 2001, "limit": 2000}),
        ("x --no " + "y" * 2001, "prompt-too-long", {"length": 2001, "limit": 2000}),
        ("-" * 200_000, "prompt-too-long", {"length": 200_000, "limit": 2000}),
        ("“" * 480_000, "prompt-too-long", {"length": 480_000, "limit": 2000}),
    ],
)
def test_what_cannot_be_understood_is_refused_exactly(
    text: str, code: str, values: dict[str, object]
) -> None:
    with pytest.raises(Refused) as refused:
        flags.parse(text, DEFAULTS)
    assert (refused.value.code, refused.value.values) == (code, values)


def test_unsaid_parameters_come_from_the_defaults() -> None:
    defaults = Params("", steps=20, aspect="3:4", enhance=False)
    assert flags.parse("a cat --steps 9", defaults) == replace(defaults, prompt="a cat", steps=9)


def test_steps_that_were_set_before_bound_a_fast_picture_and_steps_in_the_text_end_it() -> None:
    assert flags.parse("a cat --fast", Params("", steps=16)) == Params("a cat", steps=16, fast=True)
    told = flags.parse("a cat --steps 5", Params("", fast=True))
    assert told == Params("a cat", steps=5, ignored=("--fast",))


def test_a_fast_wish_with_steps_of_its_own_is_written_as_it_was() -> None:
    told = flags.parse("a cat --fast --steps 8", DEFAULTS)
    assert flags.render(told, DEFAULTS) == "a cat --fast --steps 8"
    assert flags.parse(flags.render(told, DEFAULTS), DEFAULTS) == told


def test_no_two_flags_share_a_name() -> None:
    names = [name for flag in flags.FLAGS for name in flag.names]
    assert len(names) == len(set(names))


fuzz = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "120")), deadline=None)
WORDS = st.sampled_from(
    [
        "a cat",
        "一只猫",
        "red",
        "“--ar 2:1”",
        '"--no, x"',
        "3:4",
        "16:9",
        "—",
        "--",
        "a-b",
        "well--known",
        "，",
        "5%",
        "比例",
    ]
)
PROMPTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
NEGATIVES = st.lists(st.sampled_from(["dogs", "文字", "a-b", "3:4"]), max_size=3).map(", ".join)
SHAPES = st.one_of(
    st.just({}),
    st.builds(lambda a, b: {"aspect": f"{a}:{b}"}, st.integers(1, 4), st.integers(1, 4)),
    st.builds(lambda w, h: {"width": w, "height": h}, st.integers(64, 4096), st.integers(64, 4096)),
)
PARAMS = st.builds(
    lambda shape, **said: Params(**said, **shape),
    SHAPES,
    prompt=PROMPTS,
    negative_prompt=NEGATIVES,
    steps=st.integers(1, 50),
    guidance_scale=st.floats(1.0, 5.0),
    seed=st.none() | st.integers(0, 2**64 - 1),
    count=st.integers(1, 4),
    strength=st.floats(0.05, 1.0),
    optimize=st.booleans(),
    enhance=st.booleans(),
    spoiler=st.booleans(),
    fast=st.booleans(),
    loras=st.lists(
        st.tuples(st.sampled_from(["ink", "film-2", "a.b"]), st.sampled_from([-2.0, 0.5, 1.0])), max_size=2
    ).map(tuple),
    ignored=st.lists(st.sampled_from(["--v 6", "--tile", "--s 250", "--niji"]), max_size=2).map(tuple),
)


@fuzz
@given(
    params=PARAMS,
    defaults=st.sampled_from([DEFAULTS, Params("", aspect="3:2", steps=20, optimize=False, enhance=False)]),
)
def test_a_rendered_command_parses_back_to_the_same_parameters(params: Params, defaults: Params) -> None:
    try:
        prompt = flags.parse(params.prompt, DEFAULTS).prompt
    except Refused:
        return
    params = replace(params, prompt=prompt, steps=defaults.steps if params.fast else params.steps)
    assert flags.parse(flags.render(params, defaults), defaults) == params


@fuzz
@given(
    text=st.lists(
        st.one_of(
            WORDS, st.sampled_from(["--raw", "--ar 3:4", "－－no", "—v 6", " ", '"', "--seed", "=", "7"])
        )
    ).map("".join)
)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(Refused):
        assert flags.parse(text, DEFAULTS).prompt


INSIDE = st.lists(
    st.sampled_from(["--ar 16:9", "--no", "－－seed 7", "—raw", "3:4", "OPEN", "茶馆", ",", "=", "--x", " "]),
    max_size=5,
).map(" ".join)
AROUND = st.lists(
    st.sampled_from(["a sign", "一块牌子", "red", "--ar 3:4", "--seed 7", "--raw", "，"]), max_size=3
)


@fuzz
@given(
    before=AROUND,
    marks=st.sampled_from(['"%s"', "“%s”", "「%s」", "『%s』", "《%s》"]),
    inside=INSIDE,
    after=AROUND,
)
def test_quoted_text_survives_flag_parsing(
    before: list[str], marks: str, inside: str, after: list[str]
) -> None:
    quote = marks % f"x{inside}x"
    assert quote in flags.parse(" ".join([*before, "words", quote, *after]), DEFAULTS).prompt
