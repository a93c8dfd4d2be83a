"""Pictures as tensors and back: float32 `(3, height, width)` in [-1, 1], as every model here draws them.

Torch and Pillow. Knows no model.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_pixels(image: Image.Image) -> Tensor:
    """RGB picture → `(3, height, width)` in [-1, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def to_levels(image: Image.Image) -> Tensor:
    """Grey picture `L` → `(1, height, width)` in [0, 1]."""
    return torch.from_numpy(np.array(image))[None].float() / 255


def to_image(pixels: Tensor) -> Image.Image:
    """`(3, height, width)` in [-1, 1], clamped → RGB picture."""
    levels = ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())
