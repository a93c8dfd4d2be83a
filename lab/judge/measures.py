"""Numbers that compare pictures: outline, detail, variety, and how well the autoencoder reconstructs a
picture.

Pictures are arrays (H, W, 3) of bytes.
"""

from itertools import combinations

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lab.train.dataset import to_tensor

Bytes = NDArray[np.uint8]
EDGE = 24.0
SPREAD = 2


def outline(picture: Bytes, teacher: Bytes) -> float:
    """Agreement of edges: the F1 score of edge pixels that lie within two pixels of the other's edges."""
    found, expected = _edges(picture), _edges(teacher)
    precision = (found & _grown(expected)).sum() / max(1, found.sum())
    recall = (expected & _grown(found)).sum() / max(1, expected.sum())
    return float(2 * precision * recall / max(1e-9, precision + recall))


def detail(picture: Bytes, teacher: Bytes) -> float:
    """High-frequency energy relative to the teacher's: 1 is as much, below 1 is smoother."""
    return _energy(picture) / max(1e-9, _energy(teacher))


def variety(pictures: list[Bytes]) -> float:
    """Mean distance of all pairs, as the root mean square of pixels at an eighth of the size, 0 to 1."""
    small = [np.asarray(Image.fromarray(p).reduce(8), dtype=np.float64) / 255 for p in pictures]
    return float(np.mean([np.sqrt(((a - b) ** 2).mean()) for a, b in combinations(small, 2)]))


@torch.inference_mode()
def reconstruction(vae: AutoencoderKL, pictures: list[Bytes]) -> float:
    """Mean peak signal-to-noise ratio in decibels of pictures encoded and decoded."""
    ratios = []
    for picture in pictures:
        real = to_tensor(picture[None])
        drawn = vae.decode(vae.encode(real).latent_dist.mean).sample.clamp(-1, 1)
        ratios.append(-10 * float(((drawn - real) / 2).square().mean().log10()))
    return float(np.mean(ratios))


def _grey(picture: Bytes) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(picture).convert("L"), dtype=np.float32)


def _edges(picture: Bytes) -> NDArray[np.bool_]:
    grey = _grey(picture)
    across, down = np.gradient(grey)
    edges: NDArray[np.bool_] = np.hypot(across, down) > EDGE
    return edges


def _grown(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    image = Image.fromarray(edges.astype(np.uint8) * 255)
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * SPREAD + 1))) > 0


def _energy(picture: Bytes) -> float:
    image = Image.fromarray(picture).convert("L")
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(2)), dtype=np.float32)
    return float(((_grey(picture) - soft) ** 2).mean())
