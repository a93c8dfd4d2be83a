"""The decoder in strips draws the picture the whole decoder draws."""

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from engine.memory import strips

LEVEL = 2 / 255


@pytest.fixture(scope="module")
def vae() -> AutoencoderKL:
    torch.manual_seed(0)
    return (
        AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 16, 16, 16),
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=1024,
        )
        .eval()
        .requires_grad_(False)
    )


@torch.inference_mode()
@pytest.mark.parametrize("size", [(6, 10), (9, 7)])
@pytest.mark.parametrize("strip_values", [2**24, 4000, 1])
def test_strips_of_any_height_decode_the_same_picture(
    vae: AutoencoderKL, size: tuple[int, int], strip_values: int
) -> None:
    latents = torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(1))
    expected = vae.decoder(latents)
    found = strips.StripDecoder(vae.decoder, strip_values)(latents)
    assert (found - expected).abs().max() < 1e-4


@torch.inference_mode()
def test_the_way_of_decoding_changes_on_a_loaded_model(vae: AutoencoderKL) -> None:
    latents = torch.randn(1, 4, 72, 24, generator=torch.Generator().manual_seed(2))
    whole = vae.decode(latents).sample
    strips.apply(vae, "strips")
    assert (vae.decode(latents).sample - whole).abs().max() < LEVEL
    strips.apply(vae, "tiles")
    tiled = vae.decode(latents).sample
    assert tiled.shape == whole.shape
    assert not torch.equal(tiled, whole)
    strips.apply(vae, "whole")
    assert torch.equal(vae.decode(latents).sample, whole)
