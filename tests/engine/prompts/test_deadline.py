"""The deadline counts what the language model computes itself, and not the pictures that go on between."""

from collections.abc import Generator

import pytest

from engine.prompts import Optimizer
from engine.types import Generate

GOOD = "A cat lies on a wooden windowsill, low sunlight on its fur, seen at eye level."


class Writer:
    """Writes one prompt in so many turns, each of which takes its seconds by a clock that it turns itself."""

    def __init__(self, turns: int, seconds: float) -> None:
        self.now = 0.0
        self._turns = turns
        self._each = seconds

    def seconds(self, tokens: int) -> float:
        return 0.0

    def release_memory(self, out_of_memory: bool) -> bool:
        return out_of_memory

    def write(self, wish: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        for _ in range(self._turns):
            self.now += self._each
            yield
        return GOOD


def last_note(writer: Writer, others: float) -> tuple[str, float]:
    """How a prompt came about, and when, where others take so many seconds between two turns."""
    optimizer = Optimizer(language=writer, clock=lambda: writer.now)
    work = optimizer.steps(Generate("a cat", enhance=False))
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value.notes[-1], writer.now
        writer.now += others


@pytest.mark.parametrize(
    ("turns", "each", "others", "note", "when"),
    [
        (20, 0.25, 1.0, "optimizer:language-model", 25.0),
        (20, 0.5, 0.0, "optimizer:slow", 8.0),
        (20, 0.5, 1.0, "optimizer:slow", 24.0),
        (20, 0.25, 2.0, "optimizer:slow", 31.5),
    ],
)
def test_only_its_own_seconds_count_up_to_half_a_minute_by_the_clock(
    turns: int, each: float, others: float, note: str, when: float
) -> None:
    assert last_note(Writer(turns, each), others) == (note, when)
