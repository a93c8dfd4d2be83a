"""What a limited world does not know of a prompt, and the subjects of that world that come nearest.

By the bilingual lexicon's kinds of things and the table `nearest` in phrases.toml.
"""

from collections.abc import Iterator, Sequence

from engine.prompts.data import HAN, phrases, table
from engine.prompts.small_world.lexicon import PART, Item, World
from engine.prompts.translate.lexicon import Entry, bilingual_lexicon

PLACES = frozenset({"nature", "building", "interior", "place"})
BACKGROUND = frozenset({"nature", "interior", "place", "weather", "light", "clothing"})
MOST = 3
"""How many subjects are told as near."""
SUFFIX = 4
"""Letters of the shortest word that another one may end with: a catfish is a fish."""


def unknown_things(items: Sequence[Item]) -> Iterator[tuple[str, Entry | None]]:
    """The things a prompt names that its world does not know: what they are called, and their meaning."""
    for item in items:
        if item.kind == "other" and item.word.key:
            yield item.text, _entry(item.word.key)
        elif item.word == PART or (item.kind in {"unknown", "other"} and len(item.text) > 1):
            yield item.text, None


def _entry(name: str) -> Entry | None:
    """What an English name is, perhaps written as one word, or else its last word."""
    known = (
        bilingual_lexicon().thing(each) for each in (name, name.replace(" ", ""), name.rpartition(" ")[2])
    )
    return next((entry for entry in known if entry), None)


def nearest(things: Sequence[tuple[str, Entry | None]], world: World) -> tuple[str, list[str]]:
    """Return the first of these things that can be a subject, and the keys of what comes nearest, best first.

    By its name (a whale is drawn as a fish), then by what that ends with (a cargo ship as a sailboat), by its
    kind (any other animal as a cat), and what is like the best of these. None where nothing is near.
    """
    for name, entry in things:
        if entry and entry.kind not in BACKGROUND:
            near = [key for key in dict.fromkeys(_near(entry)) if key in world.subjects]
            return (name, near[:MOST]) if near else ("", [])
    return "", []


def name_of(key: str, world: World, language: str) -> str:
    """What a subject of a world is called in `zh`, `ja` or else English."""
    texts = (text for texts in table("scenes")["subjects"][key].values() for text in texts)
    chinese = (text for text in texts if HAN.search(text))
    japanese = table("scenes")["japanese"].get(key, "")
    return {"zh": next(chinese), "ja": japanese}.get(language) or world.subjects[key][0]


def _near(thing: Entry) -> list[str]:
    near = phrases()["nearest"]
    listed = {key: set(names.split("|")) for key, names in near["names"].items()}
    names = {thing.english.removeprefix("the ").casefold(), *thing.others}
    ends = {name[at:] for name in names for at in range(1, len(name) - SUFFIX + 1)}
    heads = {end for end in ends if (entry := bilingual_lexicon().thing(end)) and entry.kind == thing.kind}
    keys = [key for known in (names, heads) for key, others in listed.items() if known & (others | {key})]
    keys += [near["kinds"][thing.kind]] if thing.kind in near["kinds"] else []
    return [*keys, *near["also"][keys[0]].split()] if keys and keys[0] in near["also"] else []
