"""A finished picture's records: the parameters in its file and the report beside it."""

from collections.abc import Mapping
from typing import Any

from engine.models.zimage.drawing import Drawing
from engine.pictures import metadata
from engine.types import Generate, PromptReady


def parameters(task: Generate, ready: PromptReady, model: str) -> metadata.Parameters:
    """Return what goes into the PNG, enough to draw the picture again."""
    return metadata.Parameters(
        prompt=ready.used,
        negative_prompt=ready.negative_used,
        original=ready.original,
        width=task.width,
        height=task.height,
        steps=task.steps,
        guidance_scale=task.guidance_scale,
        seed=task.seed,
        model=model,
        variation=task.variation,
        strength=None if task.init_image is None or task.edit else task.strength,
        mask=task.mask,
        edit=task.edit,
        notes=ready.notes,
        loras=task.loras,
        fast=task.fast,
    )


def report(drawing: Drawing, model: str, device: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return `Picture.report`: model, device, dtype, plan, seconds per stage, forwards, guards' actions.

    `steps` are those done, `scheduled_steps` those of the whole schedule: image-to-image does the last ones.
    """
    return {
        "model": model,
        "device": device,
        "dtype": str(drawing.caption.dtype).removeprefix("torch."),
        "plan": dict(plan),
        "seconds": {stage: round(seconds, 4) for stage, seconds in drawing.seconds.items()},
        "forwards": drawing.forwards,
        "steps": drawing.steps,
        "scheduled_steps": drawing.task.steps,
        "sigmas": [round(sigma, 4) for sigma in drawing.sigmas],
        "guided_steps": drawing.guided,
        "guidance_scale": drawing.task.guidance_scale,
        "guards": list(drawing.actions),
    }
