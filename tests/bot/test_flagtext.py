"""Facts about any text that may hold flags, and about values as other programs write them."""

from dataclasses import replace

import pytest

from bot.requests import flag_syntax, flags
from bot.types import Params, Refused

DEFAULTS = Params("")
SEEDS = "-1, 0–18446744073709551615"


@pytest.mark.parametrize(
    ("text", "prompt", "changes"),
    [
        ("a cat --cfg 0", "a cat", {"guidance_scale": 1.0}),
        ("a cat --cfg 0.0 on a mat", "a cat on a mat", {"guidance_scale": 1.0}),
        ("a cat --cfg off", "a cat", {"guidance_scale": 1.0}),
        ("a cat --seed -1 on a mat", "a cat on a mat", {}),
        ("a cat --seed random", "a cat", {}),
        ("一只猫 --seed 随机，蓝色", "一只猫，蓝色", {}),
        ("a cat --seed=18446744073709551615", "a cat", {"seed": 2**64 - 1}),
    ],
)
def test_off_dice_and_seeds_are_said_as_elsewhere(text: str, prompt: str, changes: dict[str, object]) -> None:
    assert flags.parse(text, DEFAULTS) == replace(DEFAULTS, prompt=prompt, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "code", "values"),
    [
        ("a --seed=", "flag-needs-value", {"flag": "--seed"}),
        ("a --seed 3.5", "bad-value", {"flag": "--seed", "value": "3.5", "allowed": SEEDS}),
        ("a --cfg 1e3", "bad-value", {"flag": "--cfg", "value": "1e3", "allowed": "0, 1.0–5.0"}),
        ("a --cfg 7", "bad-value", {"flag": "--cfg", "value": "7", "allowed": "0, 1.0–5.0"}),
        ("a --steps 0", "bad-value", {"flag": "--steps", "value": "0", "allowed": "1–50"}),
        ("a --count 0", "bad-value", {"flag": "--count", "value": "0", "allowed": "1–4"}),
        ("a --" + "x" * 7000, "unknown-flag", {"flag": "--" + "x" * 37 + "…"}),
    ],
)
def test_their_siblings_are_refused_exactly(text: str, code: str, values: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        flags.parse(text, DEFAULTS)
    assert (refused.value.code, refused.value.values) == (code, values)


def test_a_long_bad_value_is_cut_in_the_refusal() -> None:
    with pytest.raises(Refused) as refused:
        flags.parse("a --seed " + "9" * 5000, DEFAULTS)
    assert len(str(refused.value.values["value"])) == flag_syntax.SHOWN_VALUE


def test_the_dice_are_thrown_again_where_a_seed_was_set_before() -> None:
    assert flags.parse("a cat --seed -1", Params("", seed=7)).seed is None


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a \ud800cat", "a \ufffdcat"),
        ("\ud83d\ude00 cat", "😀 cat"),
        ("a\0cat", "a cat"),
        ("\u202ea cat", "\u202ea cat"),
        ("a cat" + "\u0301" * 1500, "a cat" + "\u0301" * 1500),
    ],
)
def test_odd_characters_become_text_that_can_be_kept(text: str, prompt: str) -> None:
    assert flags.parse(text, DEFAULTS).prompt == prompt


@pytest.mark.parametrize("mark", '"“「『《')
def test_quotation_marks_that_nothing_closes_are_looked_up_once(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counted(str):
        searches = 0

        def translate(self, table: object) -> "Counted":
            return self

        def find(self, *arguments: object) -> int:
            Counted.searches += 1
            return -1

    flag_syntax.normalize(Counted(f" {mark}" * 4000))
    assert Counted.searches == 1
