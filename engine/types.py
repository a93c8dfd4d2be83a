"""The engine's port: the tasks it takes, the events it yields, the errors it raises.

Standard library only, so that everything above the engine can import it without torch.
Sizes are pixels, times are seconds, images are encoded files (PNG, JPEG or WebP) as bytes.
"""

import math
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Variation:
    """Seeded noise that makes a picture a variation of another, recorded so that it can be repeated.

    `prompt_noise` is the noise on the caption embedding relative to its standard deviation;
    `latent_noise` in [0, 1] turns the initial noise towards a second one drawn from `seed`. `base` is what
    the parent picture was varied by: it is applied first, so that a relative of a relative stays near.
    """

    seed: int
    prompt_noise: float = 0.0
    latent_noise: float = 0.0
    base: "Variation | None" = None

    def layers(self) -> "tuple[Variation, ...]":
        """Return every variation in the order they are applied, this one last."""
        return (*(self.base.layers() if self.base else ()), self)


Mask = Literal["", "part", "around", "beside"]
"""What is drawn where a picture is transparent: a part of it, what is around it, or beside it."""


@dataclass(frozen=True, slots=True)
class Generate:
    """One picture. `guidance_scale` follows the standard convention: 1.0 is off.

    `loras` are names of LoRA files and their weights.
    `original` is the user's text where `prompt` was already rewritten; empty where `prompt` is that text.
    `wording` asks for another wording of an optimized or enhanced prompt, as that of `Optimize` does.
    With `fast` the prompt's complexity chooses the steps, from `FAST_STEPS` and never more than `steps`.
    With a `mask` only what is transparent in `init_image` is drawn anew; what is half so changes less.
    With `edit` the prompt says what to change in `init_image`, which the model gets as it is.
    `locale` is a BCP 47 tag of the language in which words that mean several things are read first.
    """

    prompt: str
    negative_prompt: str = ""
    width: int = 1024
    height: int = 1024
    steps: int = 8
    guidance_scale: float = 1.8
    seed: int = 0
    optimize: bool = True
    enhance: bool = True
    variation: Variation | None = None
    init_image: bytes | None = None
    strength: float = 0.6
    mask: Mask = ""
    edit: bool = False
    original: str = ""
    loras: tuple[tuple[str, float], ...] = ()
    wording: int = 0
    fast: bool = False
    locale: str = ""


GRID = 16
"""Sides of pictures are multiples of it, in pixels; an image token is a square of that side."""
MOST_STEPS = 50
MOST_GUIDANCE = 5.0
"""The highest guidance scale that users may choose."""
SEEDS = 2**64
FAST_STEPS = (4, 8)
"""The fewest and the most steps that a prompt's complexity chooses."""


@dataclass(frozen=True, slots=True)
class Optimize:
    """Rewrite a rough prompt into a precise one; ends in `PromptReady`.

    `wording` 0 is the best one; each further number asks for another wording of the same prompt. Without
    `enhance` nothing is added that the prompt does not say. `negative_prompt` comes back, with what the
    prompt refuses, in `PromptReady.negative_used`. `locale` is as that of `Generate`.
    """

    prompt: str
    wording: int = 0
    enhance: bool = True
    negative_prompt: str = ""
    locale: str = ""


UpscaleMethod = Literal["auto", "sr", "lanczos", "redraw"]
UPSCALE_FACTORS = (2, 3, 4)
LONGEST_UPSCALED = 8192
"""Pixels on the longer side of an upscaled picture, at most."""
REDRAW_STEPS = 2
"""Steps at the larger size that `redraw` takes besides the upscaling."""


@dataclass(frozen=True, slots=True)
class Upscale:
    """Upscale an encoded image `factor` times per side; its metadata travels into the new file.

    `sr` is a super-resolution network, `redraw` that and a few steps of image-to-image with the picture's own
    prompt; `auto` chooses between network and Lanczos by the style that prompt names.
    """

    image: bytes
    factor: int = 2
    method: UpscaleMethod = "auto"


Task = Generate | Optimize | Upscale


@dataclass(frozen=True, slots=True)
class PromptReady:
    """The prompt the model gets, known before the first step; `notes` are codes (`enhanced:time`)."""

    original: str
    used: str
    negative_used: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `steps` is done; `preview` is a small JPEG from the latents, not at every step."""

    step: int
    steps: int
    preview: bytes | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """The finished PNG with its metadata; `report` holds dtype, plan, guard actions and seconds per stage."""

    png: bytes
    width: int
    height: int
    seed: int
    seconds: float
    report: Mapping[str, Any] = field(default_factory=dict)


Event = PromptReady | Progress | Picture

ErrorCode = Literal["out_of_memory", "numerics", "bad_input", "model_missing", "lost", "internal"]


class EngineError(Exception):
    """This task cannot be done; `code` says why, the message names the value and the fix.

    EngineError
    └── EngineLost    the engine went away; the task itself may be fine
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code


