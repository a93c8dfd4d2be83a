"""Writing a whole prompt multiplies with the text encoder's own matrices, and nothing of them is copied."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers.models.qwen3 import Qwen3Config, Qwen3Model

from engine.prompts import Optimizer
from engine.prompts.llm.chat import around
from engine.types import Generate
from tests.engine.prompts.tiny import forced, held

pytestmark = pytest.mark.usefixtures("one_thread")

WIDE = Qwen3Config(
    vocab_size=151936, hidden_size=2560, intermediate_size=512, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=1, head_dim=64, tie_word_embeddings=True, eos_token_id=2,
)  # fmt: skip
"""The real encoder's token table over a thin layer, so that a CPU writes a prompt in seconds."""


class Multiplied(TorchDispatchMode):
    """Where the matrices lie that anything is multiplied with, and the tables of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.matrices = set[int]()
        self.tables = set[int]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in {torch.ops.aten.mm, torch.ops.aten.linear}:
            self.matrices.add(args[1].untyped_storage().data_ptr())
        if func.overloadpacket is torch.ops.aten.embedding:
            self.tables.add(args[0].untyped_storage().data_ptr())
        return func(*args, **(kwargs or {}))


def test_preparing_a_prompt_multiplies_with_the_encoders_own_matrices_only(tokenizer: Any) -> None:
    with torch.device("meta"):
        encoder = Qwen3Model(WIDE)
    encoder = encoder.to(torch.bfloat16).to_empty(device="cpu").eval()
    for weight in (*encoder.parameters(), *encoder.buffers()):
        weight.data.zero_()
    before = held()
    optimizer = Optimizer(language=forced(around(encoder, tokenizer), ["A cat."]), clock=lambda: 0.0)
    with Multiplied() as seen:
        ready = optimizer.prepare(Generate("a cat", enhance=False))
    assert (ready.used, ready.notes) == ("A cat.", ("optimized", "optimizer:language-model"))
    table = encoder.embed_tokens.weight.untyped_storage().data_ptr()
    own = {each.untyped_storage().data_ptr() for each in encoder.parameters() if each.ndim == 2}
    assert (seen.matrices, seen.tables) == (own, {table})
    assert held() - before < 0.01 * encoder.embed_tokens.weight.nbytes
