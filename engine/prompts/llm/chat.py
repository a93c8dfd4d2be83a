"""A causal language model on this machine that rewrites wishes, a few tokens at a time.

Knows chat templates and which model a setting names. Knows nothing of what makes a rewriting acceptable;
whoever asks checks it.
"""

import re
import zlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable
from typing import Any

import torch
from torch import Tensor

from engine import guards
from engine.files import shards
from engine.prompts.llm.batch_decoder import TOGETHER, BatchDecoder, Decoder
from engine.prompts.llm.checks import is_stuck
from engine.prompts.llm.instructions import Chat, chat, without_system
from engine.prompts.llm.token_step import TokenStep
from engine.types import EngineError

REMEMBERED = 256
ENDS = ("<|im_end|>", "<|endoftext|>", "<|end|>", "<end_of_turn>", "<|eot_id|>", "</s>", "<eos>")
"""What chat models end their turn with; not all of them say so in their configuration."""


class LanguageModel:
    """A decoder with a tokenizer that has a chat template; `name` tells its rewritings from those of others.

    At most `together` wishes are written at once. `release_memory` is called before a picture computes, with
    whether memory ran out; it says whether it freed anything.
    """

    def __init__(
        self,
        name: str,
        tokenizer: Any,
        decoder: Decoder,
        together: int = TOGETHER,
        release_memory: Callable[[bool], bool] = lambda out_of_memory: False,
    ) -> None:
        self.name = name
        self.tokenizer = tokenizer
        self.decoder = decoder
        self.release_memory = release_memory
        self._desk = BatchDecoder(decoder, together)
        self._harmless = without({*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()})

    def seconds(self, tokens: int) -> float:
        """Seconds of computing that a prompt of so many tokens takes here; 0 before the first."""
        return self._desk.seconds(tokens)

    def write(self, wish: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """Write a prompt for `wish`, yielding every few tokens; the paragraph is what it returns.

        The wish is data: what looks like a control token is taken out of it. Thinking is off, sampling is at
        temperature 0.7 and top-p 0.9, and alone, equal seeds write equal prompts on equal hardware.
        """
        generator = torch.Generator().manual_seed(zlib.crc32(f"{wish}/{seed}".encode()))
        ids = yield from self._desk.write(self.tokens(wish, chinese), generator, self._is_over)
        return self._text(ids).strip().partition("\n")[0].strip()

    def tokens(self, wish: str, chinese: bool = False) -> list[int]:
        """The token ids of the chat in which the wish is rewritten."""
        text = rendered(self.tokenizer, chat(self._harmless(wish), chinese))
        ids: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def _is_over(self, ids: list[int]) -> bool:
        text = self._text(ids).strip()
        return "\n" in text or is_stuck(text)

    def _text(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text


class CachedWriter:
    """The latest rewritings of a language model, by wish, language and seed; writes what is new, once."""

    def __init__(self, model: Any) -> None:
        self.name: str = model.name
        self.seconds: Callable[[int], float] = model.seconds
        self.release_memory: Callable[[bool], bool] = model.release_memory
        self._model = model
        self._written: OrderedDict[tuple[str, bool, int], str] = OrderedDict()
        self._under_way: set[tuple[str, bool, int]] = set()

    def write(self, wish: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """As `LanguageModel.write`; at once for what was written before.

        Raises `EngineError` for whatever goes wrong in a model's own code, but for a device that failed.
        """
        key = (wish, chinese, seed)
        while key in self._under_way:
            yield
        if key not in self._written:
            self._under_way.add(key)
            try:
                self._written[key] = yield from self._model.write(wish, chinese=chinese, seed=seed)
            except shards.UNREADABLE as error:
                if guards.device_failed(error):
                    raise
                raise EngineError("internal", f"{self.name}: {shards.reason(error)}") from error
            finally:
                self._under_way.discard(key)
            if len(self._written) > REMEMBERED:
                self._written.popitem(last=False)
        self._written.move_to_end(key)
        return self._written[key]


def around(
    encoder: Any, tokenizer: Any, name: str = "text-encoder", together: int = TOGETHER
) -> LanguageModel:
    """The language model inside a loaded Qwen3 text encoder: its own tensors, nothing copied.

    Raises `EngineError("bad_input")` for an encoder whose output embeddings are not its input embeddings.
    """
    if not getattr(encoder.config, "tie_word_embeddings", False):
        raise EngineError(
            "bad_input",
            "the text encoder has no language head of its own (tie_word_embeddings is false); "
            "set [model] optimizer to rules or to the folder of a chat model",
        )

    step = TokenStep(encoder)

    def forward(ids: Tensor, cache: Any, **padding: Tensor) -> Tensor:
        table, device = encoder.embed_tokens.weight, encoder.norm.weight.device
        padding = {key: value.to(device) for key, value in padding.items()}
        if step.fits(ids, cache):
            return torch.nn.functional.linear(step(ids, cache, **padding).to(table), table)
        state = encoder(input_ids=ids.to(table.device), past_key_values=cache, use_cache=True, **padding)
        return torch.nn.functional.linear(state.last_hidden_state[:, -1].to(table), table)

    return LanguageModel(
        name, tokenizer, Decoder(encoder.config, forward, stops(tokenizer, encoder.config)), together
    )


def rendered(tokenizer: Any, messages: Chat) -> str:
    """The chat up to where the model answers, without thinking.

    A template that knows no system message gets it before the first question.
    """
    from jinja2 import TemplateError

    def text(messages: Chat) -> str:
        made: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return made

    try:
        return text(messages)
    except TemplateError:
        return text(without_system(messages))


def without(control: Iterable[str]) -> Callable[[str], str]:
    """Return what takes control tokens out of a text, until none is left that the rest of others made."""
    longest_first = sorted(filter(None, control), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def harmless(text: str) -> str:
        while (cleaned := pattern.sub("", text)) != text:
            text = cleaned
        return text

    return harmless


def stops(tokenizer: Any, *configs: Any) -> frozenset[int]:
    """The tokens that end an answer: those that configurations name, well-known ones, and every special one.

    A special token in the middle of an answer begins another's turn, so the paragraph is over.
    """
    ends = [getattr(config, "eos_token_id", None) for config in configs]
    listed = [token for end in ends for token in (end if isinstance(end, list) else [end])]
    named = [tokenizer.convert_tokens_to_ids(token) for token in ENDS]
    special = [token for token, entry in tokenizer.added_tokens_decoder.items() if entry.special]
    unknown = tokenizer.unk_token_id
    return frozenset(
        token
        for token in (*listed, *named, *special, *tokenizer.all_special_ids)
        if token is not None and token != unknown
    )
