"""Z-Image-Turbo's full architecture with random weights: the same arithmetic without the download.

Knows the sizes of transformer and VAE. There is no text encoder: captions are random embeddings.
"""

from typing import Any

import torch

from engine.profiles import profile
from engine.zimage.components import Components

CAPTION_TOKENS, CAPTION_FEATURES = 100, 2560
SCHEDULER = {"shift": 3.0, "use_dynamic_shifting": False}


def full_size(device: torch.device, dtype: torch.dtype) -> tuple[Components, torch.Tensor]:
    """Return a model of 6.2 B parameters and a caption embedding for it; needs 13 GB in bfloat16."""
    from diffusers import AutoencoderKL, ZImageTransformer2DModel

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            transformer = ZImageTransformer2DModel(axes_lens=[1536, 512, 512])
            vae = AutoencoderKL(**_vae())
            embedding = torch.randn((CAPTION_TOKENS, CAPTION_FEATURES))
    finally:
        torch.set_default_dtype(before)
    for module in (transformer, vae):
        module.eval().requires_grad_(False)
    none: Any = None
    return Components(profile("full-size"), device, dtype, none, none, transformer, vae, SCHEDULER), embedding


def _vae() -> dict[str, Any]:
    return {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
        "latent_channels": 16,
        "scaling_factor": 0.3611,
        "shift_factor": 0.1159,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    }
