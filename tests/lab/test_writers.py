"""The report on what a chat model writes counts what the checks take, at once and at either attempt."""

from collections.abc import Generator

import pytest

from engine.prompts.text.clean import is_chinese
from lab.evaluate.writers import _report, _sample


class Writer:
    """Strays at its first attempt for every other prompt."""

    def write(self, prompt: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        yield
        return (
            "A dog on a chair." if seed == 0 and "fox" in prompt else f"{prompt.capitalize()} in soft light."
        )

    def seconds(self, tokens: int) -> float:
        return tokens / 100


def test_shares_are_counted_by_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    _report(Writer(), ["a red fox", "a castle"], show=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "2 prompts: 50% accepted at once, 100% at either attempt"
    assert "1.5 s for 150 tokens; {'" in second


def test_the_same_short_prompts_are_tried_every_time() -> None:
    assert _sample(5, chinese=False) == _sample(5, chinese=False)
    assert all(is_chinese(text) for text in _sample(5, chinese=True))
