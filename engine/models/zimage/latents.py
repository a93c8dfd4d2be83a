"""The size at which a picture is drawn, and its initial latents.

Far beyond the sizes it was trained at, a model repeats things or loses them. Larger pictures are drawn at the
area that it knows and enlarged when they are decoded.
"""

import math

import torch
from torch import Tensor

from engine.models.zimage.vae import Vae
from engine.pictures import codec, masks
from engine.pictures.tensors import to_levels, to_pixels
from engine.sampling import flow, inpaint
from engine.sampling.inpaint import Kept
from engine.types import GRID, EngineError, Generate, ModelProfile

DETAILED = 0.5
"""Noise level up to which a picture to be drawn over keeps detail that its own size has."""
LEEWAY = 1.3
"""How much more area than it was trained at a model can still compose."""


def initial(
    task: Generate,
    profile: ModelProfile,
    vae: Vae,
    sigma: float,
    device: torch.device,
    actions: list[str],
) -> tuple[Tensor, Kept | None]:
    """Return `(16, h, w)` at noise level `sigma`: noise alone, or over the task's picture, and what stays.

    Raises `EngineError("numerics")` for a picture of which the VAE makes no numbers.
    """
    source = flow.generator(task.seed)
    width, height = drawn_size(task, profile, sigma)
    clean = None
    if task.init_image is not None:
        image, mask = masks.split(task.init_image) if task.mask else (codec.read(task.init_image), None)
        clean = _encoded(vae, to_pixels(codec.fit(image, width, height)).to(device), source, actions)
        if clean is None:
            raise EngineError("numerics", "the model makes no numbers of the picture given; send another one")
    noise = flow.noise(width, height, source)
    for layer in task.variation.layers() if task.variation else ():
        noise = flow.turn_noise(noise, layer.seed, layer.latent_noise)
    noise = noise.to(device)
    if clean is None:
        return noise, None
    kept = None
    if mask is not None:
        picture = to_pixels(codec.fit(image, task.width, task.height)).to(device)
        change = inpaint.softened(to_levels(codec.fit(mask, task.width, task.height)).to(device))
        kept = Kept(picture, clean, noise, change)
    return flow.add_noise(clean, noise, sigma), kept


def drawn_size(task: Generate, profile: ModelProfile, sigma: float = 1.0) -> tuple[int, int]:
    """Return the width and height in pixels at which a picture that begins at `sigma` is drawn."""
    area, known = task.width * task.height, profile.composes**2
    if not known or area <= LEEWAY * known or sigma <= DETAILED:
        return task.width, task.height
    shrink = math.sqrt(known / area)
    whole = round(1 / shrink)
    is_near = 1 / LEEWAY <= area / whole**2 / known <= LEEWAY
    if is_near and task.width % (GRID * whole) == 0 == task.height % (GRID * whole):
        shrink = 1 / whole
    return GRID * max(1, round(task.width * shrink / GRID)), GRID * max(1, round(task.height * shrink / GRID))


def _encoded(vae: Vae, picture: Tensor, source: torch.Generator, actions: list[str]) -> Tensor | None:
    """Return a picture's latents, encoded in float32 where nothing less does; None where that does not."""
    state = source.get_state()
    latents = vae.encode(picture, source)
    if bool(torch.isfinite(latents).all()):
        return latents
    actions.append("latents of a picture are not finite; encoded again in float32")
    source.set_state(state)
    with vae.in_float32():
        latents = vae.encode(picture, source)
    return latents if bool(torch.isfinite(latents).all()) else None
