"""From a task to a picture with Z-Image: prompt, noise, steps, preview, decoding, checks, PNG.

The worker calls it step by step. A picture drawn alone is bit-identical for equal parameters.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from engine import guards, prompts
from engine.models.zimage.components import Components
from engine.models.zimage.denoiser import PATCH, Denoiser
from engine.models.zimage.drawing import Drawing
from engine.models.zimage.encoding import encode
from engine.models.zimage.latents import drawn_size, initial
from engine.models.zimage.lora import Loras
from engine.models.zimage.preview import fit_preview
from engine.models.zimage.sampler import advance
from engine.models.zimage.speed import Speed
from engine.models.zimage.text import TextEncoder
from engine.models.zimage.vae import Vae
from engine.pipeline import Redraw
from engine.pulse import PULSE
from engine.sampling import flow
from engine.sampling.flow import Schedule
from engine.sampling.reuse import Reuse
from engine.sampling.steps import SamplingOptions, steps_for
from engine.sampling.task_limits import OTHER_SEED, check, too_large
from engine.types import (
    EngineError,
    Generate,
    Optimize,
    Picture,
    Progress,
    PromptReady,
    Upscale,
    Variation,
    image_tokens,
)
from engine.upscale import upscale
from engine.upscale.enlarge import enlarge
from engine.upscale.redraw import Redrawing

USUAL_RATIOS = (1, 3 / 2, 2 / 3, 16 / 9, 9 / 16)
"""Width over height of what most people ask for."""
MOST_TOKENS = 4096
"""Image tokens in one forward: a square of 1024 pixels, or four of 512."""

log = logging.getLogger(__name__)


class ZImagePipeline:
    """The worker's pipeline for one loaded model on one device.

    `guided_share` in [0, 1] is the share of the steps that guidance acts on, 1 meaning every step, by default
    the profile's: the first steps decide what is drawn and where; `speed`
    says which speed-ups are used, by default those that suit the device; `options` how pictures are sampled;
    `loras` are the LoRA files that tasks may name. Those of one batch name the same.
    """

    def __init__(
        self,
        components: Components,
        guided_share: float | None = None,
        speed: Speed | None = None,
        options: SamplingOptions | None = None,
        loras: Loras | None = None,
    ) -> None:
        self.components = components
        self.loras = Loras(None, components.transformer) if loras is None else loras
        self.options = SamplingOptions() if options is None else options
        self.speed = Speed.of(components.device.type) if speed is None else speed
        self.guided_share = components.profile.guided_share if guided_share is None else guided_share
        self.text = TextEncoder(components.tokenizer, components.text_encoder)
        self.denoiser = Denoiser(components.transformer, self.speed)
        self.vae = Vae(components.vae, self.speed.lean_decoder)
        self.schedule = Schedule.from_config(components.scheduler)
        self.optimizer = prompts.Optimizer(
            components.world,
            components.writer,
            target=prompts.Target(
                components.prompt_language, "zh" in components.profile.reads, components.translator
            ),
            usual=components.profile.negatives,
            spared=components.profile.guidance_scale if components.profile.spares_guidance else None,
        )
        self._preview = components.preview
        side = components.profile.base_size
        on_cpu = components.device.type == "cpu"
        self._capacity = min(4 * image_tokens(side, side), MOST_TOKENS) if on_cpu else MOST_TOKENS

    @property
    def capacity(self) -> int:
        """Image tokens that fit one forward; on a CPU four pictures of a small model or one of a large."""
        return self._capacity

    def warm(self) -> None:
        """Compile for what is usual: the sizes people ask for, prompts' lengths, LoRA files, decoding."""
        started = time.perf_counter()
        profile = self.components.profile
        usual = [profile.sized(ratio) for ratio in USUAL_RATIOS]
        sizes = [drawn_size(Generate("", width=width, height=height), profile) for width, height in usual]
        if shapes := self.denoiser.warm(sizes, self.loras.is_there):
            with torch.inference_mode():
                self.vae.decode(torch.randn((16, PATCH, PATCH), device=self.components.device))
            log.info("compiled for %d shapes in %.0f s", shapes, time.perf_counter() - started)

    def prompt(self, task: Generate | Optimize) -> Generator[None, None, PromptReady]:
        """Optimize and enhance the prompt as the task asks; the user's text is kept as `original`.

        Notes say what the text encoder cannot read any more, which is cut off, and what is left out of the
        LoRA files.
        """
        left_out = self.loras.look(task.loras) if isinstance(task, Generate) else ()
        ready = self.text.truncated((yield from self.optimizer.steps(task)))
        return replace(ready, notes=(*ready.notes, *left_out))

    def start(self, task: Generate, ready: PromptReady) -> Drawing:
        """Check the task, encode its prompt and make the initial latents."""
        self.loras.look(task.loras)
        with self.loras.used(task.loras), torch.inference_mode():
            return self._start(task, ready)

    def _start(self, task: Generate, ready: PromptReady) -> Drawing:
        check(task, self.components.profile)
        self.optimizer.release_memory()
        while self.components.make_room is not None and self.components.make_room(task.width, task.height):
            self.denoiser.refresh()
        started = time.perf_counter()
        drawing = guards.retry_on_oom(lambda: self._begin(task, ready), self._fallbacks(), too_large(task))
        drawing.seconds["encode"] = time.perf_counter() - started
        return drawing

    def step(self, drawings: Sequence[Drawing]) -> None:
        """Advance each drawing by one step in one forward (two with guidance); they share a `batch_key`."""
        with self.loras.used(drawings[0].task.loras), torch.inference_mode():
            self._step(drawings)

    def _step(self, drawings: Sequence[Drawing]) -> None:
        sound = [drawing for drawing in drawings if drawing.broken is None]
        self.optimizer.release_memory()
        started = time.perf_counter()
        if sound:
            guards.retry_on_oom(
                lambda: advance(self.denoiser, sound),
                self._fallbacks() if len(drawings) == 1 else self._split(drawings),
                too_large(drawings[0].task),
            )
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

    def finish(self, drawing: Drawing) -> Callable[[], Picture]:
        """Decode and check; the function returned encodes the file, in any thread and at any time.

        A broken picture is drawn once more, in the safe form and from another seed. Raises
        `EngineError("numerics")` when that one is broken, too.
        """
        with self.loras.used(drawing.task.loras), torch.inference_mode():
            return self._finish(drawing)

    def _finish(self, drawing: Drawing) -> Callable[[], Picture]:
        started = time.perf_counter()
        picture, reason = self._decode(drawing)
        if reason is not None:
            drawing = self._redrawn(drawing, reason)
            picture, reason = self._decode(drawing)
        if reason is not None:
            raise EngineError(
                "numerics", f"the picture failed its checks: {reason}; try another seed or other settings"
            )
        drawing.seconds["decode"] = time.perf_counter() - started
        plan = self.components.layout(drawing.task.width, drawing.task.height)
        return partial(encode, self.components, drawing, picture, plan)

    def lost(self, error: Exception) -> bool:
        """Say whether the device failed and every later call on it would."""
        return guards.device_failed(error)

    def upscale(self, task: Upscale) -> Generator[Progress | Picture | Redraw, None, None]:
        """Upscale an encoded image, tile by tile; to redraw it are tasks for this pipeline."""
        profile = self.components.profile
        side = profile.base_size if profile.composes else profile.max_size
        redrawing = Redrawing(side, self.schedule, model=profile.name)
        return upscale(task, replace(self.components.upscaling, redraw=redrawing))

    def _begin(self, task: Generate, ready: PromptReady) -> Drawing:
        scale = self._guidance(task, ready)
        task = replace(task, steps=steps_for(ready.used, task.steps, task.fast), guidance_scale=scale)
        sigmas = self._sigmas(task, ready.used)
        guided = flow.guided_steps(len(sigmas) - 1, task.guidance_scale, self.guided_share)
        layers = task.variation.layers() if task.variation else ()
        profile, device, actions = self.components.profile, self.components.device, list[str]()
        latents, kept = initial(task, profile, self.vae, sigmas[0], device, actions)
        drawing = Drawing(
            task,
            ready,
            latents,
            estimate=latents,
            sigmas=sigmas,
            caption=self._caption(ready.used, layers),
            negative=self._caption(ready.negative_used) if guided else None,
            guided=guided,
            broken=None,
            kept=kept,
            reuse=Reuse.of(self.options.reuse, len(sigmas) - 1),
            actions=actions,
        )
        fault = _unsound(drawing)
        if fault is not None:
            self.text.forget()
            with self._in_float32():
                drawing.caption = self._caption(ready.used, layers)
                drawing.negative = self._caption(ready.negative_used) if guided else None
            drawing.actions.append(f"{fault}; encoded again in float32")
            drawing.broken = _unsound(drawing)
        return drawing

    def _guidance(self, task: Generate, ready: PromptReady) -> float:
        """Return the scale that a picture is drawn with: none where the model spares what brings nothing."""
        profile = self.components.profile
        is_own = profile.spares_guidance and task.guidance_scale == profile.guidance_scale
        return 1.0 if is_own and not ready.negative_used else task.guidance_scale

    def _caption(self, prompt: str, layers: Sequence[Variation] = ()) -> Tensor:
        embedding = self.text.encode(prompt)
        for layer in layers:
            embedding = flow.disturb_caption(embedding, layer.seed, layer.prompt_noise)
        return self.denoiser.caption(embedding)

    def _sigmas(self, task: Generate, prompt: str) -> list[float]:
        static = self.schedule.sigmas(task.steps, image_tokens(task.width, task.height))
        if task.init_image is None:
            return self.options.sigmas(prompt, static)
        # Where strength has it begin is a place on the model's own schedule.
        return static[flow.begin(task.steps, task.strength) :]

    def _decode(self, drawing: Drawing) -> tuple[Tensor, str | None]:
        """Return the pixels of a finished drawing and why they must not be shown, if so."""
        if drawing.broken is not None:
            return drawing.latents, drawing.broken
        drawing.latents, action = guards.clamp_latents(drawing.latents)
        if action is not None:
            drawing.actions.append(action)
        picture = self._pixels(drawing)
        reason = guards.pixels(picture)
        if reason is not None:
            drawing.actions.append(f"{reason}; decoded again in float32")
            picture = self._pixels(drawing, safely=True)
            reason = guards.pixels(picture)
        return (picture if reason else self._whole(drawing, picture)), reason

    def _whole(self, drawing: Drawing, picture: Tensor) -> Tensor:
        """Return a sound picture at the size that was asked for, with what stays of the one drawn over."""
        task = drawing.task
        if self._preview is None:
            self._preview = fit_preview(drawing.latents, picture)
        if picture.shape[-2:] != (task.height, task.width):
            plan = self.components.upscaling
            picture = enlarge(picture, task.width, task.height, plan, drawing.actions).to(picture)
        return picture if drawing.kept is None else drawing.kept.pasted(picture)

    def _pixels(self, drawing: Drawing, safely: bool = False) -> Tensor:
        def decode() -> Tensor:
            # Entered anew at each attempt: making room moves and exchanges the modules it widens.
            with self.vae.in_float32() if safely else nullcontext():
                return self.vae.decode(drawing.latents)

        return guards.retry_on_oom(decode, self._fallbacks(), too_large(drawing.task))

    def _redrawn(self, drawing: Drawing, reason: str) -> Drawing:
        """Draw the task again from another seed in the safe form, from its start when memory runs out."""
        task = replace(drawing.task, seed=drawing.task.seed ^ OTHER_SEED)
        again = guards.retry_on_oom(
            lambda: self._drawn_safely(task, drawing.ready), self._fallbacks(), too_large(task)
        )
        again.seconds = dict(drawing.seconds)
        again.forwards += drawing.forwards
        again.actions[:0] = [*drawing.actions, f"{reason}; drawn again in float32 from seed {task.seed}"]
        return again

    def _drawn_safely(self, task: Generate, ready: PromptReady) -> Drawing:
        with self._in_float32():
            again = self._begin(task, ready)
            while again.step < again.steps and again.broken is None:
                advance(self.denoiser, [again])
                PULSE.beat()
                again.step += 1
        return again

    @contextmanager
    def _in_float32(self) -> Iterator[None]:
        with self.text.in_float32(), self.denoiser.in_float32():
            yield

    def _fallbacks(self) -> Iterator[bool]:
        """Yield ways to free memory: the allocator's idle memory, the chat model's, then tighter plans."""
        yield True
        if self.optimizer.release_memory(out_of_memory=True):
            yield True
        while self.components.tighten is not None and self.components.tighten():
            log.warning("memory ran out; the model takes less of it from now on")
            self.denoiser.refresh()
            yield True

    def _split(self, drawings: Sequence[Drawing]) -> Iterator[bool]:
        """Leave it to the worker to go on one by one; larger batches are not begun any more."""
        self._capacity = sum(drawing.tokens for drawing in drawings) // 2
        log.warning("memory ran out with %d pictures at once; capacity is %d", len(drawings), self._capacity)
        yield False


def _unsound(drawing: Drawing) -> str | None:
    negative = None if drawing.negative is None else guards.embedding(drawing.negative)
    return guards.embedding(drawing.caption) or negative
