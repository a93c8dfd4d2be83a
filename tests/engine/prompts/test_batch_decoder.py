"""Several wishes written in one batch by a tiny real Qwen3: the same words, and each with its own end."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.models.qwen3 import Qwen3Model

from engine.prompts.llm.batch_decoder import BatchDecoder
from engine.prompts.llm.chat import LanguageModel, around
from engine.types import EngineError
from tests.engine.prompts.tiny import forced, run

WISHES = ("a cat", "a very long wish about an old lighthouse on a rocky shore in a storm", "狐狸")

pytestmark = pytest.mark.usefixtures("one_thread")


class Counted:
    """A model that counts its forwards by their shape (rows, tokens)."""

    def __init__(self, model: LanguageModel) -> None:
        self.shapes: list[tuple[int, int]] = []
        self._forward = model.decoder.forward
        self.decoder = replace(model.decoder, forward=self._counted)

    def _counted(self, ids: Tensor, cache: Any, **padding: Tensor) -> Tensor:
        self.shapes.append((ids.shape[0], ids.shape[1]))
        return self._forward(ids, cache, **padding)


def together(model: LanguageModel, wishes: tuple[str, ...]) -> list[str]:
    """What is written when every wish gets one turn after the other, in the end."""
    writings = {place: model.write(wish) for place, wish in enumerate(wishes)}
    texts: dict[int, str] = {}
    while writings:
        for place, writing in list(writings.items()):
            try:
                next(writing)
            except StopIteration as done:
                texts[place] = done.value
                del writings[place]
    return [texts[place] for place in sorted(texts)]


def test_a_batch_writes_what_each_wish_gets_alone(model: LanguageModel) -> None:
    alone = [run(model.write(wish))[0] for wish in WISHES]
    assert len(set(alone)) == 3
    assert together(model, WISHES) == alone


def test_three_wishes_cost_the_forwards_of_one(encoder: Qwen3Model, tokenizer: Any) -> None:
    model = around(encoder, tokenizer)
    counted = Counted(model)
    texts = together(LanguageModel("counted", tokenizer, counted.decoder), WISHES)
    longest = max(len(model.tokens(wish)) for wish in WISHES)
    assert counted.shapes[0] == (3, longest)
    assert set(counted.shapes[1:]) == {(3, 1)}
    assert len(counted.shapes) <= 200
    assert len(texts) == 3


def test_every_text_of_a_batch_ends_by_itself(model: LanguageModel) -> None:
    short, long = "a cat.", "a cat on a wooden windowsill in the low light of the afternoon."
    writing = forced(model, [short, long])
    first, second = writing.write("one"), writing.write("two")
    next(first)
    next(second)
    assert run(first)[0] == short
    assert run(second)[0] == long


def test_a_text_that_is_given_up_leaves_the_others_theirs(model: LanguageModel) -> None:
    alone = run(model.write(WISHES[1]))[0]
    first, second = model.write(WISHES[0]), model.write(WISHES[1])
    for _ in range(3):
        next(first)
        next(second)
    first.close()
    assert run(second)[0] == alone


def test_one_that_comes_later_is_written_beside_the_batch(model: LanguageModel) -> None:
    alone = [run(model.write(wish))[0] for wish in WISHES[:2]]
    first = model.write(WISHES[0])
    for _ in range(5):
        next(first)
    second = model.write(WISHES[1])
    for _ in range(5):
        next(second)
    assert [run(first)[0], run(second)[0]] == alone


def test_no_more_are_written_at_once_than_there_is_room_for(encoder: Qwen3Model, tokenizer: Any) -> None:
    counted = Counted(around(encoder, tokenizer))
    texts = together(LanguageModel("counted", tokenizer, counted.decoder, together=2), WISHES)
    assert {rows for rows, _ in counted.shapes} == {1, 2}
    assert [rows for rows, tokens in counted.shapes if tokens > 1] == [2, 1]
    assert all(texts)


def test_nothing_is_computed_while_the_model_is_not_ready(model: LanguageModel) -> None:
    answers = iter([False, False])
    decoder = replace(model.decoder, ready=lambda: next(answers, True))
    text, turns = run(LanguageModel("late", model.tokenizer, decoder).write("a cat"))
    usual, fewer = run(model.write("a cat"))
    assert (text, turns) == (usual, fewer + 2)


def test_a_model_that_is_not_ready_is_asked_once_a_turn(model: LanguageModel) -> None:
    asked: list[int] = []

    def ready() -> bool:
        asked.append(1)
        return len(asked) > 3

    late = LanguageModel("late", model.tokenizer, replace(model.decoder, ready=ready))
    writings = [late.write(wish) for wish in WISHES]
    for _ in range(4):
        for writing in writings:
            next(writing)
    assert len(asked) == 3


def test_memory_that_runs_out_is_an_engine_error(model: LanguageModel) -> None:
    def full(ids: Tensor, cache: Any, **padding: Tensor) -> Tensor:
        raise torch.OutOfMemoryError

    writing = LanguageModel("full", model.tokenizer, replace(model.decoder, forward=full)).write("a cat")
    next(writing)
    with pytest.raises(EngineError) as caught:
        next(writing)
    assert caught.value.code == "out_of_memory"


def test_the_speed_is_told_by_the_latest_text(model: LanguageModel) -> None:
    clock = iter(range(0, 1000, 2))
    desk = BatchDecoder(model.decoder, clock=lambda: float(next(clock)))
    assert desk.seconds(150) == 0
    writing = desk.write([5, 6, 7], torch.Generator(), lambda written: len(written) >= 12)
    run(writing)
    assert desk.seconds(4) == 2
    assert desk.seconds(150) == 2 + 146 * 2 / 4
