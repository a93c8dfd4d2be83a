"""From a task to a picture with Z-Image: prompt, noise, steps, preview, decoding, checks, PNG.

Knows the order of the stages, their times and what to do when numbers go wrong. Knows no queue and no
progress reporting; the worker calls it step by step. A picture drawn alone is bit-identical for equal
parameters.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine import guards, metadata, pixels, prompts
from engine.prompts import World
from engine.types import (
    EngineError,
    Generate,
    ModelProfile,
    Optimize,
    Picture,
    PromptReady,
    Upscale,
    image_tokens,
)
from engine.upscale import Plan, upscale
from engine.zimage import sampling
from engine.zimage.denoiser import Denoiser
from engine.zimage.drawing import Drawing
from engine.zimage.preview import PreviewMap, fit_preview
from engine.zimage.request import check
from engine.zimage.sampling import Schedule
from engine.zimage.text import TextEncoder
from engine.zimage.vae import Vae, to_image, to_pixels

GUIDED_SHARE = 0.25
"""The share of the steps guidance acts on; the first steps decide what is drawn and where."""


@dataclass(frozen=True)
class Components:
    """A loaded model; `scheduler` is that component's config, `world` what a limited model knows."""

    profile: ModelProfile
    device: torch.device
    dtype: torch.dtype
    tokenizer: Any
    text_encoder: Any
    transformer: Any
    vae: Any
    scheduler: dict[str, Any]
    preview: PreviewMap | None = None
    world: World | None = None


