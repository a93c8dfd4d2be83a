import pytest
import torch

from engine.lru import LruDict
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.text import MAX_TOKENS, TextEncoder
from engine.types import Generate, PromptReady

PROMPTS = ["", "a red sailboat on the sea at sunset", "雪地里的黑猫，夜晚", "a cat, " * 400]


@pytest.fixture
def encoder(pipeline: ZImagePipeline) -> TextEncoder:
    return TextEncoder(pipeline.components.tokenizer, pipeline.components.text_encoder)


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.inference_mode()
def test_unpadded_encoding_equals_the_padded_second_last_hidden_state(
    encoder: TextEncoder, prompt: str
) -> None:
    text = encoder.tokenizer.apply_chat_template(
        [{"role": "user", "content": encoder.readable(prompt)}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=True,
    )
    padded = encoder.tokenizer(
        [text], padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
    )
    mask = padded.attention_mask.bool()
    states = encoder.model(padded.input_ids, attention_mask=mask, output_hidden_states=True).hidden_states
    torch.testing.assert_close(encoder.encode(prompt), states[-2][0][mask[0]], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_a_prompt_is_encoded_once(encoder: TextEncoder) -> None:
    assert encoder.encode("a cat") is encoder.encode("a cat")


@torch.inference_mode()
def test_the_oldest_prompt_leaves_the_cache(encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "_cache", LruDict(2))
    first = encoder.encode("one")
    encoder.encode("two")
    assert encoder.encode("one") is first
    encoder.encode("three")
    encoder.encode("four")
    assert encoder.encode("one") is not first


LONG = [
    "a red sailboat, " * 200,
    "雪地里的黑猫。" * 200,
    "x" * 2000,
    "一只猫 " + "雪地里的黑猫" * 200 + " sailboat",
]


@pytest.mark.parametrize("prompt", LONG)
def test_a_long_prompt_is_cut_in_whole_words_and_the_chat_template_stays_whole(
    encoder: TextEncoder, prompt: str
) -> None:
    short = encoder.readable(prompt)
    ids, end = encoder.tokens(prompt), encoder.tokens("")[-5:]
    assert MAX_TOKENS - 16 < len(ids) <= MAX_TOKENS
    assert ids == encoder.tokens(short)
    assert ids[-5:] == end
    assert prompt.startswith(short)
    assert not prompt[len(short)].isascii() or not (prompt[len(short)].isalnum() and " " in short)


def test_a_prompt_that_just_fits_is_read_whole(encoder: TextEncoder) -> None:
    whole = encoder.readable("a red sailboat, " * 200)
    assert encoder.readable(whole) == whole
    assert encoder.readable("") == ""


def test_what_is_read_of_a_long_prompt_is_told_with_what_was_cut(encoder: TextEncoder) -> None:
    long = PromptReady("w", "a red sailboat " * 200, "雪" * 900, ("optimized", "enhanced:light"))
    truncated = encoder.truncated(long)
    assert (truncated.used, truncated.negative_used) == (
        encoder.readable(long.used),
        encoder.readable(long.negative_used),
    )
    assert truncated.used.endswith(("red", "sailboat", "a"))
    assert truncated.notes == ("optimized", "truncated", "negative:truncated")
    short = PromptReady("w", "a boat", "fog", ("enhanced:light",))
    assert encoder.truncated(short) == short


def test_the_pipeline_tells_the_prompt_it_reads(pipeline: ZImagePipeline) -> None:
    work = pipeline.prompt(Generate("a cat, " * 280, optimize=False, enhance=False))
    with pytest.raises(StopIteration) as done:
        next(work)
    ready = done.value.value
    assert ready.used == pipeline.text.readable("a cat, " * 280)
    assert ready.notes == ("truncated",)
    assert len(ready.original) > len(ready.used)
