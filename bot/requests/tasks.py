"""From a request to the engine's tasks: sizes, seeds, cost, and the requests behind the buttons.

Pure functions; knows no database, no platform and no limits. Sizes are pixels, always multiples of 16.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.requests import edits
from bot.requests.upscale_options import TWICE, UpscaleOptions
from bot.types import Address, Edit, Job, Params, Refused, Request, User
from engine.types import (
    FAST_STEPS,
    LONGEST_UPSCALED,
    REDRAW_STEPS,
    SEEDS,
    Generate,
    ModelProfile,
    Optimize,
    Task,
    Upscale,
    Variation,
    image_tokens,
)

NEW_SEEDS = 2**32
"""New seeds are short: people copy them."""
MAX_UPSCALED = 40_000_000
REROLL_PROMPT_NOISE = 0.3
VARY_PROMPT_NOISE = 0.12
VARY_LATENT_NOISE = 0.3

SeedSource = Callable[[], int]
"""A fresh seed in [0, NEW_SEEDS)."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was left open, decided: one picture's size, the first seed, and the job's cost in token-steps."""

    width: int
    height: int
    seed: int
    cost: int


def random_seed() -> int:
    """Return a fresh seed; it decides what is drawn and keeps no secret."""
    return random.randrange(NEW_SEEDS)


def resolve(
    request: Request, profile: ModelProfile, source: tuple[int, int] | None, new_seed: SeedSource
) -> Resolved:
    """Decide size, seed and cost of a request; `source` is the size of its input picture, if it has one.

    Raises `Refused` for a size the model cannot draw and for an upscale without or of too large a picture.
    """
    width, height = _size(request, profile, source)
    seed = new_seed() if request.params.seed is None else request.params.seed
    return Resolved(width, height, seed, _cost(request, profile, width, height))


def aspect_size(profile: ModelProfile, aspect: str) -> tuple[int, int]:
    """Return the size of `W:H` with about the model's native area, or less where it would be too long."""
    across, down = (int(part) for part in aspect.split(":"))
    return profile.sized(across / down)


def snapped_size(profile: ModelProfile, width: int, height: int) -> tuple[int, int]:
    """Return the size snapped to the grid; raises `Refused` outside what the model can draw."""
    low = profile.smallest
    if not (low <= width <= profile.max_size and low <= height <= profile.max_size):
        raise Refused(
            "bad-value", flag="--size", value=f"{width}x{height}", allowed=f"{low}–{profile.max_size}"
        )
    return profile.snapped(width), profile.snapped(height)


def picture_cost(profile: ModelProfile, steps: int) -> int:
    """Return the cost in token-steps of one picture of the native size: what limits count as one picture."""
    return image_tokens(profile.base_size, profile.base_size) * steps


def most_steps(params: Params) -> int:
    """Return the most steps a picture takes; a fast one may take fewer, and costs as much."""
    return min(params.steps, FAST_STEPS[1]) if params.fast else params.steps


def count(request: Request) -> int:
    """Return how many tasks a request makes; only `imagine` makes several."""
    return request.params.count if request.kind == "imagine" else 1


def tasks(job: Job, image: bytes | None) -> list[Task]:
    """Return the engine's tasks, one a picture; `image` is the input picture or the one to upscale."""
    return [task(job, index, image) for index in range(count(job.request))]


def task(job: Job, index: int, image: bytes | None) -> Task:
    """Return the engine's task for picture `index` of a job."""
    params, locale = job.request.params, job.request.params.locale or job.request.user.locale
    if job.request.kind == "optimize":
        return Optimize(params.prompt, job.request.index, params.enhance, params.negative_prompt, locale)
    if job.request.kind == "upscale":
        assert image is not None
        return Upscale(image, params.factor, params.method)
    return Generate(
        prompt=params.prompt,
        negative_prompt=params.negative_prompt,
        width=job.width,
        height=job.height,
        steps=params.steps,
        guidance_scale=params.guidance_scale,
        seed=picture_seed(job, index),
        optimize=params.optimize,
        enhance=params.enhance,
        variation=picture_variation(job, index),
        init_image=image,
        strength=params.strength,
        mask=edits.mask(params.edit),
        edit=params.edit == "words",
        original=job.request.original,
        loras=params.loras,
        wording=_wording(job.request),
        fast=params.fast,
        locale=locale,
    )


