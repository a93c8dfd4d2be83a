"""Prompts to caption embeddings: chat template, tokenizer, text encoder, cache."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from engine import guards
from engine.lru import LruDict
from engine.prompts.text.sanitize import shortened
from engine.prompts.text.truncate import as_read
from engine.types import PromptReady

MAX_TOKENS = 512
CACHED_PROMPTS = 64


class TextEncoder:
    """Encodes one prompt at a time, un-padded, and remembers the latest ones.

    The caption is `hidden_states[-2]`, so the encoder's last layer and final norm are left out: a view
    without them shares the weights of `model`, which stays whole.
    """

    def __init__(self, tokenizer: Any, model: Any) -> None:
        self.tokenizer = tokenizer
        self.model = model
        self._trunk = _without_head(model)
        self._cache: LruDict[str, Tensor] = LruDict(CACHED_PROMPTS)

    def encode(self, prompt: str) -> Tensor:
        """Return the caption embedding `(tokens, features)` of a prompt, as far as it is `readable`."""
        if prompt in self._cache:
            return self._cache[prompt]
        tokens = torch.tensor([self.tokens(prompt)], device=self.model.device)
        caption: Tensor = self._trunk(input_ids=tokens, use_cache=False).last_hidden_state[0]
        self._cache[prompt] = caption
        return caption

    def forget(self) -> None:
        """Empty the cache, as when an embedding in it turned out broken."""
        self._cache.clear()

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        """Encode anew and in float32 inside the block."""
        usual, self._cache = self._cache, LruDict(CACHED_PROMPTS)
        try:
            with guards.in_float32(self.model):
                yield
        finally:
            self._cache = usual

    def tokens(self, prompt: str) -> list[int]:
        """Return the token ids for the encoder: at most `MAX_TOKENS`, with the whole chat template."""
        ids = self._templated(prompt)
        return ids if len(ids) <= MAX_TOKENS else self._templated(self.readable(prompt))

    def readable(self, prompt: str) -> str:
        """Return the beginning of `prompt` that the encoder reads, in whole words; all where it is short."""
        return shortened(prompt, lambda text: len(self._templated(text)) <= MAX_TOKENS)

    def truncated(self, ready: PromptReady) -> PromptReady:
        """Return what is really read of a prompt; notes say what was cut."""
        return as_read(ready, self.readable)

    def _templated(self, prompt: str) -> list[int]:
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=True,
        )
        ids: list[int] = self.tokenizer(text).input_ids
        return ids


def _without_head(model: Any) -> Any:
    trunk = copy.copy(model)
    trunk._modules = dict(model._modules)
    trunk.layers = nn.ModuleList(list(model.layers)[:-1])
    trunk.norm = nn.Identity()
    return trunk
