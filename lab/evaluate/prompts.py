"""Evaluation prompts: scenes of combinations that training never saw, in three grades, and wordings."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from lab.render.captions import caption
from lab.render.scene import Scene, sample_pair, sample_scene
from lab.render.vocabulary import STYLES, WEATHERS

GRADES: tuple[str, ...] = ("plain", "clause", "compositional")
CLAUSES: dict[str, tuple[str, ...]] = {
    "weather": WEATHERS[1:],
    "style": STYLES[1:],
    "position": ("left", "right"),
    "distance": ("near", "far"),
}


def graded(grade: str, count: int, seed: int) -> list[Scene]:
    """Held-out scenes.

    `plain` has one subject, `clause` one clause more, `compositional` two subjects.
    """
    rng = Random(f"{seed}/{grade}")
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = _sampled(grade, rng)
        if scene is not None:
            scenes.append(scene)
    return scenes


def wordings(scenes: Sequence[Scene], seed: int) -> list[str]:
    """The canonical prompt of every other scene; for the rest a free wording of the whole scene."""
    rng = Random(seed)
    return [
        scene.prompt if i % 2 == 0 else caption(scene, rng, complete=True) for i, scene in enumerate(scenes)
    ]


def _sampled(grade: str, rng: Random) -> Scene | None:
    if grade == "compositional":
        return sample_pair(rng, held_out=True)
    scene = sample_scene(rng, held_out=True)
    if scene.companion is not None:
        return None
    plain = replace(scene, weather="clear", style="flat", position="middle", distance="middle")
    if grade == "plain":
        return plain
    name = rng.choice(tuple(CLAUSES))
    changes: dict[str, Any] = {name: rng.choice(CLAUSES[name])}
    return replace(plain, **changes)
