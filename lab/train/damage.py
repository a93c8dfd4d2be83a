"""What spoils pictures before they are upscaled: blur, noise, JPEG, the small model's own errors.

Seeded: the same `Random` damages in the same way.
"""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engine.embedded import WEIGHTS
from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec
from engine.pictures.tensors import to_image, to_pixels
from engine.types import EngineSettings, Generate, PromptReady

SHRINKING = (Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Damage:
    """Ranges to draw from: blur (σ in pixels of the large picture), noise (σ in levels), JPEG quality."""

    blur: tuple[float, float] = (0.0, 0.0)
    noise: tuple[float, float] = (0.0, 0.0)
    quality: tuple[int, int] | None = None

    def apply(self, sharp: NDArray[np.uint8], rng: Random) -> NDArray[np.uint8]:
        """Return `(2h, 2w, 3)` damaged and shrunk to `(h, w, 3)`."""
        image = Image.fromarray(sharp)
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(*self.blur)))
        image = image.resize((image.width // 2, image.height // 2), rng.choice(SHRINKING))
        noisy = _noisy(np.asarray(image), rng.uniform(*self.noise), rng)
        return noisy if self.quality is None else _compressed(noisy, rng.randint(*self.quality))


CLEAN = Damage()
SOFT = Damage(blur=(0.8, 2.2), noise=(0.0, 2.0))
LIGHT = Damage(blur=(0.3, 1.2), noise=(0.0, 3.0), quality=(75, 95))
HEAVY = Damage(blur=(0.6, 2.0), noise=(2.0, 10.0), quality=(40, 80))
DEGREES = {"clean": CLEAN, "soft": SOFT, "light": LIGHT, "heavy": HEAVY}

STRENGTHS = (0.25, 0.3, 0.4, 0.5)
"""How far the small model draws over a picture: from noise levels of 0.5 to 0.83, where forms stay."""
LATENT_NOISE = 0.1
"""Standard deviations of noise on the latents, as a sampler leaves them."""


@torch.inference_mode()
def decoded(picture: NDArray[np.uint8], rng: Random) -> NDArray[np.uint8]:
    """Return `(h, w, 3)` after the small model's autoencoder, its latents slightly noisy."""
    vae = _autoencoder()
    latents = vae.encode(to_pixels(Image.fromarray(picture))[None]).latent_dist.mean
    source = torch.Generator().manual_seed(rng.getrandbits(32))
    spread = LATENT_NOISE / vae.config.scaling_factor
    latents = latents + spread * torch.randn(latents.shape, generator=source)
    return np.asarray(to_image(vae.decode(latents).sample[0]))


def redrawn(picture: NDArray[np.uint8], prompt: str, rng: Random) -> NDArray[np.uint8]:
    """Return `(h, w, 3)` after the small model drew over it, by image-to-image, what `prompt` says."""
    pipeline = _pipeline()
    height, width, _ = picture.shape
    task = Generate(
        prompt,
        width=width,
        height=height,
        guidance_scale=1.0,
        seed=rng.getrandbits(32),
        init_image=codec.stored(Image.fromarray(picture)),
        strength=rng.choice(STRENGTHS),
        enhance=False,
    )
    drawing = pipeline.start(task, PromptReady(prompt, prompt))
    while drawing.step < drawing.steps:
        pipeline.step([drawing])
    return np.asarray(codec.read(pipeline.finish(drawing)().png))


@lru_cache(maxsize=1)
def _pipeline() -> ZImagePipeline:
    return load(EngineSettings(device="cpu", dtype="float32"))


@lru_cache(maxsize=1)
def _autoencoder() -> Any:
    return AutoencoderKL.from_pretrained(WEIGHTS / "vae", dtype=torch.float32).eval()


def _noisy(picture: NDArray[np.uint8], spread: float, rng: Random) -> NDArray[np.uint8]:
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0.0, 1.0, picture.shape)
    levels: NDArray[np.float64] = np.rint(picture + spread * grain)
    return levels.clip(0, 255).astype(np.uint8)


def _compressed(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
