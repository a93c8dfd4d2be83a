"""A tiny real language model, made once for all modules."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer
from transformers.models.qwen3 import Qwen3Model

from engine.embedded import WEIGHTS
from engine.prompts.llm.chat import LanguageModel, around
from tests.engine.prompts.tiny import TINY


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny matrices are slower on several threads than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(WEIGHTS / "tokenizer")


@pytest.fixture(scope="session")
def encoder(tokenizer: Any) -> Qwen3Model:
    torch.manual_seed(0)
    return Qwen3Model(TINY).eval()


@pytest.fixture
def model(encoder: Qwen3Model, tokenizer: Any) -> LanguageModel:
    return around(encoder, tokenizer)
