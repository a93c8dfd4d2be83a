"""How much of a prompt a diffusers pipeline's text encoders read."""

import inspect
from collections.abc import Callable
from typing import Any

from engine.prompts.text.sanitize import shortened

BOUNDLESS = 10**6
"""A tokenizer without a limit reports a number far above this."""


def reader(pipe: Any) -> Callable[[str], str]:
    """Return what gives the beginning of a text that one of the encoders reads, in whole words.

    A model with several encoders, such as CLIP and T5, reads as much as the one that reads most.
    """
    found = (getattr(pipe, f"tokenizer{number}", None) for number in ("", "_2", "_3", "_4"))
    limits = [(tokenizer, _limit(pipe, tokenizer)) for tokenizer in found if callable(tokenizer)]
    if not limits:
        return lambda text: text

    def fits(text: str) -> bool:
        return any(limit is None or len(tokenizer(text).input_ids) <= limit for tokenizer, limit in limits)

    return lambda text: shortened(text, fits)


def _limit(pipe: Any, tokenizer: Any) -> int | None:
    """Tokens that are read; CLIP's limit is its own, others' the shorter of their own and the call's."""
    own = tokenizer.model_max_length
    parameter = inspect.signature(pipe.__call__).parameters.get("max_sequence_length")
    limits = [own] if own < BOUNDLESS else []
    if (
        parameter is not None
        and isinstance(parameter.default, int)
        and "CLIP" not in type(tokenizer).__name__
    ):
        limits.append(parameter.default)
    return min(limits, default=None)
