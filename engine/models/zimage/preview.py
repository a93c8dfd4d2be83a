"""Small pictures straight from the latents, by a linear map from 16 channels to RGB."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from engine.pictures.tensors import to_image

FILE = "preview.safetensors"
SIDE = 256
QUALITY = 80


@dataclass(frozen=True)
class PreviewMap:
    """`weight` (3, 16) and `bias` (3,): sampler-space latents to RGB in [-1, 1]."""

    weight: Tensor
    bias: Tensor

    def jpeg(self, latents: Tensor) -> bytes:
        """Return `latents` (16, h, w) as a JPEG whose longer side is `SIDE` pixels."""
        values = latents.float().cpu()
        rgb = torch.einsum("oc,chw->ohw", self.weight, values) + self.bias[:, None, None]
        height, width = rgb.shape[1:]
        scale = SIDE / max(height, width)
        image = to_image(rgb).resize((round(width * scale), round(height * scale)), Image.Resampling.BILINEAR)
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=QUALITY)
        return buffer.getvalue()


def load_preview(folder: Path) -> PreviewMap | None:
    """Return the map a model ships as `preview.safetensors`, or None."""
    file = folder / FILE
    if not file.exists():
        return None
    tensors = load_file(file)
    return PreviewMap(tensors["weight"].float(), tensors["bias"].float())


def fit_preview(latents: Tensor, pixels: Tensor) -> PreviewMap:
    """Fit the map by least squares to one decoded picture: latents (16, h, w), pixels (3, 8h, 8w)."""
    colours = functional.avg_pool2d(pixels.float().cpu().clamp(-1, 1)[None], 8)[0].flatten(1).T
    known = latents.float().cpu().flatten(1).T
    known = torch.cat([known, torch.ones(len(known), 1)], dim=1)
    solution = torch.linalg.lstsq(known, colours, driver="gelsd").solution
    return PreviewMap(solution[:-1].T.contiguous(), solution[-1])
