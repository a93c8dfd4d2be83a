"""The short way of one token through a Qwen3: transformers' own numbers, with fewer operations."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers.cache_utils import StaticCache
from transformers.models.qwen3 import Qwen3Model

from engine.memory.graphs import Recorded
from engine.memory.weights import pack_linears
from engine.prompts.llm import token_step
from engine.prompts.llm.token_step import TokenStep
from tests.engine.prompts.tiny import TINY
from tests.engine.simulated import CARD, simulated

PROMPT = torch.tensor([[0, 0, 5, 6, 7], [11, 12, 13, 14, 15]])
PADDING = torch.tensor([[2], [0]])
LENGTH = 12


class Operations(TorchDispatchMode):
    """How many operations were computed."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def model() -> Qwen3Model:
    torch.manual_seed(1)
    return Qwen3Model(TINY).eval()


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def padding(length: int, count: int) -> dict[str, Tensor]:
    at = torch.arange(length)
    own = at[length - count :] - PADDING
    return {"attention_mask": (at >= PADDING).long(), "position_ids": own.clamp(min=0)}


def begun(model: Qwen3Model) -> StaticCache:
    """The cache of two texts, the first padded by two tokens."""
    cache = StaticCache(config=model.config, max_cache_len=LENGTH)
    model(input_ids=PROMPT, past_key_values=cache, use_cache=True, **padding(5, 5))
    return cache


def test_every_token_has_transformers_own_states_and_leaves_its_cache(model: Qwen3Model) -> None:
    theirs, ours, step = begun(model), begun(model), TokenStep(model)
    for place, ids in enumerate(torch.tensor([[[3], [9]], [[8], [2]], [[4], [4]]])):
        rest = padding(6 + place, 1)
        expected = model(input_ids=ids, past_key_values=theirs, use_cache=True, **rest).last_hidden_state
        assert step.fits(ids, ours)
        torch.testing.assert_close(step(ids, ours, **rest), expected[:, -1], atol=1e-4, rtol=1e-4)
        for mine, other in zip(ours.layers, theirs.layers, strict=True):
            torch.testing.assert_close(mine.keys, other.keys, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(mine.values, other.values, atol=1e-5, rtol=1e-4)
            assert mine.cumulative_length == other.cumulative_length == 6 + place


def test_a_text_alone_is_not_padded(model: Qwen3Model) -> None:
    caches = [StaticCache(config=model.config, max_cache_len=LENGTH) for _ in range(2)]
    for cache in caches:
        model(input_ids=PROMPT[1:], past_key_values=cache, use_cache=True)
    ids = torch.tensor([[3]])
    expected = model(input_ids=ids, past_key_values=caches[0], use_cache=True).last_hidden_state[:, -1]
    torch.testing.assert_close(TokenStep(model)(ids, caches[1]), expected, atol=1e-4, rtol=1e-4)


def test_layers_in_fewer_bits_are_computed_as_they_are(model: Qwen3Model) -> None:
    pack_linears(model, "int8", torch.device("cpu"))
    theirs, ours, ids = begun(model), begun(model), torch.tensor([[3], [9]])
    expected = model(input_ids=ids, past_key_values=theirs, use_cache=True, **padding(6, 1)).last_hidden_state
    found = TokenStep(model)(ids, ours, **padding(6, 1))
    torch.testing.assert_close(found, expected[:, -1], atol=1e-4, rtol=1e-4)


def test_a_token_costs_half_the_operations(model: Qwen3Model) -> None:
    theirs, ours, ids = begun(model), begun(model), torch.tensor([[3], [9]])
    with Operations() as whole:
        model(input_ids=ids, past_key_values=theirs, use_cache=True, **padding(6, 1))
    with Operations() as short:
        TokenStep(model)(ids, ours, **padding(6, 1))
    assert short.count < 0.6 * whole.count


def test_prompts_and_layers_that_are_streamed_go_the_whole_way(model: Qwen3Model) -> None:
    cache, step, ids = begun(model), TokenStep(model), torch.tensor([[3], [9]])
    assert not step.fits(PROMPT, cache)
    assert not step.fits(ids, StaticCache(config=model.config, max_cache_len=LENGTH))
    hook = model.layers[1].register_forward_pre_hook(lambda *_: None)
    assert not step.fits(ids, cache)
    hook.remove()
    assert step.fits(ids, cache)


def test_on_a_card_a_cache_is_recorded_once_and_anew_where_weights_moved_and_no_token_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded: list[object] = []

    def record(run: Callable[[], tuple[Tensor, ...]]) -> Recorded:
        recorded.append(run)
        return (lambda: None), run()

    monkeypatch.setattr(token_step, "record", record)
    with simulated() as card:
        with CARD:
            model = Qwen3Model(TINY).eval()
            cache = StaticCache(config=TINY, max_cache_len=LENGTH)
            ids, first = torch.ones((1, 1), dtype=torch.long), torch.zeros((1, 1, 1, 16))
            for part in cache.layers:
                part.lazy_initialization(first, first)
        step, card.waits = TokenStep(model), 0
        for _ in range(3):
            assert step.fits(ids, cache)
            assert step(ids, cache).shape == (1, TINY.hidden_size)
        assert (len(recorded), card.waits) == (1, 0)
        weight = model.layers[1].mlp.up_proj.weight
        weight.data = weight.data.clone()
        step(ids, cache)
        assert len(recorded) == 2
