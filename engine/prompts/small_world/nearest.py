"""The subject of a limited world that comes nearest to one it does not know.

Knows the bilingual lexicon's kinds and the table `nearest` in phrases.toml. Knows no grammar.
"""

from engine.prompts.data import phrases
from engine.prompts.small_world.lexicon import World
from engine.prompts.translate.lexicon import Entry, bilingual_lexicon


def nearest(english: str, world: World) -> str:
    """Return the key of the subject to draw for an English wish of which the world knows no subject, or "".

    The first thing decides that is listed by name (a whale is drawn as a fish), else by the last word of its
    name (a cargo ship as a sailboat), else by its kind (any other animal as a cat).
    """
    for thing in bilingual_lexicon().things(english):
        if (key := _of(thing)) in world.subjects:
            return key
    return ""


def _of(thing: Entry) -> str:
    table = phrases()["nearest"]
    names = {thing.english.removeprefix("the ").casefold(), *thing.others}
    names |= {name.rpartition(" ")[2] for name in names}
    for key, listed in table["names"].items():
        if names & set(listed.split("|")):
            return str(key)
    return str(table["kinds"].get(thing.kind, ""))
