"""What a limited world does not know of a prompt, and the subject of that world that comes nearest.

By the bilingual lexicon's kinds of things and the table `nearest` in phrases.toml.
"""

from collections.abc import Iterator, Sequence

from engine.prompts.data import HAN, phrases, table
from engine.prompts.small_world.lexicon import PART, Item, World, is_whole
from engine.prompts.translate.certain import certain
from engine.prompts.translate.lexicon import NOUNS, Entry, bilingual_lexicon

PLACES = frozenset({"nature", "building", "interior", "place"})
BACKGROUND = frozenset({"nature", "interior", "place", "weather", "light"})


def unknown_things(items: Sequence[Item]) -> Iterator[tuple[str, Entry | None]]:
    """The things a prompt names that its world does not know: what they are called, and their meaning."""
    for item in items:
        if item.kind not in {"unknown", "other"}:
            continue
        named: Sequence[tuple[str, Entry | None]]
        if item.word == PART:
            named = [(item.text, None)]
        elif item.kind == "other" and (name := item.word.english or item.text).isascii():
            named = [(item.text, _head(name))]
        elif HAN.search(item.text):
            tokens = bilingual_lexicon().segment(item.text)
            tokens = tokens if all(token.entries for token in tokens) else certain(tokens)
            named = [(token.text, token.of(NOUNS)) for token in tokens if is_whole(token)]
        else:
            named = [
                (entry.english.removeprefix("the "), entry) for entry in bilingual_lexicon().things(item.text)
            ]
        yield from named or [(item.text, None)] * (len(item.text) > 1)


def _head(name: str) -> Entry | None:
    """What an English name is, perhaps written as one word, or else its last word."""
    known = (
        bilingual_lexicon().thing(each) for each in (name, name.replace(" ", ""), name.rpartition(" ")[2])
    )
    return next((entry for entry in known if entry), None)


def nearest(things: Sequence[tuple[str, Entry | None]], world: World) -> tuple[str, str]:
    """Return the first of these things that can be a subject, and the key of what the world draws for it.

    By its name (a whale is drawn as a fish), else by the last word of its name (a cargo ship as a sailboat),
    else by its kind (any other animal as a cat). Two empty texts where there is none.
    """
    name, entry = next(
        ((name, entry) for name, entry in things if entry and entry.kind not in BACKGROUND), ("", None)
    )
    key = _of(entry) if entry else ""
    return (name, key) if key in world.subjects else ("", "")


def name_of(key: str, world: World, chinese: bool) -> str:
    """What a subject of a world is called."""
    texts = (text for texts in table("scenes")["subjects"][key].values() for text in texts)
    return next((text for text in texts if chinese and HAN.search(text)), world.subjects[key][0])


def _of(thing: Entry) -> str:
    table = phrases()["nearest"]
    names = {thing.english.removeprefix("the ").casefold(), *thing.others}
    lasts = {name.rpartition(" ")[2] for name in names}
    names |= {
        last for last in lasts if (entry := bilingual_lexicon().thing(last)) and entry.kind == thing.kind
    }
    for key, listed in table["names"].items():
        if names & set(listed.split("|")):
            return str(key)
    return str(table["kinds"].get(thing.kind, ""))
