"""What people mean as a flag and what they don't: dashes, links, times, scores, choices and pasted data."""

from dataclasses import replace

import pytest

from bot.requests import flags, permutations
from bot.types import Params, Refused

DEFAULTS = Params("")

DATA = """a red fox, <lora:ink:0.8> forest
Negative prompt: blurry, ugly
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 2.5, Seed: 123, Size: 512x768, Model: dream"""


@pytest.mark.parametrize(
    "text",
    [
        "a lighthouse —tall and white— on a cliff",
        "a lighthouse —no keeper— on a cliff",
        "a man —fast and loose",
        "……巧克力 ——Forrest Gump",
        "海报上写着——No Smoking",
        "自由——raw and wild",
        "a poem —Isaiah",
        "file a--s here",
        "a cat at https://example.com/a--c.png",
        "a sticker of www.example.com/x--raw",
    ],
)
def test_dashes_in_prose_and_links_are_no_flags(text: str) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt=text)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("a cat —raw", {"optimize": False, "enhance": False}),
        ("a cat —no dogs", {"negative_prompt": "dogs"}),
        ("a cat –ar 3:4 –fast", {"aspect": "3:4", "fast": True}),
        ("a cat —raw —seed 5", {"optimize": False, "enhance": False, "seed": 5}),
        ("a cat--seed 5", {"seed": 5}),
    ],
)
def test_two_hyphens_that_a_keyboard_made_one_dash_are_a_flag(text: str, changes: dict[str, object]) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt="a cat", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["a cat —sytlize 250", "a cat —sytle", "a cat —bogus 3", "a cat --tall"])
def test_a_slip_of_a_flag_is_refused_and_not_drawn(text: str) -> None:
    with pytest.raises(Refused) as refused:
        flags.parse(text, DEFAULTS)
    assert refused.value.code == "unknown-flag"


@pytest.mark.parametrize(
    "text",
    [
        "墙上的钟指向10:16",
        "手表显示 9:16",
        "闹钟停在16:10",
        "足球赛 3:2",
        "国家队3:2战胜对手",
        "比分 2:1",
        "主队以 2:1 领先",
        "1:1还原的飞船",
        "1:2模型",
    ],
)
def test_times_scores_and_scales_are_no_aspect(text: str) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt=text)


@pytest.mark.parametrize(
    ("text", "prompt", "aspect"),
    [
        ("一只打篮球的猫 3:4", "一只打篮球的猫", "3:4"),
        ("墙上的钟，16:9", "墙上的钟", "16:9"),
        ("一座钟楼，比例9:16", "一座钟楼", "9:16"),
        ("足球赛，比例 3:2", "足球赛", "3:2"),
    ],
)
def test_a_ratio_beside_a_clock_or_a_match_may_be_the_aspect(text: str, prompt: str, aspect: str) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt=prompt, aspect=aspect)


@pytest.mark.parametrize("ratio", ["16:9", "16x9", "16X9", "16×9", "16/9", "16 : 9", "16*9"])
def test_a_ratio_is_written_in_many_ways(ratio: str) -> None:
    assert flags.parse(f"a cat --ar {ratio}", DEFAULTS) == replace(DEFAULTS, prompt="a cat", aspect="16:9")


@pytest.mark.parametrize(
    "flag",
    [
        *(
            "--style raw",
            "--style 4b",
            "--cref https://a.b/c.png",
            "--cref https://a.b/c.png https://a.b/d.png",
        ),
        *("--cw 50", "--oref https://a.b/c.png", "--ow 400", "--draft", "--version 7", "--v 8.1", "--v 6.1"),
        *(
            "--p",
            "--p abc12 m73",
            "--profile x9k",
            "--personalize",
            "--sref 123::2 456",
            "--sref random",
            "--sw 100",
        ),
        *(
            "--sv 4",
            "--exp 10",
            "--stop 80",
            "--sameseed 5",
            "--video",
            "--motion low",
            "--loop",
            "--end loop",
        ),
        *(
            "--bs 2",
            "--hd",
            "--sd",
            "--tile",
            "--weird 500",
            "--q .5",
            "--niji",
            "--niji 7",
            "--iw 2",
            "--c 10",
        ),
        *("--uplight", "--upbeta", "--upanime", "--test", "--testp", "--creative", "--public", "--stealth"),
        *("--relax", "--turbo", "--s 250"),
    ],
)
def test_midjourneys_flags_are_accepted_and_reported(flag: str) -> None:
    assert flags.parse(f"a cat {flag} --seed 5", DEFAULTS) == Params("a cat", seed=5, ignored=(flag,))


