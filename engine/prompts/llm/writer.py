"""What a language model that writes prompts offers."""

from collections.abc import Generator
from typing import Protocol

from engine.types import EngineError

NEW_TOKENS = 200
"""The longest text that is written."""
TEMPERATURE = 0.7
TOP_P = 0.9


class NotReady(EngineError):
    """The language model is still downloaded; later it will write."""


class Writer(Protocol):
    """A language model, as `chat.LanguageModel` is one."""

    def write(self, prompt: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """Write a better prompt for `prompt`, yielding every few tokens; may raise `EngineError`."""

    def seconds(self, tokens: int) -> float:
        """Seconds that a prompt of so many tokens takes by its own runs; 0 before the first."""

    def release_memory(self, out_of_memory: bool) -> bool:
        """Leave before a picture computes, or where memory ran out; return whether that freed anything."""
