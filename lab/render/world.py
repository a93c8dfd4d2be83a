"""The two worlds that the small model can be taught: the one that ships, and the picture book."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random

import numpy as np
from numpy.typing import NDArray

from lab.render import scenes, vocabulary
from lab.render.book import scenes as book_scenes
from lab.render.book.scene import sample_book
from lab.render.book.subjects import SUBJECTS
from lab.render.book.vocabulary import PLACES
from lab.render.scene import BACKDROPS, MODELS, SKIES, Scene, sample_scene

Draw = Callable[[Scene, int, int], NDArray[np.uint8]]
"""From a scene, a width and a height in pixels to an array."""
TELLABLE = ("subject", "colour", "place", "time", "side")
"""What a caption may leave unsaid."""


@dataclass(frozen=True)
class World:
    """What there is to draw, how scenes of it are sampled (training side of the split or not) and drawn.

    `vocabulary` is the size of the tokenizer.
    """

    name: str
    subjects: tuple[str, ...]
    places: tuple[str, ...]
    sample: Callable[[Random, bool], Scene]
    picture: Draw
    silhouettes: Draw
    vocabulary: int
    leaves_subjects_open: bool

    @property
    def is_book(self) -> bool:
        """Whether it is the picture book, or a part of it."""
        return self.name == BOOK.name

    @property
    def groups(self) -> tuple[int, ...]:
        """How many options each choice of a scene has: those of `TELLABLE`, then sky, set and models.

        The models of the picture book are stated by its captions, as references.
        """
        subjects = len(self.subjects) if self.leaves_subjects_open else 1
        told = (subjects, len(vocabulary.COLOURS), len(self.places), len(vocabulary.TIMES), 2)
        return (*told, SKIES, BACKDROPS, *(() if self.is_book else (MODELS, MODELS)))

    def choices(self, scene: Scene) -> tuple[int, ...]:
        """Which option of each of `groups` a scene chose; one that captions always tell is 0, or even."""
        subject = self.subjects.index(scene.subject) if self.leaves_subjects_open else 0
        colour = (
            vocabulary.COLOURS.index(scene.colour) if scene.colour else scene.seed % len(vocabulary.COLOURS)
        )
        place, time = self.places.index(scene.place), vocabulary.TIMES.index(scene.time)
        side = int(scene.position == "right")
        models = () if self.is_book else scene.models
        return (subject, colour, place, time, side, scene.sky, scene.backdrop, *models)


SMALL_WORLD = World(
    "small", vocabulary.SUBJECTS, vocabulary.PLACES, sample_scene, scenes.render_array, scenes.silhouettes,
    vocabulary=1024, leaves_subjects_open=True,
)  # fmt: skip
BOOK = World(
    "book", tuple(SUBJECTS), PLACES, sample_book, book_scenes.render_array, book_scenes.silhouettes,
    vocabulary=2048, leaves_subjects_open=False,
)  # fmt: skip
WORLDS = {world.name: world for world in (SMALL_WORLD, BOOK)}


def book_of(count: int) -> World:
    """The picture book with so many of its subjects, evenly from the whole list."""
    every = BOOK.subjects
    some = tuple(every[index * len(every) // count] for index in range(count))
    return replace(BOOK, subjects=some, sample=partial(sample_book, among=some))
