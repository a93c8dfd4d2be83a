"""Facts about the untrained components and the training forward pass."""

import subprocess
import sys

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from lab.train import blocks
from lab.train.flow import encode_text, forward, forward_tokens, gather, sample_sigmas, tokenize
from lab.train.model import build_text_encoder, build_tokenizer, build_transformer
from lab.train.muon import orthogonal


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(captions=3000)


@pytest.mark.parametrize("text", ["a red sailboat", "红色的帆船 🚀", "Ünïcödé\n\ttabs", "\x00<|", "🦊" * 40])
def test_any_text_survives_the_tokenizer(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    """Any text decodes to itself after encoding; no token is unknown."""
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_the_chat_template_is_qwens(tokenizer: PreTrainedTokenizerFast) -> None:
    """The chat template opens a user and an assistant turn; without thinking an empty thought follows."""
    message = [{"role": "user", "content": "hi"}]
    options = {"tokenize": False, "add_generation_prompt": True}
    open_turn = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.apply_chat_template(message, enable_thinking=True, **options) == open_turn
    silent = tokenizer.apply_chat_template(message, enable_thinking=False, **options)
    assert silent == open_turn + "<think>\n\n</think>\n\n"


def test_a_usual_caption_fits_into_32_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    """A canonical prompt in its template fits into one multiple of 32 tokens."""
    assert tokenize(tokenizer, ["a red sailboat on the sea at sunset"])[0].shape == (1, 32)


@torch.inference_mode()
@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (18, 10)])
def test_the_training_forward_equals_the_stock_forward(
    tokenizer: PreTrainedTokenizerFast, rows: int, columns: int
) -> None:
    """The training forward gives what the stock forward gives, also where a picture's tokens need filling."""
    torch.manual_seed(0)
    model, encoder = build_transformer(n_layers=2).eval(), build_text_encoder().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    ids, valid = tokenize(tokenizer, ["a red sailboat", "a big blue house in the snow at night"])
    features = encode_text(encoder, encoder.embed_tokens(ids))
    latents, time = torch.randn(2, 16, rows, columns), torch.tensor([0.1, 0.7])
    captions = [row[mask] for row, mask in zip(features, valid, strict=True)]
    stock = model([*latents.unsqueeze(2)], time, captions, return_dict=False)[0]
    ours = forward(model, latents, time, features, valid)
    assert torch.allclose(ours, torch.stack(stock).squeeze(2), atol=1e-5)


@torch.inference_mode()
def test_blocks_for_matrix_units_compute_what_the_libraries_blocks_do(
    tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written out and in bfloat16, not compiled here, blocks and layers give the same within a hundredth."""
    torch.manual_seed(0)
    model, encoder = build_transformer(n_layers=2).eval(), build_text_encoder().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.5 * (parameter.ndim == 1), std=0.05)
    ids, valid = tokenize(tokenizer, ["a red sailboat", "a big blue house in the snow at night"])
    embeddings = encoder.embed_tokens(ids)
    latents, time = torch.randn(2, 16, 16, 16), torch.tensor([0.1, 0.7])
    kept = torch.stack([torch.randperm(64)[:32], torch.randperm(64)[:32]])
    features = encode_text(encoder, embeddings)
    whole, some = (forward_tokens(model, latents, time, features, valid, each)[0] for each in (None, kept))
    written_out = (blocks.modulated, blocks.unmodulated, blocks.encoder_layer)
    monkeypatch.setattr(blocks, "_compiled", {each.__name__: each for each in written_out})
    assert (encode_text(encoder, embeddings) - features).norm() < 0.01 * features.norm()
    for stock, places in ((whole, None), (some, kept)):
        ours = forward_tokens(model, latents, time, features, valid, places)[0]
        assert (ours - stock).norm() < 0.01 * stock.norm()


@torch.inference_mode()
def test_tokens_kept_in_another_order_are_the_same_tokens() -> None:
    """All of a picture's tokens kept, shuffled, come out as they do in their places."""
    torch.manual_seed(0)
    model = build_transformer(n_layers=2).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    caption = (torch.randn(2, 32, 224), torch.ones(2, 32, dtype=torch.bool))
    latents, time = torch.randn(2, 16, 16, 16), torch.tensor([0.1, 0.7])
    kept = torch.stack([torch.randperm(64), torch.randperm(64)])
    whole, _ = forward_tokens(model, latents, time, *caption)
    some, _ = forward_tokens(model, latents, time, *caption, kept)
    assert torch.allclose(some, gather(whole, kept), atol=1e-5)


def test_noise_levels_cover_the_schedule() -> None:
    """Sampled noise levels reach from 0 to 1, and two thirds of them lie where forms are decided."""
    torch.manual_seed(0)
    sigmas = sample_sigmas(1000)
    assert 0 <= sigmas.min() < 0.1 < 0.9 < sigmas.max() <= 1
    assert ((sigmas > 0.6) & (sigmas < 0.95)).float().mean() > 0.6


def test_muons_updates_are_nearly_orthogonal() -> None:
    """Muon's update has all its singular values near one, wide or tall."""
    torch.manual_seed(0)
    for shape in ((2, 24, 64), (2, 64, 24)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert 0.5 < values.min() <= values.max() < 1.5


def test_importing_the_package_loads_no_torch() -> None:
    """Asking where the weights lie loads neither torch nor diffusers."""
    code = "import sys, engine.embedded; assert not {'torch', 'diffusers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
