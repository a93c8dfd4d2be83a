"""A tiny real Qwen3 that is made to say what a test wants."""

import gc
from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers.models.qwen3 import Qwen3Config

from engine.prompts.llm.chat import LanguageModel

TINY = Qwen3Config(
    vocab_size=1024, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, head_dim=16, max_position_embeddings=4096, tie_word_embeddings=True,
    eos_token_id=2,
)  # fmt: skip


def forced(model: LanguageModel, outputs: Iterable[str], together: int = 8) -> LanguageModel:
    """The model with its real forward, but logits that spell each output in turn, then its end."""
    texts, scripts = iter(outputs), dict[int, list[list[int]]]()

    def forward(ids: Tensor, cache: Any, **padding: Tensor) -> Tensor:
        logits = model.decoder.forward(ids, cache, **padding)
        assert logits.isfinite().all()
        if ids.shape[1] > 1:
            scripts[id(cache)] = [
                [*model.tokenizer(next(texts), add_special_tokens=False).input_ids, 2] for _ in ids
            ]
        logits.zero_()
        for row, script in zip(logits, scripts[id(cache)], strict=True):
            row[script.pop(0) if script else 2] = 1000.0
        return logits

    decoder = replace(model.decoder, forward=forward)
    return LanguageModel(model.name, model.tokenizer, decoder, together)


def run(work: Generator[None, None, Any]) -> tuple[Any, int]:
    """What a generator returns, and how often it let others go on."""
    yields = 0
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value, yields
        yields += 1


def held() -> int:
    """Bytes of all tensors alive, each storage once."""
    gc.collect()
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in gc.get_objects()
        if type(tensor) in {Tensor, torch.nn.Parameter} and tensor.device.type == "cpu"
    }
    return sum(storages.values())
