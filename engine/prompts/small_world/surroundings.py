"""What a limited model is given to draw beyond the edge of one of its pictures.

Every picture it knows has its subject in the middle, so the whole prompt would draw that a second time.
"""

from dataclasses import replace

from engine.embedded.vocabulary import World
from engine.prompts.small_world.lexicon import Word, lexicon
from engine.prompts.small_world.scene import read, render


def surroundings(text: str, world: World, is_around: bool) -> str:
    """Return the prompt for what is around a picture, or for what is beside it.

    Around it its one subject is far away, beside it there is none. A prompt that names nothing else stays.
    """
    scene = read(text, lexicon(world))
    if is_around and len(scene.things) == 1:
        return render(replace(scene, distance=Word("distance", "far")), world)
    return render(replace(scene, things=(), colour=None, distance=None), world) or text
