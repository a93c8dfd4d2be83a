"""Prompts prepared by rules alone."""

from engine.prompts import Optimizer, Rewritten, World
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
    keep_language: bool = False,
) -> Rewritten:
    """What a picture's prompt becomes, its notes and its negative prompt."""
    scale = 2.0 if guided else 1.0
    task = Generate(
        text, negative, guidance_scale=scale, optimize=optimized, enhance=enhanced, wording=wording
    )
    ready = Optimizer(world, keep_language=keep_language).prepare(task)
    return Rewritten(ready.used, ready.notes, ready.negative_used)
