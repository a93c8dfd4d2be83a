"""How a chat model of a known size lives beside Z-Image on cards of several sizes."""

from dataclasses import replace

import pytest

from engine.memory.choosing import choose
from engine.memory.lodging import Guest, Lodging, beside, lodge, together
from engine.memory.plan import GIB, Plan, Wish
from engine.memory.probe import Facts
from engine.memory.sizes import Z_IMAGE

QWEN_1_7B = Guest(linear=1_409_286_144, other=311_288_832, cached=2 * 28 * 8 * 128 * 768)


def card(free: float, host: float = 32) -> Facts:
    return Facts("cuda", "card", int(free * GIB), 80 * GIB, True, int(host * GIB), 64 * GIB)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return choose(card(80), Z_IMAGE, Wish())


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (40, Lodging("plain", stays=True, kept=True, together=8)),
        (5, Lodging("int8", stays=True, kept=True, together=4)),
        (4.5, Lodging("4bit", stays=True, kept=True, together=5)),
        (3.3, Lodging("int8", stays=False, kept=True, together=8)),
        (2.2, Lodging("4bit", stays=False, kept=True, together=1)),
        (1, None),
    ],
)
def test_fewer_bits_come_before_leaving_and_leaving_before_giving_up(
    plan: Plan, free: float, expected: Lodging | None
) -> None:
    assert lodge(card(free), plan, QWEN_1_7B, most=8) == expected


def test_what_leaves_is_read_again_where_main_memory_is_short(plan: Plan) -> None:
    lodging = lodge(card(2.2, host=2.5), plan, QWEN_1_7B, most=8)
    assert lodging is not None
    assert not lodging.kept


def test_one_memory_has_no_other_place_to_keep_it(plan: Plan) -> None:
    facts = replace(card(40), kind="cpu")
    lodging = lodge(facts, plan, QWEN_1_7B, most=8)
    assert lodging is not None
    assert not lodging.kept


def test_texts_written_together_are_as_many_as_their_caches_fit(plan: Plan) -> None:
    each = QWEN_1_7B.cached * 2
    assert [together(room, QWEN_1_7B, plan, 8) for room in (-1, each, 3 * each + 1, 100 * each)] == [
        0,
        1,
        3,
        8,
    ]


def test_what_is_beside_a_picture_is_what_the_picture_leaves(plan: Plan) -> None:
    assert beside(card(40), plan) < 40 * GIB - plan.transient(1024, 1024)
