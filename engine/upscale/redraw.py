"""Detail drawn into an upscaled picture: image-to-image from a low noise level with the loaded model.

Cuts the picture into tasks like any other and joins their pictures. What is drawn follows the prompt and is
not a reconstruction of the picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from engine import guards
from engine.pictures import codec
from engine.pictures.metadata import Parameters
from engine.pictures.tensors import to_pixels
from engine.prompts.text.sanitize import sanitize
from engine.sampling.flow import Schedule
from engine.sampling.task_limits import SMALLEST_SIDE
from engine.types import GRID, MOST_STEPS, REDRAW_STEPS, SEEDS, Generate, image_tokens
from engine.upscale.tiling import Pixels, fade_in, spans

SIGMA = 0.3
"""Noise level to begin at: strength 0.3 of 8 steps would begin at 0.64 and draw another picture."""
OVERLAP = 64
"""Pixels by which pieces overlap; over the middle of them one fades into the next."""
UNGUIDED = 1.0

Span = tuple[int, int]


@dataclass(frozen=True)
class Cut:
    """A picture's padded levels `(h, w, 3)` in a grid of overlapping pieces, and the task for each, by rows.

    `size` is (width, height) before padding. None stands for a piece that stays as it is: plain black or one
    colour, of which a check would say that drawing it had failed.
    """

    levels: Pixels
    size: tuple[int, int]
    rows: Sequence[Span]
    columns: Sequence[Span]
    tasks: tuple[Generate | None, ...]

    def joined(self, drawn: Sequence[bytes]) -> Image.Image:
        """Return the picture made of the encoded `drawn` pieces, one for each task, in order."""
        files = iter(drawn)
        parts = (
            piece if task is None else np.asarray(codec.read(next(files)))
            for piece, task in zip(_pieces(self.levels, self.rows, self.columns), self.tasks, strict=True)
        )
        result = np.empty_like(self.levels)
        for top, bottom in self.rows:
            band = np.empty((bottom - top, self.levels.shape[1], 3), np.float32)
            for left, _ in self.columns:
                fade_in(band.swapaxes(0, 1), next(parts).swapaxes(0, 1), left, OVERLAP)
            fade_in(result, band, top, OVERLAP)
        return Image.fromarray(result).crop((0, 0, *self.size))


@dataclass(frozen=True)
class Redrawing:
    """How a model redraws: whole up to `side`, its longest, else in pieces of it; `steps` from `sigma` on.

    LoRA files are used again for what the `model` of that name drew; another's may not be here.
    """

    side: int
    schedule: Schedule
    model: str = ""
    sigma: float = SIGMA
    steps: int = REDRAW_STEPS

    def work(self, width: int, height: int) -> int:
        """Return the steps that a picture of this size takes, all its pieces together."""
        rows, columns = self._grid(_drawable(width), _drawable(height))
        return len(rows) * len(columns) * self.steps

    def cut(self, picture: Image.Image, parameters: Parameters) -> Cut:
        """Cut an upscaled picture into image-to-image tasks with its own prompt."""
        levels = _padded(np.asarray(picture))
        rows, columns = self._grid(levels.shape[1], levels.shape[0])
        tasks = tuple(self._task(piece, parameters) for piece in _pieces(levels, rows, columns))
        return Cut(levels, picture.size, rows, columns, tasks)

    def _grid(self, width: int, height: int) -> tuple[list[Span], list[Span]]:
        longest = self.side // GRID * GRID
        return spans(height, longest, OVERLAP, GRID), spans(width, longest, OVERLAP, GRID)

    def _task(self, piece: Pixels, parameters: Parameters) -> Generate | None:
        """Image-to-image whose schedule begins as near to the wanted sigma as a number of steps allows."""
        image = Image.fromarray(piece)
        if guards.pixels(to_pixels(image)) is not None:
            return None
        total = begun_at(self.schedule, self.sigma, self.steps, image_tokens(*image.size))
        return Generate(
            sanitize(parameters.prompt).text,
            width=image.width,
            height=image.height,
            steps=total,
            guidance_scale=UNGUIDED,
            seed=parameters.seed & (SEEDS - 1),
            optimize=False,
            enhance=False,
            init_image=codec.stored(image),
            strength=(self.steps - 0.5) / total,
            loras=parameters.loras if parameters.model == self.model else (),
        )


def begun_at(schedule: Schedule, sigma: float, steps: int, tokens: int) -> int:
    """Return of how many steps the last `steps` begin nearest to `sigma`."""
    return min(
        range(steps, MOST_STEPS + 1),
        key=lambda total: abs(schedule.sigmas(total, tokens)[-1 - steps] - sigma),
    )


def _pieces(levels: Pixels, rows: Sequence[Span], columns: Sequence[Span]) -> Iterator[Pixels]:
    return (levels[top:bottom, left:right] for top, bottom in rows for left, right in columns)


def _drawable(side: int) -> int:
    """Return the shortest side that the model draws and that holds `side`."""
    return max(SMALLEST_SIDE, -(-side // GRID) * GRID)


def _padded(picture: Pixels) -> Pixels:
    """Continue the picture to the right and downwards to sizes that the model draws."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, _drawable(height) - height), (0, _drawable(width) - width), (0, 0)), "edge")
