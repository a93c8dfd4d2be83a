"""How people ask for a scene: roughly, in words that no caption uses, in English or in Chinese."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from lab.render.scene import Scene


def vague(scene: Scene, rng: Random) -> str:
    """Ask in English for a scene's subject, colour, place and time, as one does in a chat."""
    thing, colour, place, time = _worded("english", scene, rng)
    order = rng.choice(("{0} {1} {2} {3}", "{0} {1}, {3}, {2}", "{3} {2} there is a {0} {1}"))
    return str(rng.choice(_data()["asking"]).format(order.format(colour, thing, place, time)))


def chinese(scene: Scene, rng: Random) -> str:
    """Ask for the same in Chinese."""
    thing, colour, place, time = _worded("chinese", scene, rng)
    noun = thing.format(colour)
    order = rng.choice(("{2}，{1}的{0}", "{2}，{1}有{0}", "{0}在{1}，{2}"))
    return str(rng.choice(_data()["asking_chinese"]).format(order.format(noun, place, time)))


def _worded(language: str, scene: Scene, rng: Random) -> tuple[str, ...]:
    table = _data()[language]
    keys = (scene.subject, scene.colour, scene.place, scene.time)
    return tuple(rng.choice(table[key].split("|")) for key in keys)


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "scene_wishes.toml").read_text(encoding="utf-8"))
