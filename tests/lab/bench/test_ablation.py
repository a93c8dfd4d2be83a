"""The bench's slower twins compute what the stock pipeline computes, one speed-up at a time."""

import pytest
import torch
from diffusers import AutoencoderKL
from diffusers import ZImagePipeline as StockPipeline

from engine.embedded import WEIGHTS
from engine.models.zimage import attention
from engine.models.zimage.block import Block
from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineSettings, Generate
from lab.bench.ablation import IN_TRANSFORMER, IN_VAE, only, pipeline_with, vae_with
from tests.engine.zimage.conftest import sampled
from tests.engine.zimage.test_block import inputs, made
from tests.engine.zimage.test_equality import TOLERANCE, stock_latents


@pytest.fixture(scope="module")
def pipeline() -> ZImagePipeline:
    return load(EngineSettings(device="cpu", dtype="float32", guides_always=True))


@pytest.mark.parametrize("kept", [(), *((name,) for name in IN_TRANSFORMER)])
def test_no_speed_up_and_each_alone_give_the_stock_pipelines_latents(
    pipeline: ZImagePipeline, kept: tuple[str, ...]
) -> None:
    task = Generate("a red sailboat", width=144, height=112, steps=4, optimize=False, enhance=False)
    with only(kept):
        found = sampled(pipeline_with(pipeline.components, kept, guided_share=1.0), task).latents
    torch.testing.assert_close(found, stock_latents(StockPipeline, pipeline, task), **TOLERANCE)


@pytest.mark.parametrize("kept", [(), *((name,) for name in IN_VAE), IN_VAE])
@torch.inference_mode()
def test_each_of_the_vaes_speed_ups_gives_the_stock_pixels(kept: tuple[str, ...]) -> None:
    stock = AutoencoderKL.from_pretrained(WEIGHTS / "vae", dtype=torch.float32).eval()
    latents = torch.randn((16, 18, 14), generator=torch.Generator().manual_seed(1))
    expected = stock.decode(latents[None] / stock.config.scaling_factor + stock.config.shift_factor).sample[0]
    torch.testing.assert_close(vae_with(stock, kept).decode(latents), expected, **TOLERANCE)


def test_without_any_a_block_is_not_fused_and_the_kernels_are_torchs_choice(
    pipeline: ZImagePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "chosen", lambda transformer: attention.HOPPER)
    ablated, usual = (pipeline_with(pipeline.components, kept) for kept in ((), IN_TRANSFORMER))
    assert (ablated.denoiser._kernels, usual.denoiser._kernels) == (None, attention.HOPPER)
    module, (tokens, rope, time) = made(), inputs()
    with only(()):
        block = Block(module)
        assert not block.is_fused
        found = block(tokens, rope, block.modulation(time)[:, :, None])
    torch.testing.assert_close(found, module(tokens, None, rope, time), atol=1e-5, rtol=1e-5)
