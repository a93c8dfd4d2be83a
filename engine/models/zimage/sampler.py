"""One step of some pictures: predict, guide, step, and recover a step whose numbers are not finite."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine import guards
from engine.models.zimage.denoiser import Denoiser
from engine.models.zimage.drawing import Drawing
from engine.sampling import flow

MOST_SKIPPED = 0.34
"""The share of a picture's steps that may go on without a prediction; more, and it is drawn anew."""


def advance(denoiser: Denoiser, drawings: Sequence[Drawing]) -> None:
    """Make one step of each drawing; all share a `batch_key` and none is broken. Counts the forwards only.

    A picture whose prediction is not finite is left where it was and its step done again, alone and in the
    safe form; failing that, the step heads for where the one before it headed; failing that, it is broken.
    """
    velocity, faults = _predict(denoiser, drawings, drawings[0].reuses)
    known = [
        _recover(denoiser, drawing, fault) if fault else velocity[index]
        for index, (drawing, fault) in enumerate(zip(drawings, faults, strict=True))
    ]
    for drawing, chosen in zip(drawings, known, strict=True):
        if chosen is not None:
            sigma, following = drawing.sigmas[drawing.step], drawing.sigmas[drawing.step + 1]
            drawing.estimate = flow.euler(drawing.latents, chosen, sigma, 0.0)
            drawing.latents = flow.euler(drawing.latents, chosen, sigma, following)
            if drawing.kept is not None:
                done = (drawing.step + 1) / drawing.steps
                drawing.latents = drawing.kept.held(drawing.latents, following, done)
                drawing.estimate = drawing.kept.held(drawing.estimate, 0.0, done)


def _predict(
    denoiser: Denoiser, drawings: Sequence[Drawing], reuse: bool = False
) -> tuple[Tensor, list[str | None]]:
    """Return the guided velocity `(B, C, h, w)` and, for each picture, where its numbers are not finite.

    With `reuse` the residuals of the drawings stand for the middle blocks.
    """
    latents = torch.stack([drawing.latents for drawing in drawings])
    modulations = [denoiser.modulation(drawing.sigmas[:-1], drawing.step) for drawing in drawings]
    captions = torch.stack([drawing.caption for drawing in drawings])
    residuals = [
        d.reuse.strength * d.reuse.residual for d in drawings if reuse and d.reuse.residual is not None
    ]
    velocity, sums, residual = denoiser.predict(
        latents,
        modulations,
        captions,
        torch.stack(residuals) if residuals else None,
        drawings[0].reuse.keeps(drawings[0].step),
    )
    negatives = [d.negative for d in drawings if d.negative is not None and d.is_guided]
    if negatives:
        against, more, _ = denoiser.predict(latents, modulations, torch.stack(negatives))
        # One by one, because a tensor of scales would have to wait for the device.
        guided = [
            flow.guide(each, other, drawing.task.guidance_scale)
            for each, other, drawing in zip(velocity, against, drawings, strict=True)
        ]
        velocity, sums = torch.stack(guided), torch.cat([sums, more])
    for index, drawing in enumerate(drawings):
        drawing.forwards += 2 if negatives else 1
        if residual is not None:
            drawing.reuse.residual = residual[index]
    places = denoiser.places
    return velocity, [
        None if place is None else f"{places[place % len(places)]} of step {drawing.step + 1} is not finite"
        for drawing, place in zip(drawings, guards.first_broken(sums), strict=True)
    ]


def _recover(denoiser: Denoiser, drawing: Drawing, fault: str) -> Tensor | None:
    """Return a velocity for the step that failed, or None when the picture is lost."""
    with denoiser.in_float32():
        velocity, faults = _predict(denoiser, [drawing])
    if faults == [None]:
        drawing.actions.append(f"{fault}; the step was done again in float32")
        return velocity[0]
    if drawing.step == 0 or drawing.skipped >= math.ceil(drawing.steps * MOST_SKIPPED):
        drawing.broken = fault
        return None
    drawing.skipped += 1
    drawing.actions.append(f"{fault}; the step went on from the one before")
    return (drawing.latents - drawing.estimate) / drawing.sigmas[drawing.step]