class ZImagePipeline:
    """The worker's pipeline for one loaded model on one device.

    `guided_share` in [0, 1] is the share of the steps that guidance acts on, 1 meaning every step.
    """

    def __init__(self, components: Components, guided_share: float = GUIDED_SHARE) -> None:
        self.components = components
        self.guided_share = guided_share
        self.text = TextEncoder(components.tokenizer, components.text_encoder)
        self.denoiser = Denoiser(components.transformer)
        self.vae = Vae(components.vae)
        self.schedule = Schedule.from_config(components.scheduler)
        self._preview = components.preview

    @property
    def capacity(self) -> int:
        """Image tokens that fit one forward; on a CPU four pictures of a small model or one of a large."""
        side = self.components.profile.base_size
        return min(4 * image_tokens(side, side), 4096) if self.components.device.type == "cpu" else 4096

    def prompt(self, task: Generate | Optimize) -> PromptReady:
        """Optimize and enhance the prompt as the task asks; what was written first is kept as `original`."""
        world = self.components.world
        if isinstance(task, Optimize):
            ready = prompts.prepare(task.prompt, world, enhanced=False)
            return PromptReady(task.prompt, ready.text, ready.negative, ready.notes)
        ready = prompts.prepare(
            task.prompt,
            world,
            negative=task.negative_prompt,
            optimized=task.optimize,
            enhanced=task.enhance,
        )
        unguided = ("negative:unguided",) if ready.negative and task.guidance_scale == 1 else ()
        return PromptReady(
            task.original or task.prompt, ready.text, ready.negative, (*ready.notes, *unguided)
        )

    @torch.inference_mode()
    def start(self, task: Generate, ready: PromptReady) -> Drawing:
        """Check the task, encode its prompt and make the initial latents."""
        check(task, self.components.profile)
        with _memory_errors(task):
            started = time.perf_counter()
            drawing = self._begin(task, ready)
            drawing.seconds["encode"] = time.perf_counter() - started
            return drawing

    @torch.inference_mode()
    def step(self, drawings: Sequence[Drawing]) -> None:
        """Advance each drawing by one step in one forward (two with guidance); they share a `batch_key`."""
        with _memory_errors(drawings[0].task):
            started = time.perf_counter()
            self._advance([drawing for drawing in drawings if drawing.broken is None])
            took = time.perf_counter() - started
        for drawing in drawings:
            drawing.step += 1
            drawing.seconds["steps"] = drawing.seconds.get("steps", 0.0) + took

    @torch.inference_mode()
    def preview(self, drawing: Drawing) -> bytes | None:
        """Return a small JPEG of the picture the latents are heading for, or None without a preview map."""
        if self._preview is None or drawing.broken is not None:
            return None
        return self._preview.jpeg(drawing.estimate)

    @torch.inference_mode()
    def finish(self, drawing: Drawing) -> Picture:
        """Decode, check and encode; a broken picture is drawn once more in float32.

        Raises `EngineError("numerics")` when it is still broken.
        """
        with _memory_errors(drawing.task):
            started = time.perf_counter()
            picture, reason = self._decode(drawing)
            actions = []
            if reason is not None and self.components.dtype != torch.float32:
                actions.append(f"{reason}; drawn again in float32")
                drawing, picture, reason = self._redraw(drawing)
            if picture is None or reason is not None:
                raise EngineError(
                    "numerics", f"the picture failed its checks: {reason}; try another seed or other settings"
                )
            drawing.seconds["decode"] = time.perf_counter() - started
        if self._preview is None:
            self._preview = fit_preview(drawing.latents, picture)
        started = time.perf_counter()
        png = metadata.write(pixels.png(to_image(picture)), self._parameters(drawing))
        drawing.seconds["png"] = time.perf_counter() - started
        return Picture(
            png,
            drawing.task.width,
            drawing.task.height,
            drawing.task.seed,
            sum(drawing.seconds.values()),
            self._report(drawing, actions),
        )

    def upscale(self, task: Upscale) -> Picture:
        """Enlarge an encoded image."""
        *_, picture = upscale(task, Plan(self.components.device))
        assert isinstance(picture, Picture)
        return picture

    def _begin(self, task: Generate, ready: PromptReady) -> Drawing:
        embedding = self.text.encode(ready.used)
        for layer in task.variation.layers() if task.variation else ():
            embedding = sampling.disturb_caption(embedding, layer.seed, layer.prompt_noise)
        sigmas = self._sigmas(task)
        guided = sampling.guided_steps(len(sigmas) - 1, task.guidance_scale, self.guided_share)
        negative = self.text.encode(ready.negative_used) if guided else None
        latents = self._initial_latents(task, sigmas[0])
        return Drawing(
            task,
            ready,
            latents,
            estimate=latents,
            sigmas=sigmas,
            caption=self.denoiser.caption(embedding),
            negative=None if negative is None else self.denoiser.caption(negative),
            guided=guided,
            broken=guards.embedding(embedding)
            or (guards.embedding(negative) if negative is not None else None),
        )

    def _sigmas(self, task: Generate) -> list[float]:
        sigmas = self.schedule.sigmas(task.steps, image_tokens(task.width, task.height))
        return sigmas if task.init_image is None else sigmas[sampling.begin(task.steps, task.strength) :]

    def _initial_latents(self, task: Generate, sigma: float) -> Tensor:
        device = self.components.device
        source = sampling.generator(task.seed)
        clean = None
        if task.init_image is not None:
            image = pixels.fit(pixels.read(task.init_image), task.width, task.height)
            clean = self.vae.encode(to_pixels(image).to(device), source)
        initial = sampling.noise(task.width, task.height, source)
        for layer in task.variation.layers() if task.variation else ():
            initial = sampling.turn_noise(initial, layer.seed, layer.latent_noise)
        initial = initial.to(device)
        return initial if clean is None else sampling.add_noise(clean, initial, sigma)

    def _advance(self, drawings: Sequence[Drawing]) -> None:
        if not drawings:
            return
        latents = torch.stack([drawing.latents for drawing in drawings])
        sigma = self._column([drawing.sigmas[drawing.step] for drawing in drawings])
        following = self._column([drawing.sigmas[drawing.step + 1] for drawing in drawings])
        captions = torch.stack([drawing.caption for drawing in drawings])
        velocity = self.denoiser.velocity(latents, sigma.flatten(), captions)
        negatives = [d.negative for d in drawings if d.negative is not None and d.is_guided]
        if negatives:
            against = self.denoiser.velocity(latents, sigma.flatten(), torch.stack(negatives))
            scale = self._column([drawing.task.guidance_scale for drawing in drawings])
            velocity = sampling.guide(velocity, against, scale)
        estimate = sampling.euler(latents, velocity, sigma, torch.zeros_like(sigma))
        latents = sampling.euler(latents, velocity, sigma, following)
        for index, (drawing, reason) in enumerate(zip(drawings, guards.latents(latents), strict=True)):
            drawing.latents, drawing.estimate = latents[index], estimate[index]
            drawing.forwards += 2 if negatives else 1
            drawing.broken = None if reason is None else f"{reason} after step {drawing.step + 1}"

    def _column(self, values: list[float]) -> Tensor:
        return torch.tensor(values, device=self.components.device)[:, None, None, None]

    def _decode(self, drawing: Drawing) -> tuple[Tensor | None, str | None]:
        reason = drawing.broken or guards.final_latents(drawing.latents)
        if reason is not None:
            return None, reason
        picture = self.vae.decode(drawing.latents)
        return picture, guards.pixels(picture)

    def _redraw(self, drawing: Drawing) -> tuple[Drawing, Tensor | None, str | None]:
        models = (self.components.text_encoder, self.components.transformer, self.components.vae)
        self.text.forget()
        with guards.in_float32(*models):
            again = self._begin(drawing.task, drawing.ready)
            while again.step < again.steps and again.broken is None:
                self._advance([again])
                again.step += 1
            picture, reason = self._decode(again)
        self.text.forget()
        again.seconds = dict(drawing.seconds)
        again.forwards += drawing.forwards
        return again, picture, reason

    def _parameters(self, drawing: Drawing) -> metadata.Parameters:
        task, ready = drawing.task, drawing.ready
        return metadata.Parameters(
            prompt=ready.used,
            negative_prompt=ready.negative_used,
            original=ready.original,
            width=task.width,
            height=task.height,
            steps=task.steps,
            guidance_scale=task.guidance_scale,
            seed=task.seed,
            model=self.components.profile.name,
            variation=task.variation,
            strength=None if task.init_image is None else task.strength,
            notes=ready.notes,
        )

    def _report(self, drawing: Drawing, actions: list[str]) -> dict[str, Any]:
        return {
            "model": self.components.profile.name,
            "device": str(self.components.device),
            "dtype": str(drawing.caption.dtype).removeprefix("torch."),
            "seconds": {stage: round(seconds, 4) for stage, seconds in drawing.seconds.items()},
            "forwards": drawing.forwards,
            "steps": drawing.steps,
            "sigmas": [round(sigma, 4) for sigma in drawing.sigmas],
            "guided_steps": drawing.guided,
            "guards": actions,
        }


@contextmanager
def _memory_errors(task: Generate) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise EngineError(
            "out_of_memory",
            f"a {task.width}×{task.height} picture does not fit in memory; ask for a smaller one",
        ) from error
