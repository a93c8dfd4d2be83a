"""How a chat model of a known size lives beside Z-Image on cards of several sizes."""

from dataclasses import replace

import pytest

from engine.memory.plan import GIB
from engine.memory.probe import Facts
from engine.memory.residency import FreeMemory, ModelSize, Residency, free_memory, plan_residency, together

QWEN_1_7B = ModelSize(linear=1_409_286_144, other=311_288_832, cached=2 * 28 * 8 * 128 * 768)


def card(free: float, host: float = 32) -> Facts:
    return Facts("cuda", "card", int(free * GIB), 80 * GIB, True, int(host * GIB), 64 * GIB)


def left(facts: Facts, dtype: str = "bfloat16") -> FreeMemory:
    """What is left beside Z-Image, whose decoder takes 2 GiB at 1024 pixels."""
    return free_memory(facts, 2 * GIB, dtype)


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (40, Residency("plain", stays=True, kept=True, together=8)),
        (5, Residency("int8", stays=True, kept=True, together=4)),
        (4.5, Residency("4bit", stays=True, kept=True, together=5)),
        (3.3, Residency("int8", stays=False, kept=True, together=8)),
        (2.2, Residency("4bit", stays=False, kept=True, together=1)),
        (1, None),
    ],
)
def test_fewer_bits_come_before_leaving_and_leaving_before_giving_up(
    free: float, expected: Residency | None
) -> None:
    assert plan_residency(left(card(free)), QWEN_1_7B, most=8) == expected


def test_what_leaves_is_read_again_where_main_memory_is_short() -> None:
    residency = plan_residency(left(card(2.2, host=2.5)), QWEN_1_7B, most=8)
    assert residency is not None
    assert not residency.kept


def test_one_memory_has_no_other_place_to_keep_it() -> None:
    assert left(replace(card(40), kind="cpu")).host == 0


def test_texts_written_together_are_as_many_as_their_caches_fit() -> None:
    cached = QWEN_1_7B.cached
    rows = [together(n * cached * 2, cached, "bfloat16", 8) for n in (-1, 0, 1, 3, 100)]
    assert rows == [0, 0, 1, 3, 8]


def test_where_there_is_no_bfloat16_a_chat_model_computes_in_float32() -> None:
    assert [left(card(40), name).dtype for name in ("bfloat16", "float16")] == ["bfloat16", "float32"]
