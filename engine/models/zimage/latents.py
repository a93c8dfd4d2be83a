"""The initial latents of a picture, and how they grow for pictures beyond the model's composing size.

Far beyond the sizes it was trained at, a model repeats things or loses them. The first steps decide what
stands where, so these are made at the area the model knows: a second pass at full size within one schedule.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.zimage.drawing import Drawing
from engine.models.zimage.vae import Vae
from engine.pictures import codec, masks
from engine.pictures.tensors import to_levels, to_pixels
from engine.sampling import flow, inpaint
from engine.sampling.inpaint import Kept
from engine.types import GRID, EngineError, Generate, ModelProfile

GROWN_AT = 0.5
"""Noise level from which on a picture has its full size; forms stand by then and detail does not."""
LEEWAY = 1.3
"""How much more area than it was trained at a model can still compose."""
LATENT = 8
OTHER_NOISE = 0x9408 << 32
"""Turns the seed of a picture into that of the noise it grows with."""


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
    clean = None
    if task.init_image is not None:
        image, mask = masks.split(task.init_image) if task.mask else (codec.read(task.init_image), None)
        picture = to_pixels(codec.fit(image, task.width, task.height)).to(device)
        clean = _encoded(vae, picture, source, actions)
        if clean is None:
            raise EngineError("numerics", "the model makes no numbers of the picture given; send another one")
    noise = flow.noise(*first_size(task, profile), source)
    for layer in task.variation.layers() if task.variation else ():
        noise = flow.turn_noise(noise, layer.seed, layer.latent_noise)
    noise = noise.to(device)
    if clean is None:
        return noise, None
    kept = None
    if mask is not None:
        change = inpaint.softened(to_levels(codec.fit(mask, task.width, task.height)).to(device))
        kept = Kept(picture, clean, noise, change)
    return flow.add_noise(clean, noise, sigma), kept


def first_size(task: Generate, profile: ModelProfile) -> tuple[int, int]:
    """Return the width and height in pixels at which a picture begins; with an initial image, its own."""
    area, known = task.width * task.height, profile.composes**2
    if not known or task.init_image is not None or area <= LEEWAY * known:
        return task.width, task.height
    shrink = math.sqrt(known / area)
    return GRID * max(1, round(task.width * shrink / GRID)), GRID * max(1, round(task.height * shrink / GRID))


def is_due(drawing: Drawing) -> bool:
    """Whether a drawing is still small though its next step is one of the last, or it has none left."""
    task = drawing.task
    is_small = drawing.latents.shape[-2:] != (task.height // LATENT, task.width // LATENT)
    return is_small and drawing.broken is None and drawing.sigmas[drawing.step] <= GROWN_AT


def grow(drawing: Drawing, vae: Vae) -> None:
    """Upscale the picture that a drawing heads for, and noise it to the level where it is."""
    task, device = drawing.task, drawing.latents.device
    source = flow.generator(task.seed ^ OTHER_NOISE)
    picture = vae.decode(drawing.estimate)[None].clamp(-1, 1)
    larger = functional.interpolate(picture, (task.height, task.width), mode="bicubic").clamp(-1, 1)
    encoded = _encoded(vae, larger[0], source, drawing.actions)
    if encoded is None:
        drawing.broken = "the upscaled picture's latents are not finite"
        return
    drawing.estimate = encoded
    noise = flow.noise(task.width, task.height, source).to(device)
    drawing.latents = flow.add_noise(drawing.estimate, noise, drawing.sigmas[drawing.step])
    drawing.reuse.residual = None


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
