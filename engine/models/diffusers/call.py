"""The arguments with which a diffusers pipeline is called for one task."""

import copy
import inspect
import itertools
import math
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine import guards
from engine.models.diffusers.drawing import Drawing
from engine.models.diffusers.run import Pause, Run
from engine.pictures import codec
from engine.sampling.flow import VARIATION_STREAM, generator, turn_noise
from engine.types import Generate


def prepared(pipe: Any, drawing: Drawing) -> Run:
    """Return the call that draws `drawing`, not yet begun.

    It has a pipeline object and a scheduler of its own, because both keep a call's state; the models are
    shared. It ends when the drawing is forgotten.
    """
    own = copy.copy(pipe)
    own.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    arguments = _arguments(own, drawing)
    calls_back = "callback_on_step_end" in inspect.signature(own.__call__).parameters
    watched = weakref.ref(drawing)

    def call(pause: Pause) -> Any:
        if calls_back:
            return own(
                **arguments, callback_on_step_end=pause, callback_on_step_end_tensor_inputs=["latents"]
            )
        own.scheduler.step = _pausing(own, pause)
        return own(**arguments)

    def examine(tensors: dict[str, Any], is_last: bool) -> dict[str, Any]:
        seen = watched()
        return {} if seen is None else _examined(seen, tensors["latents"], is_last)

    run = Run(call, examine)
    weakref.finalize(drawing, run.cancel)
    return run


def requested_steps(pipe: Any, task: Generate) -> int:
    """Return the steps to ask for: image-to-image does a share of them, and at least one must be left."""
    return max(task.steps, math.ceil(1 / task.strength)) if does_a_share(pipe, task) else task.steps


def does_a_share(pipe: Any, task: Generate) -> bool:
    """Say whether the steps of a task depend on its strength; a pipeline that edits knows none."""
    return task.init_image is not None and "strength" in inspect.signature(pipe.__call__).parameters


def _pausing(pipe: Any, pause: Pause) -> Callable[..., tuple[Tensor, ...]]:
    """Return the scheduler's `step` for a pipeline that calls nothing back: it pauses behind it."""
    step, numbers = pipe.scheduler.step, itertools.count()

    def stepped(prediction: Tensor, timestep: Tensor, *given: Any, **named: Any) -> tuple[Tensor, ...]:
        latents, *more = step(prediction, timestep, *given, **named)
        changed = pause(pipe, next(numbers), timestep, {"latents": latents})
        return (changed.get("latents", latents), *more)

    return stepped


def _examined(drawing: Drawing, latents: Tensor, is_last: bool) -> dict[str, Any]:
    """Check the latents after a step; return them in the VAE's range where the last ones left it."""
    if not bool(torch.isfinite(latents).all()):
        drawing.broken = drawing.broken or f"latents are not finite after step {drawing.step + 1}"
        return {}
    settled, action = guards.clamp_latents(latents) if is_last else (latents, None)
    if action is None:
        return {}
    drawing.actions.append(action)
    return {"latents": settled}


def _arguments(pipe: Any, drawing: Drawing) -> dict[str, Any]:
    task, ready = drawing.task, drawing.ready
    turned = _turns(pipe, task)
    arguments: dict[str, Any] = {
        "prompt": ready.used,
        "negative_prompt": ready.negative_used or None,
        "width": task.width,
        "height": task.height,
        "num_inference_steps": requested_steps(pipe, task),
        "guidance_scale": task.guidance_scale,
        "true_cfg_scale": task.guidance_scale,
        "generator": generator(_seed(task, turned)),
        "output_type": "pt",
    }
    if task.init_image is not None:
        arguments["image"] = codec.fit(codec.read(task.init_image), task.width, task.height)
        arguments["strength"] = task.strength
    elif turned:
        arguments["latents"] = _turned_noise(pipe, task)
    known = inspect.signature(pipe.__call__).parameters
    if "true_cfg_scale" in known:
        # Qwen's own word for guidance; what it calls guidance_scale is an input of distilled models.
        del arguments["guidance_scale"]
    return {name: value for name, value in arguments.items() if name in known}


def _turns(pipe: Any, task: Generate) -> bool:
    """Say whether the task's noise is turned: only a UNet's latents have a shape known from outside."""
    layers = task.variation.layers() if task.variation else ()
    return any(layer.latent_noise for layer in layers) and task.init_image is None and hasattr(pipe, "unet")


def _turned_noise(pipe: Any, task: Generate) -> Tensor:
    factor = pipe.vae_scale_factor
    shape = (1, pipe.unet.config.in_channels, task.height // factor, task.width // factor)
    latents = torch.randn(shape, generator=generator(task.seed))
    for layer in task.variation.layers() if task.variation else ():
        latents = turn_noise(latents, layer.seed, layer.latent_noise)
    return latents.to(pipe._execution_device, pipe.unet.dtype)


def _seed(task: Generate, turned: bool) -> int:
    """Return the noise's seed. A variation that cannot turn the noise starts from its own."""
    layers = task.variation.layers() if task.variation else ()
    if turned or not any(layer.latent_noise for layer in layers):
        return task.seed
    return task.seed ^ layers[-1].seed ^ VARIATION_STREAM
