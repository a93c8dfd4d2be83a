"""Several texts written by one language model in one forward a token.

Knows left padding, the key/value cache, sampling and turns. Knows neither chats nor wishes.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from engine import guards
from engine.prompts.llm.writer import NEW_TOKENS, TEMPERATURE, TOP_P

STRIDE = 4
"""Tokens between two chances for others to go on."""
TOGETHER = 8
"""Texts written at once, at most: beyond that each takes noticeably longer."""
CANDIDATES = 256
"""The likeliest tokens that sampling looks at; nucleus sampling at 0.9 hardly ever needs more."""


class Forward(Protocol):
    """A causal language model."""

    def __call__(self, ids: Tensor, cache: Any, **padding: Tensor) -> Tensor:
        """Token ids (rows, n) and a cache → the logits (rows, vocabulary) after the last of them.

        `padding` is empty, or has `attention_mask` (rows, tokens so far) and `position_ids` (rows, n).
        """


@dataclass(frozen=True)
class Decoder:
    """A forward, the configuration that a cache is made for, and the tokens that end a text.

    `ready` is asked before every few tokens: False where the model may not compute just now.
    """

    config: Any
    forward: Forward
    stops: frozenset[int]
    ready: Callable[[], bool] = lambda: True

    def cache(self, length: int) -> Any:
        """An empty static cache for texts of `length` tokens."""
        from transformers.cache_utils import StaticCache

        return StaticCache(config=self.config, max_cache_len=length)


@dataclass(slots=True, eq=False)
class TextState:
    """A text under way after the tokens of `prompt`; `ahead` where another's turn was its turn, too."""

    prompt: list[int]
    generator: torch.Generator
    is_over: Callable[[list[int]], bool]
    written: list[int] = field(default_factory=list)
    batch: "DecodeBatch | None" = None
    ahead: bool = False
    done: bool = False


class BatchDecoder:
    """Where texts are written, at most `together` at once.

    Those that wait at the same moment are written in one batch; who comes later begins another beside it.
    Every text ends, and may be given up, by itself. What equal generator write alone is always the same; in a
    batch low bits, and with them words, may differ.
    """

    def __init__(
        self,
        decoder: Decoder,
        together: int = TOGETHER,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._decoder = decoder
        self._together = together
        self._clock = clock
        self._waiting: list[TextState] = []
        self._batches: list[DecodeBatch] = []
        self._first = self._each = 0.0

    def seconds(self, tokens: int) -> float:
        """Seconds of computing that so many tokens take, by the latest text so far; 0 before the first."""
        return self._first + self._each * (tokens - STRIDE) if self._each else 0.0

    def write(
        self, prompt: list[int], generator: torch.Generator, is_over: Callable[[list[int]], bool]
    ) -> Generator[None, None, list[int]]:
        """Return the tokens written after `prompt`, yielding every few of them.

        A text ends at a stop token, after 200 tokens, or where `is_over` says so of it. Raises
        `EngineError("out_of_memory")`.
        """
        row = TextState(prompt, generator, is_over)
        self._waiting.append(row)
        try:
            while not row.done:
                yield
                if not row.done:
                    self._advance(row)
            return row.written
        finally:
            self._leave(row)

    def _advance(self, row: TextState) -> None:
        if row.ahead:
            row.ahead = False
            return
        if not self._decoder.ready():
            self._spend([*self._waiting, *(each for batch in self._batches for each in batch.rows)], row)
            return
        if row.batch is None:
            self._begin()
        if row.batch is not None:
            self._stride(row.batch)
            self._spend(row.batch.rows, row)

    def _spend(self, rows: Sequence[TextState], mine: TextState) -> None:
        """A turn of one was the turn of all of them."""
        for row in rows:
            row.ahead = row is not mine and not row.done

    def _begin(self) -> None:
        taken = sum(len(batch.rows) for batch in self._batches)
        rows = self._waiting[: max(0, self._together - taken)]
        if rows:
            del self._waiting[: len(rows)]
            self._batches.append(DecodeBatch(self._decoder, rows))

    def _stride(self, batch: "DecodeBatch") -> None:
        began = self._clock()
        batch.stride()
        batch.took.append(self._clock() - began)
        if len(batch.took) > 1:
            self._first, *later = batch.took
            self._each = sum(later) / (batch.tokens - STRIDE)

    def _leave(self, row: TextState) -> None:
        row.done = True
        if row in self._waiting:
            self._waiting.remove(row)
        self._batches = [batch for batch in self._batches if not batch.done]


class DecodeBatch:
    """Rows that began together, the shorter prompts padded on the left, in one cache."""

    def __init__(self, decoder: Decoder, rows: Sequence[TextState]) -> None:
        self.rows = rows
        self.tokens = 0
        self.took: list[float] = []
        self._decoder = decoder
        length = max(len(row.prompt) for row in rows)
        self._padding = torch.tensor([length - len(row.prompt) for row in rows])
        self._next = torch.tensor([[0] * (length - len(row.prompt)) + row.prompt for row in rows])
        self._length = 0
        self._cache = decoder.cache(length + NEW_TOKENS)
        for row in rows:
            row.batch = self

    @property
    def done(self) -> bool:
        """Whether every row has ended."""
        return all(row.done for row in self.rows)

    def stride(self) -> None:
        """Write the next few tokens of every row that has not ended."""
        with guards.oom_as("there is no memory for writing prompts"):
            for _ in range(STRIDE):
                if not self.done:
                    self._step()
        for row in self.rows:
            row.done = row.done or row.is_over(row.written)

    @torch.inference_mode()
    def _step(self) -> None:
        logits = self._decoder.forward(self._next, self._cache, **self._masked())
        self._length += self._next.shape[1]
        self.tokens += 1
        tokens = sample(logits, [row.generator for row in self.rows])
        self._next = torch.tensor([[token] for token in tokens])
        for row, token in zip(self.rows, tokens, strict=True):
            if not row.done and token not in self._decoder.stops:
                row.written.append(token)
            row.done = row.done or token in self._decoder.stops or len(row.written) == NEW_TOKENS

    def _masked(self) -> dict[str, Tensor]:
        """What hides the padding; nothing where there is none, so that no kernel is given a mask."""
        if not self._padding.any():
            return {}
        at = torch.arange(self._length + self._next.shape[1])
        own = at[self._length :] - self._padding[:, None]
        return {"attention_mask": (at >= self._padding[:, None]).long(), "position_ids": own.clamp(min=0)}


def sample(logits: Tensor, generator: Sequence[torch.Generator]) -> list[int]:
    """Draw a token from each row of logits (rows, vocabulary) at temperature 0.7 among the likeliest 90 %."""
    top = (logits.float() / TEMPERATURE).topk(min(CANDIDATES, logits.shape[-1]))
    chances, tokens = top.values.cpu().softmax(-1), top.indices.cpu()
    chances[chances.cumsum(-1) - chances > TOP_P] = 0
    drawn = [torch.multinomial(row, 1, generator=own) for row, own in zip(chances, generator, strict=True)]
    return [int(row[place]) for row, place in zip(tokens, drawn, strict=True)]
