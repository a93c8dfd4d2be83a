"""From a task to a picture with any model diffusers can load, step by step and with the same checks.

The order of the stages inside a call is the diffusers pipeline's own. One picture is one forward; there are
no previews and no shared batches.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from engine import guards, prompts
from engine.models.diffusers.call import does_a_share, prepared, requested_steps
from engine.models.diffusers.drawing import Drawing
from engine.models.diffusers.text import reader
from engine.models.diffusers.watch import watched
from engine.models.zimage import record
from engine.pictures import codec, metadata
from engine.pictures.tensors import to_image
from engine.pipeline import Redraw
from engine.prompts import Writer
from engine.prompts.text.truncate import as_read
from engine.pulse import PULSE
from engine.sampling.steps import steps_for
from engine.sampling.task_limits import OTHER_SEED, check, too_large
from engine.types import (
    EngineError,
    Generate,
    ModelProfile,
    Optimize,
    Picture,
    Progress,
    PromptLanguage,
    PromptReady,
    Upscale,
    image_tokens,
)
from engine.upscale import upscale
from engine.upscale.plan import UpscalePlan

TILE = 512
"""Side in pixels of a VAE tile once memory was scarce."""


class GenericPipeline:
    """The worker's pipeline around a diffusers `pipe` for text and, where there is one, `image_pipe`.

    `offload` is called once when memory runs out: it makes the model take less and says whether it could.
    `upscaling` is where and with what pictures are upscaled, `writer` the language model that writes prompts;
    `prompt_language` says when Chinese prompts stay Chinese, `translator` translates others.
    """

    def __init__(
        self,
        pipe: Any,
        image_pipe: Any | None,
        profile: ModelProfile,
        device: torch.device,
        offload: Callable[[], bool] = lambda: False,
        upscaling: UpscalePlan | None = None,
        writer: Writer | None = None,
        prompt_language: PromptLanguage = "auto",
        translator: Callable[[str], str] | None = None,
    ) -> None:
        self.pipe = pipe
        self.image_pipe = image_pipe
        self.profile = profile
        self.device = device
        target = prompts.Target(prompt_language, "zh" in profile.reads, translator)
        self.optimizer = prompts.Optimizer(language=writer, target=target, usual=profile.negatives)
        self._readable = reader(pipe)
        self._offload = offload
        self._upscaling = upscaling or UpscalePlan()

    @property
    def capacity(self) -> int:
        """Image tokens of one native picture."""
        return image_tokens(self.profile.base_size, self.profile.base_size)

    def prompt(self, task: Generate | Optimize) -> Generator[None, None, PromptReady]:
        """Optimize and enhance the prompt as the task asks, as far as the model's encoders read it."""
        return as_read((yield from self.optimizer.steps(task)), self._readable)

    def start(self, task: Generate, ready: PromptReady) -> Drawing:
        """Check the task; all computing is done in the steps."""
        check(task, self.profile)
        if task.loras:
            raise EngineError("bad_input", "LoRA files work with Z-Image models only; leave --lora out")
        if task.mask:
            raise EngineError(
                "bad_input", f"{self.profile.name} draws no part of a picture anew; leave the mask out"
            )
        if task.init_image is not None and self.image_pipe is None:
            raise EngineError(
                "bad_input", f"{self.profile.name} cannot start from a picture; send words only"
            )
        task = replace(task, steps=steps_for(ready.used, task.steps, task.fast))
        pipe, steps = self._pipe(task), task.steps
        if does_a_share(pipe, task):
            steps = max(1, int(requested_steps(pipe, task) * task.strength))
        return Drawing(task, ready, steps)

    def step(self, drawings: Sequence[Drawing]) -> None:
        """Advance one drawing by one step."""
        (drawing,) = drawings
        self.optimizer.release_memory()
        started = time.perf_counter()
        guards.retry_on_oom(lambda: self._advance(drawing), self._fallbacks(), too_large(drawing.task))
        drawing.step += 1
        drawing.seconds["steps"] = drawing.seconds.get("steps", 0.0) + time.perf_counter() - started

    def preview(self, drawing: Drawing) -> bytes | None:
        """There are none: every model has latents of its own."""
        return None

    def finish(self, drawing: Drawing) -> Callable[[], Picture]:
        """Decode and check; a broken picture is drawn once more in float32 and from another seed.

        Raises `EngineError("numerics")` when that one is broken, too.
        """
        started = time.perf_counter()
        picture, reason = self._decoded(drawing)
        if reason is not None:
            drawing = self._redrawn(drawing, reason)
            picture, reason = self._drawn_safely(drawing)
        if reason is not None:
            raise EngineError(
                "numerics", f"the picture failed its checks: {reason}; try another seed or other settings"
            )
        drawing.seconds["decode"] = time.perf_counter() - started
        return partial(self._encode, drawing, picture)

    def lost(self, error: Exception) -> bool:
        """Say whether the device failed and every later call on it would."""
        return guards.device_failed(error)

    def upscale(self, task: Upscale) -> Generator[Progress | Picture | Redraw, None, None]:
        """Upscale an encoded image, tile by tile; redrawing is refused: the schedule is not known."""
        return upscale(task, self._upscaling)

    def _advance(self, drawing: Drawing, until: int | None = None) -> None:
        """Go on to the end of the drawing's next step; a call that failed is made again up to there."""
        target = drawing.step + 1 if until is None else until
        run, done = drawing.run, drawing.step
        if drawing.broken is not None or (run is not None and run.result is not None):
            return
        pipe = self._pipe(drawing.task)
        if run is None or run.ended:
            run, done = prepared(pipe, drawing), 0
            drawing.run = run
            drawing.predictions.clear()
        while done < target and not run.ended and drawing.broken is None:
            done += 1
            with watched(pipe, drawing, done):
                run.advance()
            PULSE.beat()
        if run.steps:
            drawing.steps = run.steps

    def _pipe(self, task: Generate) -> Any:
        return self.pipe if task.init_image is None else self.image_pipe

    def _decoded(self, drawing: Drawing) -> tuple[Tensor, str | None]:
        """Return pixels (3, height, width) in [-1, 1] and why they must not be shown, if so."""
        guards.retry_on_oom(
            lambda: self._advance(drawing, drawing.steps + 1), self._fallbacks(), too_large(drawing.task)
        )
        assert drawing.run is not None
        if drawing.broken is not None:
            drawing.run.cancel()
            return torch.empty(0), drawing.broken
        assert drawing.run.result is not None
        picture = drawing.run.result.images[0].float() * 2 - 1
        return picture, guards.pixels(picture)

    def _redrawn(self, drawing: Drawing, reason: str) -> Drawing:
        seed = drawing.task.seed ^ OTHER_SEED
        again = Drawing(replace(drawing.task, seed=seed), drawing.ready, drawing.steps)
        again.seconds = dict(drawing.seconds)
        again.actions = [*drawing.actions, f"{reason}; drawn again in float32 from seed {seed}"]
        return again

    def _drawn_safely(self, drawing: Drawing) -> tuple[Tensor, str | None]:
        """Draw and decode in float32; what that takes may be too much at first, too."""

        def attempt() -> tuple[Tensor, str | None]:
            with self._in_float32():
                return self._decoded(drawing)

        return guards.retry_on_oom(attempt, self._fallbacks(), too_large(drawing.task))

    @contextmanager
    def _in_float32(self) -> Iterator[None]:
        """Hold every parameter in float32 inside the block; there and back loses nothing."""
        narrow = [
            (parameter, parameter.dtype)
            for module in self.pipe.components.values()
            if isinstance(module, nn.Module)
            for parameter in module.parameters()
            if parameter.dtype in (torch.bfloat16, torch.float16)
        ]
        try:
            for parameter, _ in narrow:
                parameter.data = parameter.data.float()
            yield
        finally:
            for parameter, dtype in narrow:
                parameter.data = parameter.data.to(dtype)

    def _fallbacks(self) -> Iterator[bool]:
        """Yield ways to free memory: parts to main memory, last decoding in tiles, which show."""
        yield True
        if self.optimizer.release_memory(out_of_memory=True):
            yield True
        yield self._offload()
        vae = getattr(self.pipe, "vae", None)
        if vae is not None and hasattr(vae, "enable_tiling") and not vae.use_tiling:
            vae.enable_tiling()
            vae.tile_sample_min_size = TILE
            vae.tile_latent_min_size = TILE // self.pipe.vae_scale_factor
            yield True

    def _encode(self, drawing: Drawing, picture: Tensor) -> Picture:
        task = drawing.task
        started = time.perf_counter()
        parameters = record.parameters(task, drawing.ready, self.profile.name)
        # A pipeline may have its own idea of a picture's size.
        image = codec.fit(to_image(picture), task.width, task.height)
        png = metadata.write(codec.png(image), parameters)
        drawing.seconds["png"] = time.perf_counter() - started
        dtype = str(self.pipe.dtype).removeprefix("torch.")
        report = drawing.report() | {"model": self.profile.name, "device": str(self.device), "dtype": dtype}
        return Picture(png, task.width, task.height, task.seed, sum(drawing.seconds.values()), report)
