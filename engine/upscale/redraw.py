"""Detail drawn into an enlarged picture: image-to-image from a low noise level with the loaded model.

Knows tasks, tiles and the pipeline's public steps. Knows no network and no file. What it draws is new: it
belongs to the prompt, not to the picture that was there.
"""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine import guards, pixels
from engine.types import EngineError, Generate, Progress, PromptReady, image_tokens
from engine.upscale.tiling import Pixels, fade_in, spans
from engine.zimage.request import MOST_STEPS, MULTIPLE
from engine.zimage.sampling import Schedule
from engine.zimage.vae import to_image

SIGMA = 0.3
"""Noise level to begin at: strength 0.3 of 8 steps would begin at 0.64 and draw another picture."""
STEPS = 2
OVERLAP = 64
"""Pixels by which tiles overlap; over the middle of them one fades into the next."""
UNGUIDED = 1.0


class Redrawing:
    """Redraws through one loaded pipeline, whole up to the model's longest side, else in tiles of it."""

    def __init__(self, pipeline: Any, sigma: float = SIGMA, steps: int = STEPS) -> None:
        self._pipeline = pipeline
        self._sigma = sigma
        self._steps = steps

    def __call__(
        self, picture: Image.Image, prompt: str, seed: int
    ) -> Generator[Progress, None, Image.Image]:
        """Return `picture` with detail drawn in; progress by step. Raises `EngineError` as drawing does."""
        side = self._pipeline.components.profile.max_size
        padded = _padded(np.asarray(picture))
        rows, columns = (spans(length, side, OVERLAP, MULTIPLE) for length in padded.shape[:2])
        steps = len(rows) * len(columns) * self._steps
        ticks = iter([Progress(done, steps) for done in range(1, steps + 1)])
        result = np.empty_like(padded)
        for top, bottom in rows:
            band = np.empty((bottom - top, padded.shape[1], 3), np.float32)
            for left, right in columns:
                task = self._task(padded[top:bottom, left:right], prompt, seed)
                drawn = yield from self._drawn(task, ticks)
                fade_in(band.swapaxes(0, 1), drawn.swapaxes(0, 1), left, OVERLAP)
            fade_in(result, band, top, OVERLAP)
        return Image.fromarray(result).crop((0, 0, *picture.size))

    def _task(self, piece: Pixels, prompt: str, seed: int) -> Generate:
        """Image-to-image whose schedule begins as near to the wanted sigma as a number of steps allows."""
        height, width = piece.shape[:2]
        total = begun_at(self._pipeline.schedule, self._sigma, self._steps, image_tokens(width, height))
        return Generate(
            prompt,
            width=width,
            height=height,
            steps=total,
            guidance_scale=UNGUIDED,
            seed=seed,
            optimize=False,
            enhance=False,
            init_image=pixels.png(Image.fromarray(piece)),
            strength=(self._steps - 0.5) / total,
        )

    def _drawn(self, task: Generate, ticks: Iterator[Progress]) -> Generator[Progress, None, Pixels]:
        pipeline = self._pipeline
        drawing = pipeline.start(task, PromptReady(task.prompt, task.prompt))
        while drawing.step < drawing.steps:
            pipeline.step([drawing])
            yield next(ticks)
        with torch.inference_mode():
            picture = pipeline.vae.decode(drawing.latents)
        fault = drawing.broken or guards.pixels(picture)
        if fault is not None:
            raise EngineError("numerics", f"redrawing went wrong: {fault}; use the method sr")
        return np.asarray(to_image(picture))


def begun_at(schedule: Schedule, sigma: float, steps: int, tokens: int) -> int:
    """Return of how many steps the last `steps` begin nearest to `sigma`."""
    return min(
        range(steps, MOST_STEPS + 1),
        key=lambda total: abs(schedule.sigmas(total, tokens)[-1 - steps] - sigma),
    )


def _padded(picture: Pixels) -> Pixels:
    """Continue the picture to the right and downwards to sizes that the model draws."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0)), "edge")
