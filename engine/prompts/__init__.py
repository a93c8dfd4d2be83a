"""Prompts: made safe, optimized, enhanced and given a negative prompt, by rules in Chinese and English.

Standard library only; the word lists are read at first use.
"""

from engine.prompts.enhance import enhance
from engine.prompts.lexicon import World, embedded_world
from engine.prompts.negatives import merged, negatives
from engine.prompts.optimizer import optimize
from engine.prompts.sanitize import Rewritten, sanitize

__all__ = ["Rewritten", "World", "embedded_world", "enhance", "negatives", "optimize", "prepare", "sanitize"]


def prepare(
    text: str,
    world: World | None = None,
    *,
    negative: str = "",
    optimized: bool = True,
    enhanced: bool = True,
) -> Rewritten:
    """Return what the model is really given: `text` sanitized, then optimized and enhanced as asked.

    `negative` is the person's own negative prompt and comes first in the result's; with both switches off
    it is all there is in it. A wish that only refuses ("no snow") and is not enhanced stays as it is. Notes
    are in the order of the steps, each once.
    """
    ready = sanitize(text)
    own, notes = sanitize(negative).text, ready.notes
    if optimized:
        ready = optimize(ready.text, world)
        own, notes = merged(own, ready.negative), notes + ready.notes
    if enhanced:
        ready = enhance(ready.text, world, own)
        own, notes = negatives(ready.text, world, own), notes + ready.notes
    return Rewritten(ready.text or sanitize(text).text, tuple(dict.fromkeys(notes)), own)
