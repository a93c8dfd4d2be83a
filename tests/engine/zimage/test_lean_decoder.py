"""The lean decoder computes what diffusers' modules do, and leaves alone what it does not know."""

from collections.abc import Iterator

import pytest
import torch
from diffusers import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import nn

from engine.embedded import WEIGHTS
from engine.memory import strips
from engine.models.zimage import lean_decoder
from engine.models.zimage.lean_decoder import PhasedUpsample


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture
def vae() -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(WEIGHTS / "vae", dtype=torch.float32).eval()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(1, 8, 5, 7), (3, 8, 1, 4)])
def test_upsampling_in_phases_is_doubling_and_convolving(
    shape: tuple[int, ...], layout: torch.memory_format
) -> None:
    torch.manual_seed(1)
    stock = Upsample2D(8, use_conv=True, out_channels=6).to(memory_format=layout)
    values = torch.randn(shape).contiguous(memory_format=layout)
    found = PhasedUpsample(stock.conv)(values)
    torch.testing.assert_close(found, stock(values), atol=1e-5, rtol=0.0)
    assert found.is_contiguous(memory_format=layout)


def test_a_weight_that_was_changed_is_used_from_then_on() -> None:
    stock = Upsample2D(4, use_conv=True)
    phased = PhasedUpsample(stock.conv)
    values = torch.randn(1, 4, 3, 3)
    phased(values)
    stock.conv.weight.mul_(2)
    torch.testing.assert_close(phased(values), stock(values), atol=1e-5, rtol=0.0)


def test_every_upsampling_of_the_decoder_is_replaced_and_its_weights_keep_their_names(
    vae: AutoencoderKL,
) -> None:
    names = set(vae.state_dict())
    lean_decoder.apply(vae.decoder)
    assert sum(isinstance(module, PhasedUpsample) for module in vae.modules()) == 3
    assert not any(isinstance(module, Upsample2D) for module in vae.modules())
    assert set(vae.state_dict()) == names


def test_every_residual_block_of_the_decoder_is_replaced_and_decodes_the_same(vae: AutoencoderKL) -> None:
    latents = torch.randn(1, 16, 4, 6)
    expected = vae.decode(latents).sample
    lean_decoder.apply(vae.decoder)
    assert not any(isinstance(module, ResnetBlock2D) for module in vae.decoder.modules())
    torch.testing.assert_close(vae.decode(latents).sample, expected, atol=1e-4, rtol=0.0)


@pytest.mark.parametrize(
    "resnet",
    [
        ResnetBlock2D(in_channels=32, temb_channels=8),
        ResnetBlock2D(in_channels=32, temb_channels=None, output_scale_factor=2.0),
        ResnetBlock2D(in_channels=32, temb_channels=None, dropout=0.5),
        ResnetBlock2D(in_channels=32, temb_channels=None, up=True),
        ResnetBlock2D(in_channels=32, temb_channels=None, non_linearity="gelu"),
    ],
)
def test_a_residual_block_of_another_kind_stays_as_it_is(vae: AutoencoderKL, resnet: nn.Module) -> None:
    vae.decoder.mid_block.resnets[0] = resnet
    lean_decoder.apply(vae.decoder)
    assert vae.decoder.mid_block.resnets[0] is resnet


@pytest.mark.parametrize(
    "upsampler",
    [
        Upsample2D(4),
        Upsample2D(4, use_conv=True, name="other"),
        Upsample2D(4, use_conv=True, interpolate=False),
        Upsample2D(4, use_conv=True, norm_type="rms_norm", eps=1e-6, elementwise_affine=False),
        Upsample2D(4, use_conv=True, kernel_size=5, padding=2),
        Upsample2D(4, use_conv_transpose=True),
        nn.Identity(),
    ],
)
def test_an_upsampling_of_another_kind_stays_as_it_is(vae: AutoencoderKL, upsampler: nn.Module) -> None:
    vae.decoder.up_blocks[0].upsamplers = nn.ModuleList([upsampler])
    lean_decoder.apply(vae.decoder)
    assert vae.decoder.up_blocks[0].upsamplers[0] is upsampler


@pytest.mark.parametrize("first", ["lean", "strips"])
def test_a_lean_decoder_in_strips_still_decodes_the_same(vae: AutoencoderKL, first: str) -> None:
    latents = torch.randn(1, 16, 6, 9)
    expected = vae.decode(latents).sample
    if first == "strips":
        strips.apply(vae, "strips")
    lean_decoder.apply(vae.decoder)
    strips.apply(vae, "strips")
    torch.testing.assert_close(vae.decode(latents).sample, expected, atol=1e-3, rtol=0.0)
