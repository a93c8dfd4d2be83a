"""One block against diffusers' own, and what happens to it when somebody changes the model."""

import pytest
import torch
from diffusers.models.transformers.transformer_z_image import ZImageTransformerBlock
from torch import Tensor, nn

from engine.models.zimage.block import Block, rotate_complex, rotate_real
from engine.models.zimage.denoiser import Denoiser
from engine.models.zimage.pipeline import ZImagePipeline

DIM, HEADS = 48, 3


def made(modulation: bool = True, dim: int = DIM) -> ZImageTransformerBlock:
    torch.manual_seed(0)
    block = ZImageTransformerBlock(0, dim, HEADS, HEADS, 1e-5, True, modulation=modulation)
    for norm in (block.attention_norm1, block.ffn_norm2, block.attention.norm_q, block.attention.norm_k):
        nn.init.normal_(norm.weight, 1, 0.3)
    return block.eval().requires_grad_(False)


def inputs(batch: int = 2, dim: int = DIM) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, rotary factors and time embeddings."""
    source = torch.Generator().manual_seed(1)
    angles = torch.randn((1, 32, dim // HEADS // 2), generator=source)
    rope = torch.polar(torch.ones_like(angles), angles)
    return torch.randn((batch, 32, dim), generator=source), rope, torch.randn((batch, dim), generator=source)


@pytest.mark.parametrize("real_rope", [False, True])
@pytest.mark.parametrize("modulation", [True, False])
def test_a_block_computes_what_the_stock_block_computes(real_rope: bool, modulation: bool) -> None:
    module, (tokens, rope, time) = made(modulation), inputs()
    expected = module(tokens, None, rope, time)
    block = Block(module, real_rope)
    ours = block(tokens, rope, block.modulation(time)[:, :, None])
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


def test_rotation_in_real_numbers_is_bit_exact() -> None:
    tokens, rope, _ = inputs()
    values = tokens.unflatten(-1, (HEADS, -1))
    assert torch.equal(rotate_real(values, torch.view_as_real(rope)), rotate_complex(values, rope))


def test_fusing_leaves_the_stock_block_as_it_was_and_takes_no_second_copy() -> None:
    module, (tokens, rope, time) = made(), inputs()
    before = module(tokens, None, rope, time)
    Block(module)
    assert torch.equal(module(tokens, None, rope, time), before)
    attention = module.attention
    storages = {layer.weight.untyped_storage().data_ptr() for layer in (attention.to_q, attention.to_k)}
    assert len(storages) == 1


def test_two_views_of_one_block_share_its_fused_weights() -> None:
    module, (tokens, rope, time) = made(), inputs()
    first, second = Block(module), Block(module)
    assert first.is_fused
    assert second.is_fused
    before = module.feed_forward.w1.weight.data_ptr()
    Block(module)
    assert module.feed_forward.w1.weight.data_ptr() == before
    factors = first.modulation(time)[:, :, None]
    assert torch.equal(first(tokens, rope, factors), second(tokens, rope, factors))
    moved = module.feed_forward.w1.weight
    moved.data = moved.data.clone()
    assert not first.is_fused
    assert Block(module).is_fused


def added(block: ZImageTransformerBlock) -> None:
    block.attention.to_k.weight.data += 0.1


def replaced(block: ZImageTransformerBlock) -> None:
    block.feed_forward.w3.weight.data = block.feed_forward.w3.weight.data * 1.5


def hooked(block: ZImageTransformerBlock) -> None:
    block.attention.to_q.register_forward_hook(lambda _, __, output: output * 2)


def wrapped(block: ZImageTransformerBlock) -> None:
    block.feed_forward.w1 = nn.Sequential(block.feed_forward.w1, nn.Tanh())


@pytest.mark.parametrize("change", [added, replaced, hooked, wrapped])
def test_weights_changed_after_fusing_count(change: object) -> None:
    module, (tokens, rope, time) = made(), inputs()
    block = Block(module)
    change(module)  # type: ignore[operator]
    ours = block(tokens, rope, block.modulation(time)[:, :, None])
    torch.testing.assert_close(ours, module(tokens, None, rope, time), atol=1e-5, rtol=1e-5)


def test_half_precision_does_not_overflow_where_the_stock_block_does() -> None:
    module, (tokens, rope, time) = made(), inputs()
    expected = module(tokens, None, rope, time)
    module.feed_forward.w3.weight.data *= 2e4
    module.attention.to_v.weight.data *= 2e3
    half = module.half()
    assert not half(tokens.half(), None, rope, time.half()).isfinite().all()
    block = Block(half)
    ours = block(tokens.half(), rope, block.modulation(time.half())[:, :, None])
    torch.testing.assert_close(ours.float(), expected, atol=0.02, rtol=0.02)


@torch.inference_mode()
def test_a_schedule_is_prepared_once_and_forgotten_on_refresh(pipeline: ZImagePipeline) -> None:
    denoiser = Denoiser(pipeline.components.transformer)
    calls: list[int] = []
    hook = denoiser.transformer.t_embedder.register_forward_hook(
        lambda _, given, __: calls.append(len(given[0]))
    )
    try:
        for step in range(3):
            denoiser.modulation([1.0, 0.7, 0.3], step)
        denoiser.modulation([1.0, 0.5], 0)
        denoiser.refresh()
        denoiser.modulation([1.0, 0.7, 0.3], 0)
    finally:
        hook.remove()
    assert calls == [3, 2, 3]
