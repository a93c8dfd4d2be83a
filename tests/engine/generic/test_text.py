"""How much of a prompt other models' text encoders read."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.models.diffusers.text import reader
from engine.models.registry import load
from engine.types import EngineSettings, Generate, PromptReady
from tests.engine.generic.conftest import TASK


@dataclass
class Words:
    """A tokenizer with a token for each word."""

    model_max_length: int

    def __call__(self, text: str) -> Any:
        return SimpleNamespace(input_ids=text.split())


class CLIPWords(Words):
    """The same for an encoder that always reads as much as it can."""


@dataclass
class Short:
    """A pipeline whose call says nothing of a length."""

    tokenizer: Words
    tokenizer_2: Words | None = None

    def __call__(self, prompt: str) -> None: ...


class Long(Short):
    """A pipeline whose call reads eight tokens unless told otherwise."""

    def __call__(self, prompt: str, max_sequence_length: int = 8) -> None: ...


@pytest.mark.parametrize(
    ("pipe", "words"),
    [
        (Short(CLIPWords(5)), 5),
        (Short(Words(10**9)), 30),
        (Long(Words(10**9)), 8),
        (Long(Words(6)), 6),
        (Long(CLIPWords(5), Words(10**9)), 8),
        (Long(CLIPWords(12), Words(10**9)), 12),
    ],
)
def test_as_much_is_read_as_the_encoder_that_reads_most(pipe: Short, words: int) -> None:
    """CLIP's limit is its own; another's is the shorter of its own and the call's."""
    assert len(reader(pipe)(" ".join(["word"] * 30)).split()) == words


def test_a_prompt_is_cut_where_clip_stops_reading_and_that_is_told(stable_diffusion: Path) -> None:
    """This CLIP reads 16 tokens, two of them its own, and a letter is a token."""
    pipeline = load(EngineSettings(model=str(stable_diffusion), device="cpu"))

    def read(task: Generate) -> PromptReady:
        with pytest.raises(StopIteration) as done:
            next(pipeline.prompt(task))
        ready: PromptReady = done.value.value
        return ready

    task = replace(TASK, prompt="a red cat on the sea", optimize=False, enhance=False)
    assert (read(task).used, read(task).notes) == ("a red cat on the", ("truncated",))
    assert read(replace(task, prompt="a red cat on the")).notes == ()
    unwanted = replace(task, prompt="a cat", negative_prompt="red cat on the sea a")
    assert read(unwanted).negative_used == "red cat on the sea"
    assert read(unwanted).notes == ("negative:truncated",)