def picture_seed(job: Job, index: int) -> int:
    """Return the seed of picture `index`: counted up, but shared by the varied pictures of one parent."""
    variation = job.request.variation
    if variation is not None and variation.latent_noise:
        return job.seed
    return (job.seed + index) % SEEDS


def picture_variation(job: Job, index: int) -> Variation | None:
    """Return the variation of picture `index`, its seed counted up."""
    variation = job.request.variation
    return variation and replace(variation, seed=(variation.seed + index) % SEEDS)


def room(job: Job) -> int:
    """Return the image tokens that one task of the job occupies in the engine."""
    params, tokens = job.request.params, image_tokens(job.width, job.height)
    is_scaled = job.request.kind == "upscale" and params.method != "redraw"
    return max(1, tokens // params.factor**2 if is_scaled else tokens)


def again(job: Job, user: User, address: Address, event_id: str, new_seed: SeedSource) -> Request:
    """Return the request of a reroll: a new seed, and noise on the prompt so that a turbo model shows it.

    What is not drawn is requested again as it was: the same wording, the same picture to upscale.
    """
    request = _from(job, user, address, event_id)
    if request.kind != "imagine":
        is_upscaled = request.kind == "upscale" and request.image is None
        return replace(request, index=job.request.index, parent=job.request.parent if is_upscaled else job.id)
    return replace(
        request,
        params=replace(request.params, seed=None),
        variation=Variation(seed=new_seed(), prompt_noise=REROLL_PROMPT_NOISE),
    )


def vary(job: Job, index: int, user: User, address: Address, event_id: str, new_seed: SeedSource) -> Request:
    """Return the request for near relatives of picture `index`: its seed and used prompt, weaker noise."""
    return replace(
        _from(job, user, address, event_id),
        index=index,
        params=replace(rewritten(job), seed=picture_seed(job, index), enhance=False),
        original=job.request.original or job.request.params.prompt,
        variation=Variation(
            new_seed(), VARY_PROMPT_NOISE, VARY_LATENT_NOISE, base=picture_variation(job, index)
        ),
    )


def view(job: Job, index: int, user: User, address: Address, event_id: str, edit: Edit) -> Request:
    """Return the request for picture `index` zoomed out or moved, drawn with its own prompt.

    Of a view of a view that prompt is the one it was asked for with: a small model draws no more than needed.
    """
    params = job.request.params if job.request.params.edit else rewritten(job)
    strength = edits.VIEWS[edit].strength
    return replace(
        _from(job, user, address, event_id),
        index=index,
        image=None,
        params=replace(
            params, seed=None, count=1, enhance=False, optimize=False, edit=edit, strength=strength
        ),
        original=job.request.original or job.request.params.prompt,
        variation=None,
    )


def upscale(
    job: Job, index: int, user: User, address: Address, event_id: str, options: UpscaleOptions = TWICE
) -> Request:
    """Return the request to upscale picture `index` of a job."""
    request = _from(job, user, address, event_id)
    return replace(
        request,
        kind="upscale",
        index=index,
        image=None,
        params=options.over(replace(request.params, count=1, seed=picture_seed(job, index), edit="")),
    )


def chosen(job: Job, verb: str, user: User, address: Address, event_id: str) -> Request:
    """Return the request to draw an optimize job's new prompt (`use`) or the user's own (`original`).

    Of a picture, `original` is the same once more from the user's own words, with nothing changed or added.
    """
    params = job.request.params
    if job.request.kind == "imagine":
        own = replace(params, prompt=job.request.original or params.prompt, seed=job.seed)
        request = _from(job, user, address, event_id)
        return replace(request, params=replace(own, optimize=False, enhance=False), original="")
    use = verb == "use" and bool(job.used_prompt)
    return replace(
        _from(job, user, address, event_id),
        kind="imagine",
        params=rewritten(job) if use else replace(params, optimize=False),
        original=params.prompt if use else "",
    )


def another(job: Job, user: User, address: Address, event_id: str) -> Request:
    """Return the request for one more wording of an optimize job's prompt."""
    return replace(_from(job, user, address, event_id), kind="optimize", index=job.request.index + 1)


def rewritten(job: Job) -> Params:
    """Return the parameters with the words the model was given; what they refuse travels with them."""
    params = job.request.params
    negative = job.negative_used or params.negative_prompt
    return replace(
        _plain(params), prompt=job.used_prompt or params.prompt, negative_prompt=negative, optimize=False
    )


def has_picture(job: Job) -> bool:
    """Say whether a job made pictures that are still there."""
    return any(not picture.deleted for picture in job.pictures)


def edited(job: Job) -> Params:
    """Return the parameters that an edit of a job begins with.

    An optimized prompt is edited itself; a variation of a rewritten one is edited in the user's own words.
    """
    if job.request.kind == "optimize" and job.used_prompt:
        return rewritten(job)
    params, own = job.request.params, job.request.original
    return replace(params, prompt=own, optimize=True) if own and job.request.variation else params


def _wording(request: Request) -> int:
    """Return which wording a picture's prompt gets: a reroll's own where that is configured, the best else.

    All pictures of a job share it, as a job has one prompt.
    """
    params, variation = request.params, request.variation
    return variation.seed if variation and params.reword and params.optimize else 0


def _from(job: Job, user: User, address: Address, event_id: str) -> Request:
    request = replace(job.request, user=user, address=address, event_id=event_id, parent=job.id, index=0)
    locale = request.params.locale or job.request.user.locale
    return replace(request, params=replace(_plain(request.params), locale=locale))


def _plain(params: Params) -> Params:
    """Return the parameters without a word on how their prompt came about."""
    return replace(params, edit="") if params.edit == "prompt" else params


def _size(request: Request, profile: ModelProfile, source: tuple[int, int] | None) -> tuple[int, int]:
    params = request.params
    if request.kind == "upscale":
        return _upscaled(source, params.factor)
    if params.width is not None or params.height is not None:
        return snapped_size(profile, params.width or params.height or 0, params.height or params.width or 0)
    if params.aspect is not None:
        return aspect_size(profile, params.aspect)
    if source is not None and edits.mask(params.edit) and max(source) <= profile.max_size:
        return profile.snapped(source[0]), profile.snapped(source[1])
    if source is not None:
        return profile.sized(source[0] / source[1])
    return profile.base_size, profile.base_size


def _upscaled(source: tuple[int, int] | None, factor: int) -> tuple[int, int]:
    if source is None:
        raise Refused("needs-image")
    width, height = source[0] * factor, source[1] * factor
    if width * height > MAX_UPSCALED:
        raise Refused("too-large", megapixels=round(width * height / 1e6, 1), limit=MAX_UPSCALED // 10**6)
    if max(width, height) > LONGEST_UPSCALED:
        raise Refused("too-long", side=str(max(width, height)), limit=str(LONGEST_UPSCALED))
    return width, height


def _cost(request: Request, profile: ModelProfile, width: int, height: int) -> int:
    """Return token-steps.

    An optimized prompt costs a step of a native picture, an upscale one of its own, and redrawing its steps.
    """
    if request.kind == "optimize":
        return picture_cost(profile, 1)
    if request.kind == "upscale":
        return image_tokens(width, height) * (1 + REDRAW_STEPS if request.params.method == "redraw" else 1)
    return image_tokens(width, height) * most_steps(request.params) * request.params.count
