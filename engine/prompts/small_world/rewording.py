"""A scene of a limited world in other words, in words and orders that its captions have."""

from engine.embedded.vocabulary import World
from engine.prompts.small_world.lexicon import Word, lexicon
from engine.prompts.small_world.scene import Scene, name, read, render
from engine.prompts.translate.english import article

TURNS = 12
"""How many ways are tried."""
ORDERS = 3
"""Place before time, time before place, and a list with commas."""


def reworded(prompt: str, world: World, wording: int) -> str:
    """Return another wording of a canonical prompt, which reads as the same scene; any other text stays.

    The wordings differ from each other as long as there are some; then they come again.
    """
    words = lexicon(world)
    scene = read(prompt, words)
    if not wording or scene.colour is not None or prompt != render(scene, world):
        return prompt
    ways = dict.fromkeys([prompt, *(_worded(scene, world, turn) for turn in range(1, TURNS))])
    same = [way for way in ways if render(read(way, words), world) == prompt]
    return same[wording % len(same)]


def _worded(scene: Scene, world: World, turn: int) -> str:
    order = turn % ORDERS
    distance, place, time, weather, style = (
        _wording(word, world, turn)
        for word in (scene.distance, scene.place, scene.time, scene.weather, scene.style)
    )
    where = [time, place] if order == 1 else [place, time]
    parts = [_things(scene, world, turn, is_listed=order == 2), distance, *where, weather]
    text = (", " if order == 2 else " ").join(part for part in parts if part)
    return ", ".join(part for part in (text, name(scene.light, world), style) if part)


def _things(scene: Scene, world: World, turn: int, is_listed: bool) -> str:
    """The subjects with their articles; a list begins without one."""
    if scene.relation or any(thing.count > 1 for thing in scene.things):
        return render(Scene(scene.things, relation=scene.relation), world)
    nouns = [
        " ".join(filter(None, [_wording(word, world, turn) for word in (thing.colour, thing.subject)]))
        for thing in scene.things
    ]
    listed = [f"{article(noun)} {noun}" for noun in nouns]
    if is_listed:
        listed[:1] = nouns[:1]
    sides = [_wording(thing.position, world, turn) for thing in scene.things]
    return " and ".join(f"{noun} {side}".rstrip() for noun, side in zip(listed, sides, strict=True))


def _wording(word: Word | None, world: World, turn: int) -> str:
    if word is None or word.kind == "colour":
        return word.key if word else ""
    choices = list(dict.fromkeys(getattr(world, f"{word.kind}s")[word.key]))
    return str(choices[turn % len(choices)])
