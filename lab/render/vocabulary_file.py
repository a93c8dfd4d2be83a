"""The vocabulary beside a model's weights: every word it was taught, what suits what, its introduction."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.embedded.vocabulary import FILE
from lab.render import vocabulary
from lab.render.book.scene import ABOVE
from lab.render.book.subjects import SUBJECTS, UNCOUNTED, plural
from lab.render.book.vocabulary import PLACE_PHRASES, PLACE_WORDS, RELATIONS, SEALED
from lab.render.scene import article
from lab.render.world import World

MOST = 3
"""How many of a kind a picture of the book has at most."""
Table = Mapping[str, Sequence[str]]


def vocabulary_of(world: World) -> dict[str, Any]:
    """What `engine.embedded.vocabulary.World` is made of, as plain lists and tables."""
    words = {name: SUBJECTS[name].words for name in world.subjects} if world.is_book else None
    places = {key: PLACE_PHRASES[key] for key in world.places}
    found = {
        "subjects": _distinct(words or vocabulary.SUBJECT_WORDS),
        "colours": list(vocabulary.COLOURS),
        "places": _distinct({key: (text, *PLACE_WORDS[key]) for key, text in places.items()}),
        "times": _wordings(vocabulary.TIME_PHRASES, vocabulary.TIME_WORDS),
        "lights": _distinct(vocabulary.LIGHT_PHRASES),
        "weathers": _wordings(vocabulary.WEATHER_PHRASES, vocabulary.WEATHER_WORDS),
        "styles": _wordings(vocabulary.STYLE_PHRASES, vocabulary.STYLE_WORDS),
        "positions": _wordings(vocabulary.POSITION_PHRASES, vocabulary.POSITION_WORDS),
        "distances": _wordings(vocabulary.DISTANCE_PHRASES, {}),
        **_introduced(world),
    }
    return found | (_of_the_book(world) if world.is_book else {})


def write(world: World, folder: Path) -> None:
    """Write the vocabulary of a world into a model's folder."""
    text = json.dumps(vocabulary_of(world), ensure_ascii=False, indent=1)
    (folder / FILE).write_text(f"{text}\n", encoding="utf-8")


def _of_the_book(world: World) -> dict[str, Any]:
    listed = [SUBJECTS[name] for name in world.subjects]
    return {
        "plurals": {each.name: plural(each.words[0]) for each in listed if each.name not in UNCOUNTED},
        "most": MOST,
        "some": [each.name for each in listed if article(each.words[0]) == "some"],
        "uncoloured": [each.name for each in listed if not each.is_coloured],
        "relations": {key: [text] for key, text in RELATIONS.items()},
        "above": sorted(ABOVE.intersection(world.subjects)),
        "sealed": sorted(SEALED),
    }


def _introduced(world: World) -> dict[str, Any]:
    """Which places and times suit a subject, how the world is introduced, and prompts that it does well."""
    table = tomllib.loads((Path(__file__).parent / "introductions.toml").read_text("utf-8"))
    own = table[world.name]
    places: dict[str, Sequence[str]] = dict(own["places"])
    if world.is_book:
        by_kind: Mapping[str, Table] = table["kinds"]
        places = {
            name: places.get(name) or by_kind[SUBJECTS[name].stance][SUBJECTS[name].kind]
            for name in world.subjects
        }
    return {
        "suits": {"places": places, "times": own["times"]},
        "introduction": {
            language: text.format(count=len(world.subjects)) for language, text in own["introduction"].items()
        },
        "prompts": own["prompts"],
    }


def _wordings(phrases: Mapping[str, str], words: Table) -> dict[str, list[str]]:
    """Every wording of each key, the canonical phrase first."""
    return _distinct({key: (phrase, *words.get(key, ())) for key, phrase in phrases.items()})


def _distinct(table: Table) -> dict[str, list[str]]:
    return {key: list(dict.fromkeys(texts)) for key, texts in table.items()}
