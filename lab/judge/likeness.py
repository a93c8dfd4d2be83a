"""Is a picture of the book what its prompt asked for? Told by renders; nothing is learnt.

Analysis by synthesis: for each question the scene that was asked for is rendered, and the same scene with
every other answer. The answer is right where the picture is most like the first of these.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lab.judge.adherence import heads_for, shares
from lab.judge.judge import truth_order
from lab.render.book.scene import ABOVE, BookScene, sample_book
from lab.render.book.scenes import portrait
from lab.render.book.subjects import SUBJECTS
from lab.render.book.vocabulary import SEALED
from lab.render.scene import BACKDROPS, SKIES, Thing
from lab.render.vocabulary import COLOURS, DISTANCES, POSITIONS, STYLES, TIMES, WEATHERS
from lab.render.world import World

Bytes = NDArray[np.uint8]
Soft = NDArray[np.float32]
OTHERS = 19
"""Subjects that a picture is compared with beside its own, those that look most like it."""
SOFTENED = 4
"""Pixels of a side of the squares that are compared, so that an edge may lie a little beside."""
VISIBLE = 8.0
"""From which difference on, of levels from 0 to 255, another answer shows."""
OPTIONS: dict[str, Sequence[Any]] = {
    "time": TIMES, "weather": WEATHERS, "style": STYLES, "position": POSITIONS, "distance": DISTANCES,
    "count": (1, 2, 3),
}  # fmt: skip
"""The answers to questions that change nothing else of a scene."""
SMALL = 16
"""Pixels of a side at which subjects are compared with each other."""
FREE = SKIES * BACKDROPS
"""Skies and sets of a place, which no prompt tells; seeds below this have the first models of all things."""


def held_out(count: int, seed: int, world: World) -> list[BookScene]:
    """Scenes of the evaluation side of the split, with the models of things that words refer to."""
    rng = Random(seed)
    scenes = (sample_book(rng, True, world.subjects) for _ in range(count))
    return [replace(scene, seed=scene.seed % FREE) for scene in scenes]


def likeness(pictures: Sequence[Bytes], scenes: Sequence[BookScene], world: World) -> dict[str, float]:
    """Share of pictures that match their prompt: by question, over the prompts that settle it, and in all."""
    pairs = zip(pictures, scenes, strict=True)
    return shares([verdicts(picture, scene, world) for picture, scene in pairs])


def verdicts(picture: Bytes, scene: BookScene, world: World) -> dict[str, bool]:
    """Whether a picture (H, W, 3) has the scene's answer to each question that its prompt settles."""
    seen, (height, width, _) = _softened(picture), picture.shape

    def rendered(each: BookScene) -> Soft:
        return _softened(world.picture(each, width, height))

    free = [rendered(replace(scene, seed=seed)) for seed in range(FREE)]
    seed = int(np.argmin([np.square(each - seen).mean() for each in free]))
    asked = replace(scene, seed=seed)
    return {
        question: _is_nearest(seen, free[seed], [rendered(each) for each in _others(asked, question, world)])
        for question in heads_for(scene)
    }


def _is_nearest(seen: Soft, asked: Soft, others: Sequence[Soft]) -> bool:
    """Whether a picture is most like what was asked for, where any of the others differs from that."""
    every = np.stack([asked, *others])
    differs = (np.abs(every - asked) > VISIBLE).any((0, 3))
    return not differs.any() or int(np.square(every - seen)[:, differs].mean((1, 2)).argmin()) == 0


def _others(scene: BookScene, question: str, world: World) -> list[BookScene]:
    """The scene with each other answer to a question."""
    if question == "place":
        places = [place for place in world.places if place != scene.place]
        return [_in_place(scene, place, chosen) for place in places for chosen in range(BACKDROPS)]
    if question == "relation":
        return [each for each in _related(scene) if each.relation != scene.relation]
    if question in OPTIONS:
        said = getattr(scene, question)
        return [replace(scene, **{question: each}) for each in OPTIONS[question] if each != said]
    thing = truth_order(scene)[question.startswith("second")]
    other = next((each.subject for each in scene.things if each != thing), "")
    things = _other_things(thing, question, [name for name in world.subjects if name != other])
    if thing == scene.things[0]:
        return [replace(scene, subject=each.subject, colour=each.colour) for each in things]
    return [replace(scene, companion=each) for each in things]


def _other_things(thing: Thing, question: str, subjects: Sequence[str]) -> list[Thing]:
    if question.endswith("colour"):
        own = () if SUBJECTS[thing.subject].is_hand else ("",)
        return [Thing(thing.subject, colour) for colour in (*COLOURS, *own) if colour != thing.colour]
    fitting = [name for name in subjects if name != thing.subject and _fits(name, thing.colour)]
    look = _look(thing.subject)
    alike = sorted(fitting, key=lambda name: float(np.square(_look(name) - look).mean()))
    return [Thing(name, thing.colour) for name in alike[:OTHERS]]


def _in_place(scene: BookScene, place: str, backdrop: int) -> BookScene:
    return replace(
        scene,
        place=place,
        time="night" if place == "space" else scene.time,
        weather="clear" if place in SEALED else scene.weather,
        seed=scene.sky + SKIES * backdrop,
    )


def _related(scene: BookScene) -> Iterable[BookScene]:
    for position in ("left", "right"):
        yield replace(scene, relation="beside", position=position)
    yield replace(scene, relation="front", position="middle")
    if scene.companion and scene.companion.subject in ABOVE:
        yield replace(scene, relation="under", position="middle")


def _fits(name: str, colour: str) -> bool:
    """Whether a subject can have the colour, or its own where none is named."""
    known = SUBJECTS[name]
    return known.is_coloured if colour else not known.is_hand


@cache
def _look(name: str) -> Soft:
    """A subject by itself, (`SMALL`, `SMALL`, 4): its colours, and what it covers."""
    pixels = np.asarray(portrait(name, 0, SMALL), np.float32) / 255
    return np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], -1)


def _softened(picture: Bytes) -> Soft:
    return np.asarray(Image.fromarray(picture).reduce(SOFTENED), np.float32)
