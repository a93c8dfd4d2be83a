"""Prompts prepared by rules alone."""

from engine.prompts import Optimizer, Rewritten, Target, World
from engine.prompts.complete.optimize import ENGLISH
from engine.types import Generate


def prepare(
    text: str,
    world: World | None = None,
    *,
    negative: str = "",
    optimized: bool = True,
    enhanced: bool = True,
    guided: bool = True,
    wording: int = 0,
    target: Target = ENGLISH,
) -> Rewritten:
    """What a picture's prompt becomes, its notes and its negative prompt."""
    scale = 2.0 if guided else 1.0
    task = Generate(
        text, negative, guidance_scale=scale, optimize=optimized, enhance=enhanced, wording=wording
    )
    ready = Optimizer(world, target=target).prepare(task)
    return Rewritten(ready.used, ready.notes, ready.negative_used)
