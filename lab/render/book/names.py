"""What subjects and colours are called in every language of CLDR: `python -m lab.render.book.names`.

Writes the table beside a model's weights, of those subjects that it draws or has something near of.
"""

import argparse
import json
import lzma
import tarfile
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.embedded import WEIGHTS
from engine.embedded.vocabulary import NAMES, World, world_of
from engine.prompts.small_world.lexicon import lexicon
from engine.prompts.small_world.nearest import nearest, unknown_things
from lab.render.book.drawings import archive, fetch, read_member
from lab.render.book.subjects import SUBJECTS
from lab.render.vocabulary_file import vocabulary_of
from lab.render.world import WORLDS

SHAPES: dict[str, str] = {
    "red": "🔴🟥", "orange": "🟠🟧", "yellow": "🟡🟨", "green": "🟢🟩", "blue": "🔵🟦", "purple": "🟣🟪",
    "brown": "🟤🟫", "black": "⚫⬛", "white": "⚪⬜",
}  # fmt: skip
"""A disc and a square of each colour: what their keywords share is its name."""
TREES = "🌳🌲🌴"
"""What the keywords of these share is what a tree is called."""
SHORTEST = 3
"""Letters of the shortest name in an alphabet that is read in every language."""
LONGEST = 20
"""Letters of the longest name: who types `tree that sheds its leaves`?"""
ENGLISH_WORDS = (10, 20, 35)
"""The commonest of the lists of English words, by what share of people does not know them."""
AGREED = 6
"""How many languages must share a name that is an English word, too."""
FEWEST = 60
"""Names that a language must have to be taken up."""
ALPHABETS = "\u2e80"
"""Characters from here on are words or syllables."""
SAME = {"no": "no nb nn", "nn": "no nb nn"}
"""What other tags a language of CLDR has."""
Language = Mapping[str, Mapping[str, list[str]]]
Meanings = Mapping[str, Mapping[str, set[str]]]
"""For each name the things it means, each with the tags of the languages in which it does."""


def main() -> None:
    """Write the table of one world."""
    parser = argparse.ArgumentParser(prog="python -m lab.render.book.names", description=__doc__)
    parser.add_argument("--world", choices=WORLDS, default="small", help="of which model's subjects")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the model's folder")
    args = parser.parse_args()
    write(world_of(vocabulary_of(WORLDS[args.world])), args.weights)


def write(world: World, folder: Path) -> None:
    """Write a line for each English name, what it is called elsewhere behind it, tabs between.

    `fr:chat` is a name that is read in French alone.
    """
    fetch()
    lines = ["\t".join([english, *sorted(names)]) for english, names in sorted(collected(world).items())]
    (folder / NAMES).write_bytes(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(lines)} names, {sum(line.count(chr(9)) for line in lines)} in other languages")


def collected(known: World) -> dict[str, set[str]]:
    """The emoji and foreign names of each English one.

    A name that is no English word, or that many languages share, is read in all of them as what most say it
    is. Any other is read in its own languages alone, and so is what it is in the rest of them.
    """
    world = {english: each for english, *each in _emoji(known)}
    found = defaultdict(set, {english: set(each) for english, each in world.items()})
    english_words, foreign = _english_words(), set[str]()
    forms = tomllib.loads((Path(__file__).parent / "colours.toml").read_text("utf-8"))
    for english, text in forms.items():
        found[english] |= {form for form in text.split() if form not in english_words}
    for name, things in _meanings(world).items():
        ranked = sorted(things, key=lambda english: (-len(things[english]), english))
        most, others = ranked[0], ranked[1:]
        count = len(things[most])
        is_long = len(name) >= SHORTEST or name > ALPHABETS
        is_sure = is_long and (name not in english_words or count >= AGREED)
        is_sure = is_sure and (not others or count > 2 * len(things[others[0]]))
        told = set(things[most]) if is_sure else set[str]()
        if is_sure and (most in world or most in SHAPES):
            found[most].add(name)
            foreign.add(name)
        for english in others if is_sure else ranked:
            languages, told = things[english] - told, told | things[english]
            if languages and (english in world or english in SHAPES or name in foreign):
                tags = sorted({tag for each in languages for tag in SAME.get(each, each).split()})
                found[english].add(f"{','.join(tags)}:{name}")
    return found


def _meanings(world: Mapping[str, Sequence[str]]) -> Meanings:
    meanings: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    signs = {english: each[0] for english, each in world.items()}
    known = set(signs.values())
    english: Language = read_member("cldr", "annotations/en/annotations.json")["annotations"]["annotations"]
    signs |= {
        names["tts"][0]: sign for sign, names in english.items() if sign not in known and "tts" in names
    }
    for tag, language in _languages():
        for thing, sign in [*signs.items(), *SHAPES.items()]:
            for name in _names(language, thing, sign):
                if len(name) <= LONGEST and ":" not in name:
                    meanings[name][thing].add(tag)
    return meanings


def _names(language: Language, english: str, signs: str) -> set[str]:
    if english in SHAPES:
        others = [other[0] for key, other in SHAPES.items() if key != english]
        own = _shared(language, signs).difference(*(_shared(language, other) for other in others))
        return {word for word in own if " " not in word}
    told = {name.casefold() for name in _of(language, signs).get("tts", [])}
    return told | _shared(language, TREES) if signs == TREES[0] else told


def _shared(language: Language, signs: str) -> set[str]:
    """The keywords that all of some emoji have."""
    lists = [_of(language, sign).get("default", []) for sign in signs]
    return set.intersection(*({word.casefold() for word in words} for words in lists))


def _english_words() -> set[str]:
    """What means something else in English: the keywords of all emoji, and common words."""
    found: Language = read_member("cldr", "annotations/en/annotations.json")["annotations"]["annotations"]
    keywords = {word.casefold() for each in found.values() for words in each.values() for word in words}
    keywords |= {word for text in keywords for word in text.split()}
    return keywords.union(*(read_member("words", f"english-words-{share}.json") for share in ENGLISH_WORDS))


def _of(language: Language, sign: str) -> Mapping[str, list[str]]:
    return language.get(sign) or language.get(sign.replace("\ufe0f", "")) or {}


def _emoji(world: World) -> Iterator[tuple[str, ...]]:
    """The English name, the emoji and perhaps its face, of what a world has, or something near of."""
    signs = {name: code for source in "nf" for code, name in read_member(source, "chars.json").items()}
    for subject in SUBJECTS.values():
        english, items = subject.words[0], list(lexicon(world).items(subject.words[0]))
        is_known = len(items) == 1 and items[0].kind == "subject"
        if subject.drawing in signs and (is_known or nearest(list(unknown_things(items)), world)[1]):
            found = filter(None, (signs.get(name) for name in (subject.drawing, f"{subject.drawing}-face")))
            yield english, *("".join(chr(int(code, 16)) for code in each.split("-")) for each in found)


def _languages() -> Iterator[tuple[str, Language]]:
    with tarfile.open(archive("cldr")) as files:
        for member in files.getmembers():
            match Path(member.name).parts:
                case (_, "annotations", locale, "annotations.json") if not locale.startswith(("en", "pcm")):
                    file = files.extractfile(member)
                    found: Language = json.load(file)["annotations"].get("annotations", {}) if file else {}
                    if len(found) > FEWEST:
                        yield locale.partition("-")[0], found


if __name__ == "__main__":
    main()
