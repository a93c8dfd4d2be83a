"""What the weights in the repository were taught: the part of the vocabulary that prompts may rely on.

Knows the shipped model. Training and its scenes take every word from `vocabulary`, so the two differ while a
model of a larger world is being trained; with its weights these lists grow.
"""

from engine.embedded import vocabulary
from engine.embedded.scene import Scene, article, is_held_out

__all__ = [
    "COLOURS", "LIGHT_PHRASES", "PLACES", "PLACE_PHRASES", "PLACE_WORDS", "SUBJECTS", "SUBJECT_WORDS",
    "TIMES", "TIME_PHRASES", "TIME_WORDS", "Scene", "article", "is_held_out",
]  # fmt: skip

SUBJECTS: tuple[str, ...] = ("sailboat", "balloon", "house", "tree", "cat", "rocket", "mushroom", "fish")
COLOURS: tuple[str, ...] = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown",
)  # fmt: skip
PLACES: tuple[str, ...] = ("sea", "mountains", "meadow", "desert", "city", "snowfield")
TIMES: tuple[str, ...] = vocabulary.TIMES

SUBJECT_WORDS: dict[str, tuple[str, ...]] = {name: vocabulary.SUBJECT_WORDS[name] for name in SUBJECTS}
PLACE_PHRASES: dict[str, str] = {name: vocabulary.PLACE_PHRASES[name] for name in PLACES}
PLACE_WORDS: dict[str, tuple[str, ...]] = {name: vocabulary.PLACE_WORDS[name] for name in PLACES}
TIME_PHRASES: dict[str, str] = vocabulary.TIME_PHRASES
TIME_WORDS: dict[str, tuple[str, ...]] = vocabulary.TIME_WORDS
LIGHT_PHRASES: dict[str, tuple[str, ...]] = vocabulary.LIGHT_PHRASES
