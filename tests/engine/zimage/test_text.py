import pytest
import torch

from engine.zimage.pipeline import ZImagePipeline
from engine.zimage.text import MAX_TOKENS, TextEncoder

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
        [{"role": "user", "content": prompt}],
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
    monkeypatch.setattr("engine.zimage.text.CACHED_PROMPTS", 2)
    first = encoder.encode("one")
    encoder.encode("two")
    assert encoder.encode("one") is first
    encoder.encode("three")
    encoder.encode("four")
    assert encoder.encode("one") is not first


def test_a_long_prompt_is_cut_at_512_tokens(encoder: TextEncoder) -> None:
    assert len(encoder.tokens("a cat, " * 400)) == MAX_TOKENS
