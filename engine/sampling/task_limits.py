"""Every limit of a `Generate` task, checked once; users' quotas are the bot's."""

from engine.types import GRID, MOST_STEPS, SEEDS, EngineError, Generate, ModelProfile

SMALLEST_SIDE = 32
HIGHEST_GUIDANCE = 20.0
HIGHEST_PROMPT_NOISE = 2.0
OTHER_SEED = 0x5EED << 32
"""Turns the seed of a picture that failed into one that none of its neighbours has."""


def check(task: Generate, profile: ModelProfile) -> None:
    """Raise `EngineError("bad_input")` naming the first value out of its range."""
    if not task.prompt.strip():
        raise EngineError("bad_input", "the prompt is empty; write what to draw")
    for name, side in (("width", task.width), ("height", task.height)):
        _between(name, side, SMALLEST_SIDE, profile.max_size)
        if side % GRID:
            raise EngineError("bad_input", f"{name} is {side}; it must be a multiple of {GRID}")
    _between("steps", task.steps, 1, MOST_STEPS)
    _between("guidance scale", task.guidance_scale, 1, HIGHEST_GUIDANCE)
    _between("seed", task.seed, 0, SEEDS - 1)
    if task.init_image is not None and not 0 < task.strength <= 1:
        raise EngineError("bad_input", f"strength is {task.strength}; it must be above 0 and at most 1")
    if task.edit and task.init_image is None:
        raise EngineError("bad_input", "an instruction needs a picture to change; send one")
    if task.edit and not profile.edits:
        raise EngineError(
            "bad_input", f"{profile.name} changes no picture by instruction; describe the result"
        )
    if task.mask and task.init_image is None:
        raise EngineError("bad_input", "a mask needs a picture; send one that is transparent in parts")
    for layer in task.variation.layers() if task.variation else ():
        _between("variation seed", layer.seed, 0, SEEDS - 1)
        _between("prompt noise", layer.prompt_noise, 0, HIGHEST_PROMPT_NOISE)
        _between("latent noise", layer.latent_noise, 0, 1)


def too_large(task: Generate) -> str:
    """Return the message for a picture that fits in memory in no way."""
    return f"a {task.width}×{task.height} picture does not fit in memory; ask for a smaller one"


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise EngineError("bad_input", f"{name} is {value}; it must be from {low} to {high}")
