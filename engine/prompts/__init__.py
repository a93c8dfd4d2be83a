"""Prompts: made safe, optimized, enhanced and given a negative prompt, in Chinese and English.

Rules by default, a language model where one is handed in; no torch here. Word lists are read at first use.
"""

from engine.prompts.complete.enhance import enhance
from engine.prompts.complete.negatives import merged, negatives
from engine.prompts.complete.optimize import optimize
from engine.prompts.complete.prepare import prepare
from engine.prompts.rewriting import Optimizer
from engine.prompts.small_world.lexicon import World, embedded_world
from engine.prompts.text.sanitize import Rewritten, sanitize

__all__ = [
    "Optimizer", "Rewritten", "World", "embedded_world", "enhance", "merged", "negatives", "optimize",
    "prepare", "sanitize",
]  # fmt: skip
