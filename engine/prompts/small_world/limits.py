"""What a limited world cannot draw: too many things, two in one spot, colours that one never has."""

from collections.abc import Sequence
from dataclasses import replace

from engine.embedded.vocabulary import World
from engine.prompts.small_world.lexicon import Item, Word
from engine.prompts.small_world.scene import Scene, Thing
from engine.prompts.small_world.sides import OPPOSITE, opposite

MOST_THINGS = 2
"""Subjects that a limited world draws in one picture."""


def possible(scene: Scene, world: World) -> tuple[Scene, tuple[Word, ...]]:
    """The scene without what a world never has together, and the words for that.

    Colours of things that keep their own, and weather indoors or under water.
    """
    impossible = [
        thing.colour for thing in scene.things if thing.colour and thing.subject.key in world.uncoloured
    ]
    things = tuple(
        replace(thing, colour=None) if thing.subject.key in world.uncoloured else thing
        for thing in scene.things
    )
    weather = scene.weather
    if weather and scene.place and scene.place.key in world.sealed:
        impossible, weather = [*impossible, weather], None
    return replace(scene, things=things, weather=weather), tuple(impossible)


def with_nearest(scene: Scene, items: Sequence[Item], name: str, subject: str) -> Scene:
    """The scene with a subject in place of what a text calls `name`, before or behind the one it has."""
    if not scene.things:
        colour = next((item.word for item in items if item.kind == "colour"), None)
        return replace(scene, things=(Thing(Word("subject", subject), colour),), colour=None)
    order = [item.kind for item in items if item.kind == "subject" or item.text == name]
    side = scene.things[0].position
    added = Thing(Word("subject", subject), position=opposite(side) if side else None)
    things = (*scene.things, added) if order[0] == "subject" else (added, *scene.things)
    return replace(scene, things=things, distance=None)


def apart(scene: Scene) -> Scene:
    """The scene with two things that stand in no relation on a side each, as in every caption of two.

    Without sides the embedded model draws mixtures: of 24 pairs half had both things, with sides all.
    """
    if len(scene.things) != MOST_THINGS or scene.relation or any(thing.position for thing in scene.things):
        return scene
    sides = (Word("position", side) for side in OPPOSITE)
    things = (replace(thing, position=side) for thing, side in zip(scene.things, sides, strict=True))
    return replace(scene, things=tuple(things))


def countable(scene: Scene, numbers: Sequence[str]) -> tuple[Scene, bool]:
    """The scene with as many things as a world draws, and whether these are the `numbers` that were said."""
    if len(scene.things) < MOST_THINGS:
        said = [str(thing.count) for thing in scene.things if thing.count > 1]
        return scene, said == list(numbers) or not scene.things
    things = tuple(replace(thing, count=1) for thing in scene.things[:MOST_THINGS])
    return replace(scene, things=things), len(scene.things) == MOST_THINGS and not numbers