class EngineLost(EngineError):
    """The engine went away while the task ran or waited; it may be tried again.

    An engine of several machines raises it only when closed: what one machine lost begins anew on another.
    """

    def __init__(self, message: str = "the engine process ended") -> None:
        super().__init__("lost", message)


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What users and the bot need to know of a model before it is loaded.

    `base_size` is the side of its native square in pixels, `max_size` the longest side it may draw,
    `suggestions` are prompts it does well, `world` is a sentence on what a limited model can draw, or empty;
    `suggestions_in` and `worlds` have them in other languages, where somebody wrote them. `steps` and
    `guidance_scale` are what it was made for, as `source` says; guidance acts on `guided_share` of the steps.
    One that `spares_guidance` has it distilled in: at its own scale only what a prompt refuses is guided.
    `licence` is its licence in short where it is known, `negatives` terms for its pictures' negative prompt.
    `composes` is the side of the largest square that it can compose, 0 for any; larger pictures are drawn at
    that area and enlarged. A model `inpaints` where it draws parts of a picture anew, and `edits`
    where it changes one as words say. `reads` are the languages of its text encoder.
    """

    name: str
    base_size: int
    max_size: int
    suggestions: tuple[str, ...] = ()
    world: str = ""
    worlds: Mapping[str, str] = field(default_factory=dict)
    suggestions_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    steps: int = 8
    guidance_scale: float = 1.8
    negatives: tuple[str, ...] = ()
    composes: int = 0
    inpaints: bool = False
    edits: bool = False
    reads: tuple[str, ...] = ("en",)
    guided_share: float = 0.25
    spares_guidance: bool = False
    licence: str = ""
    source: str = "the same as for Z-Image-Turbo: nothing else is known of it"

    @property
    def smallest(self) -> int:
        """The shortest side in pixels that is still worth drawing."""
        return max(4 * GRID, (self.composes or self.base_size) // 4 // GRID * GRID)

    @property
    def drawn_side(self) -> int:
        """The side in pixels of the square that its usual picture is drawn at, before it is enlarged."""
        return min(self.base_size, self.composes or self.base_size)

    def sized(self, ratio: float) -> tuple[int, int]:
        """Return the size of a ratio with the native area, or the largest that fits the longest side.

        One that is enlarged is a multiple of what is drawn.
        """
        width, height = self.base_size * math.sqrt(ratio), self.base_size / math.sqrt(ratio)
        shrunk = min(1.0, self.max_size / max(width, height))
        step = GRID * max(1, round(self.base_size / self.composes)) if self.composes else GRID
        return self.snapped(width * shrunk, step), self.snapped(height * shrunk, step)

    def snapped(self, side: float, step: int = GRID) -> int:
        """Return the nearest side in pixels that can be drawn and is a multiple of `step`."""
        return min(max(step * round(side / step), self.smallest), self.max_size // step * step)


EXPERIMENTS = ("dynamic-schedule", "reuse-balanced", "reuse-fast", "detail", "cuda-graphs")
"""Studies that are off because they did not pay, or were not measured: noise levels bent by the prompt's
complexity, steps that reuse others' work (one of the two), a pass of super-resolution blended into enhanced
pictures, and small pictures' forwards as one launch on CUDA."""


PromptLanguage = Literal["auto", "english", "own"]
"""English where a Chinese prompt is understood whole or the model reads no Chinese; always; or never."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What a model is put together from, and how it is run.

    `text_encoder` and `vae` are files or directories in place of the model's own parts; what a single file
    lacks and these don't name comes from `base`, a directory or a hub id, or where that is empty from the
    preset's files.
    `device` and `dtype` are `auto` or torch's names; `threads` is the number of CPU threads (0: all but one,
    so that the bot stays answerable); `weights` is the form the large matrices are kept in: `auto`, plain,
    bfloat16, int8, float8, 4bit, int8-fast or float8-fast; `optimizer` is what writes prompts: `auto`, rules,
    text-encoder, or a chat model's directory or hub id; `upscalers` names super-resolution weights or is a
    folder of them, and `loras` is one of LoRA files, or empty; `experimental` names those of `EXPERIMENTS`
    that Z-Image draws with; `prompt_language` says when Chinese prompts stay Chinese.
    """

    text_encoder: str = ""
    vae: str = ""
    base: str = ""
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    weights: str = "auto"
    optimizer: str = "auto"
    upscalers: str = ""
    loras: str = ""
    experimental: tuple[str, ...] = ()
    prompt_language: PromptLanguage = "auto"


@dataclass(frozen=True, slots=True)
class EngineSettings(ModelSettings):
    """The settings of an engine.

    `model` is `embedded`, the preset `z-image-turbo` or `z-image-turbo:FORM`, a directory or a hub id in
    `ZImagePipeline` layout, or a transformer of Z-Image in one `.gguf` or `.safetensors` file: its path, or
    OWNER/REPOSITORY/FILE; `classifier` is a directory or
    hub id of a `transformers` image-classification model that scores every picture in
    `Picture.report["scores"]`, empty for none; `loader` names the function that builds the pipeline in the
    child, as `module:function`; `compiled` is the folder of the compiler's work, empty for torch's own. With
    `guides_always` guidance is not spared where nothing is refused.
    """

    model: str = "embedded"
    classifier: str = ""
    loader: str = "engine.models.registry:load"
    compiled: str = ""
    guides_always: bool = False


class Engine(Protocol):
    """A model on one or more devices."""

    @property
    def rooms(self) -> tuple[int, ...]:
        """For each device the image tokens (16×16 pixels each) in flight that keep it busy.

        Empty where nobody is there to draw; may change over time, see `watch`.
        """

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called in the event loop after every change of `rooms`."""

    def start(self) -> None:
        """Get ready for tasks, as loading a model or connecting; returns at once, and may be called again."""

    def run(self, task: Task) -> AsyncGenerator[Event, None]:
        """Yield events, the last one the result: `Picture`, or `PromptReady` for `Optimize`.

        Wrap each use in `contextlib.aclosing`. Cancelling the asyncio task that iterates cancels the work.
        Raises `EngineError` (a bad or impossible task) or `EngineLost` (try again).
        """

    async def close(self) -> None:
        """End the engine; running tasks raise `EngineLost`."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A machine of a cluster, as it said last; `seconds` is what a usual picture takes, once known."""

    name: str
    device: str
    running: int
    drawn: int
    seconds: float | None


def image_tokens(width: int, height: int) -> int:
    """Return the transformer tokens of a `width`×`height` picture."""
    return (width // GRID) * (height // GRID)
