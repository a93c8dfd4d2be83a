"""Is it the subject that was asked for, or more like another one? Told by renders; nothing is learnt."""

from dataclasses import replace
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lab.render.book.subjects import SUBJECTS
from lab.render.scene import Scene
from lab.render.world import World

Bytes = NDArray[np.uint8]
OTHERS = 19
"""Subjects that a picture is compared with beside its own; by chance one in twenty is most like that."""
SOFTENED = 4
"""Pixels of a side of the squares that are compared, so that an edge may lie a little beside."""
VISIBLE = 8.0
"""From which difference on, of levels from 0 to 255, another subject shows."""


def likeness(pictures: list[Bytes], scenes: list[Scene], world: World, seed: int = 0) -> float:
    """Share of pictures that are more like their scene's render than like it with any of some other subjects.

    Only where the renders differ. Others stand where the scene's own does, all as their first models, which
    are what words refer to.
    """
    rng = Random(seed)
    pairs = zip(pictures, scenes, strict=True)
    return sum(_is_most_like(each, replace(scene, seed=0), world, rng) for each, scene in pairs) / len(scenes)


def _is_most_like(picture: Bytes, scene: Scene, world: World, rng: Random) -> bool:
    height, width, _ = picture.shape
    taken = {thing.subject for thing in scene.things}
    fitting = [name for name in world.subjects if name not in taken and _fits(name, scene.colour)]
    names = (scene.subject, *rng.sample(fitting, min(OTHERS, len(fitting))))
    renders = (world.picture(replace(scene, subject=name), width, height) for name in names)
    soft = np.stack([_softened(each) for each in renders])
    differs = (np.abs(soft - soft[0]) > VISIBLE).any((0, 3))
    distances = np.square(soft - _softened(picture))[:, differs].mean((1, 2))
    return int(distances.argmin()) == 0


def _fits(name: str, colour: str) -> bool:
    """Whether a subject can have the colour, or its own where none is named."""
    known = SUBJECTS[name]
    return known.is_coloured if colour else not known.is_hand


def _softened(picture: Bytes) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(picture).reduce(SOFTENED), np.float32)