@pytest.mark.parametrize("text", ["", "\u200b", "\u3164\u3164", "...", "?!", "\u2800 \ufeff", "—", "《》"])
def test_a_prompt_of_nothing_visible_is_empty(text: str) -> None:
    with pytest.raises(Refused) as refused:
        flags.parse(text, DEFAULTS)
    assert refused.value.code == "empty-prompt"


@pytest.mark.parametrize("text", ["❤️", "7", "♥", "あ", "🦊"])
def test_a_prompt_of_one_visible_sign_is_drawn(text: str) -> None:
    assert flags.parse(text, DEFAULTS).prompt == text


@pytest.mark.parametrize("text", ["https://a.b/c--d.png a cat --ar 3:4", "--ar 3:4 HTTP://a.b/c.png a cat"])
def test_a_link_put_first_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(Refused) as refused:
        flags.parse(text, DEFAULTS)
    assert refused.value.code == "link-not-fetched"
    assert str(refused.value.values["link"]).casefold() in text.casefold()


def test_pasted_generation_data_is_read_as_such() -> None:
    assert flags.parse(DATA, DEFAULTS) == Params(
        "a red fox, forest",
        "blurry, ugly",
        width=512,
        height=768,
        steps=20,
        guidance_scale=2.5,
        seed=123,
        loras=(("ink", 0.8),),
        pasted=True,
    )


def test_what_generation_data_say_beyond_the_limits_keeps_its_default() -> None:
    text = "a fox\nSteps: 150, Sampler: Euler a, CFG scale: 12, Seed: 5, Size: 9999x9999"
    assert flags.parse(text, DEFAULTS) == Params("a fox", seed=5, pasted=True)


def test_words_about_steps_are_no_generation_data() -> None:
    assert not flags.parse("a stair\nSteps: 20, made of stone", DEFAULTS).pasted


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("{red, blue} bird", ["red bird", "blue bird"]),
        ("a {b, {c, d}} e", ["a b e", "a c e", "a d e"]),
        ("｛红，蓝｝鸟", ["红鸟", "蓝鸟"]),
        ('a sign "{a, b}"', ['a sign "{a, b}"']),
        ("写着「{甲，乙}」的{红，蓝}牌子", ["写着「{甲，乙}」的红牌子", "写着「{甲，乙}」的蓝牌子"]),
        ('{a "b, c" d, e} f', ['a "b, c" d f', "e f"]),
        ("{红，蓝}鸟", ["红鸟", "蓝鸟"]),
        ("{a, b} {c, d}", ["a c", "a d", "b c", "b d"]),
        ("a cat --ar {3:4, 1:1}", ["a cat --ar 3:4", "a cat --ar 1:1"]),
        ("{a} cat", ["{a} cat"]),
        ("{{masterpiece, best}} cat", ["{{masterpiece, best}} cat"]),
        ('{"subject": "a cat, b"}', ['{"subject": "a cat, b"}']),
        ("\\{a, b\\} cat", ["{a, b} cat"]),
        ("{a\\, b, c} cat", ["a, b cat", "c cat"]),
        ("{a, a} cat", ["a cat"]),
    ],
)
def test_braces_hold_choices(text: str, choices: list[str]) -> None:
    assert permutations.expand(text, 10) == choices


def test_a_request_is_made_as_often_as_repeat_says() -> None:
    assert flags.parse_all("a cat --repeat 3", DEFAULTS) == [Params("a cat")] * 3


def test_choices_and_repeat_multiply() -> None:
    prompts = [params.prompt for params in flags.parse_all("a {red, blue} cat --r 2", DEFAULTS)]
    assert prompts == ["a red cat"] * 2 + ["a blue cat"] * 2


@pytest.mark.parametrize("text", ["{a, b, c} {a, b, c, d} cat", "{a, b} cat --repeat 6"])
def test_too_many_requests_at_once_are_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        flags.parse_all(text, DEFAULTS)
    assert (refused.value.code, refused.value.values) == ("too-many-requests", {"count": 12, "limit": 10})
