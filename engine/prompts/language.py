"""A causal language model on this machine that rewrites wishes, a few tokens at a time.

Knows chat templates, the key/value cache and sampling. Knows nothing of what makes a rewriting acceptable;
whoever asks checks it.
"""

import re
import zlib
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.prompts.instructions import instructions
from engine.types import EngineError

NEW_TOKENS = 200
STRIDE = 4
"""Tokens between two chances for others to go on."""
CANDIDATES = 256
"""The likeliest tokens that sampling looks at; nucleus sampling at 0.9 hardly ever needs more."""
TEMPERATURE = 0.7
TOP_P = 0.9
REMEMBERED = 256

Forward = Callable[[Tensor, Any], Tensor]
"""Token ids (1, n) and a cache → the logits (1, vocabulary) after the last of them."""


@dataclass(frozen=True)
class LanguageModel:
    """A tokenizer with a chat template and a forward; `name` tells its rewritings from those of others."""

    name: str
    tokenizer: Any
    config: Any
    device: torch.device
    forward: Forward
    stops: frozenset[int]

    def write(self, wish: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """Write a prompt for `wish`, yielding every few tokens; the paragraph is what it returns.

        The wish is data: what looks like a control token is taken out of it. Thinking is off, sampling is at
        temperature 0.7 and top-p 0.9, and equal seeds write equal prompts on equal hardware.
        """
        ids = torch.tensor([self.tokens(wish, chinese)], device=self.device)
        cache = self._cache(ids.shape[1] + NEW_TOKENS)
        dice = torch.Generator().manual_seed(zlib.crc32(f"{wish}/{seed}".encode()))
        written: list[int] = []
        with torch.inference_mode():
            logits = self.forward(ids, cache)
        while len(written) < NEW_TOKENS:
            with torch.inference_mode():
                token = sample(logits[0], dice)
                if token in self.stops:
                    break
                written.append(token)
                if len(written) < NEW_TOKENS:
                    logits = self.forward(torch.tensor([[token]], device=self.device), cache)
            if len(written) % STRIDE == 0:
                if "\n" in self._text(written).strip():
                    break
                yield
        return self._text(written).strip().partition("\n")[0].strip()

    def tokens(self, wish: str, chinese: bool = False) -> list[int]:
        """The token ids of the chat in which the wish is rewritten."""
        text = self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": instructions(chinese)},
                {"role": "user", "content": f"Wish: {self._harmless(wish)}"},
            ],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        ids: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def _harmless(self, wish: str) -> str:
        control = sorted({*self.tokenizer.all_special_tokens, *self.tokenizer.get_added_vocab()}, key=len)
        pattern = re.compile("|".join(map(re.escape, filter(None, reversed(control)))) or r"(?!)")
        while (cleaned := pattern.sub("", wish)) != wish:
            wish = cleaned
        return wish

    def _cache(self, length: int) -> Any:
        from transformers.cache_utils import StaticCache

        return StaticCache(config=self.config, max_cache_len=length)

    def _text(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text


class Remembering:
    """The latest rewritings of a language model, by wish, language and seed; writes what is new."""

    def __init__(self, model: Any) -> None:
        self.name: str = model.name
        self._model = model
        self._written: OrderedDict[tuple[str, bool, int], str] = OrderedDict()

    def write(self, wish: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """As `LanguageModel.write`; at once for what was written before."""
        key = (wish, chinese, seed)
        if key not in self._written:
            self._written[key] = yield from self._model.write(wish, chinese=chinese, seed=seed)
            if len(self._written) > REMEMBERED:
                self._written.popitem(last=False)
        self._written.move_to_end(key)
        return self._written[key]


def choose(
    optimizer: str, encoder: Any, tokenizer: Any, device: torch.device, dtype: torch.dtype
) -> Remembering | None:
    """The language model that a setting names, or None for rules.

    `rules`, `text-encoder`, or a chat model's folder or downloaded hub id; `auto` is the text encoder where
    it has a language head and no CPU would have to carry it, else rules. Raises what `around` and `load`
    raise.
    """
    if optimizer == "rules":
        return None
    if optimizer == "auto":
        fits = device.type != "cpu" and getattr(encoder.config, "tie_word_embeddings", False)
        return Remembering(around(encoder, tokenizer)) if fits else None
    if optimizer == "text-encoder":
        return Remembering(around(encoder, tokenizer))
    return Remembering(load(optimizer, device, dtype))


def around(encoder: Any, tokenizer: Any, name: str = "text-encoder") -> LanguageModel:
    """The language model inside a loaded Qwen3 text encoder: its own tensors, nothing copied.

    Raises `EngineError("bad_input")` for an encoder whose output embeddings are not its input embeddings.
    """
    if not getattr(encoder.config, "tie_word_embeddings", False):
        raise EngineError(
            "bad_input",
            "the text encoder has no language head of its own (tie_word_embeddings is false); "
            "set [model] optimizer to rules or to the folder of a chat model",
        )

    def forward(ids: Tensor, cache: Any) -> Tensor:
        hidden = encoder(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
        return torch.nn.functional.linear(hidden, encoder.embed_tokens.weight)

    return LanguageModel(
        name, tokenizer, encoder.config, encoder.device, forward, _stops(tokenizer, encoder.config)
    )


def load(path: str, device: torch.device, dtype: torch.dtype) -> LanguageModel:
    """Load a chat model from a folder or from what was downloaded before.

    Raises `EngineError("model_missing")` when it is not there.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=dtype, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise EngineError(
            "model_missing",
            f"the optimizer model {path!r} is not on this machine; give a folder or use rules",
        ) from error
    model = model.to(device).eval().requires_grad_(False)

    def forward(ids: Tensor, cache: Any) -> Tensor:
        logits: Tensor = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
        return logits[:, -1]

    return LanguageModel(path, tokenizer, model.config, device, forward, _stops(tokenizer, model.config))


def sample(logits: Tensor, dice: torch.Generator) -> int:
    """Draw a token from logits (vocabulary,) at temperature 0.7 among the likeliest 90 %."""
    top = (logits.float() / TEMPERATURE).topk(min(CANDIDATES, logits.shape[-1]))
    chances = top.values.cpu().softmax(-1)
    chances[chances.cumsum(-1) - chances > TOP_P] = 0
    return int(top.indices.cpu()[torch.multinomial(chances, 1, generator=dice)])


def _stops(tokenizer: Any, config: Any) -> frozenset[int]:
    ends = config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    named = [tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "<|endoftext|>", "<|end|>")]
    unknown = tokenizer.unk_token_id
    return frozenset(
        token for token in (*listed, *named, tokenizer.eos_token_id) if token is not None and token != unknown
    )
