"""What subjects and colours are called in every language of CLDR: `python -m lab.render.book.names`.

Writes the table that the small model's reader of prompts ships with, of those subjects that it draws or has
something near of.
"""

import json
import lzma
import re
import tarfile
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.prompts import data
from engine.prompts.small_world.lexicon import embedded_world, lexicon
from engine.prompts.small_world.nearest import nearest, unknown_things
from lab.render.book.drawings import archive, fetch, read_member, read_text
from lab.render.book.subjects import SUBJECTS

OUT = Path(data.__file__).parent / "names.txt.xz"
SHAPES: dict[str, str] = {
    "red": "🔴🟥", "orange": "🟠🟧", "yellow": "🟡🟨", "green": "🟢🟩", "blue": "🔵🟦", "purple": "🟣🟪",
    "brown": "🟤🟫", "black": "⚫⬛", "white": "⚪⬜",
}  # fmt: skip
"""A disc and a square of each colour: what their keywords share is its name."""
TREES = "🌳🌲🌴"
"""What the keywords of these share is what a tree is called."""
SHORTEST = 3
"""Letters of the shortest name in an alphabet: shorter ones mean too much elsewhere."""
LONGEST = 20
"""Letters of the longest name: who types `tree that sheds its leaves`?"""
MORE = {"fee", "must", "seen", "slang", "trailer"}
"""English words that are in neither list."""
AGREED = 6
"""How many languages must share a name that is an English word, too."""
FEWEST = 60
"""Names that a language must have to be taken up."""
ALPHABETS = "\u2e80"
"""Characters from here on are words or syllables."""
Language = Mapping[str, Mapping[str, list[str]]]


def main() -> None:
    """Write the table: a line for each English name, what it is called elsewhere behind it, tabs between."""
    fetch()
    lines = ["\t".join([english, *sorted(names)]) for english, names in sorted(collected().items())]
    OUT.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(lines)} names, {sum(line.count(chr(9)) for line in lines)} in other languages, {OUT}")


def collected() -> dict[str, set[str]]:
    """The emoji and foreign names of each English one; one of two things only where most languages agree."""
    meanings: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    known = {english: each for english, *each in _emoji()}
    emoji = {english: each[0] for english, each in known.items()}
    english_words = _english_words()
    for language in _languages():
        for english, signs in [*emoji.items(), *SHAPES.items()]:
            for name in _names(language, english, signs):
                if (len(name) >= SHORTEST or name > ALPHABETS) and len(name) <= LONGEST:
                    meanings[name][english] += 1
    found = {english: set(each) for english, each in known.items()}
    forms = tomllib.loads((Path(__file__).parent / "colours.toml").read_text("utf-8"))
    found |= {english: set(text.split()) for english, text in forms.items()}
    for name, counts in meanings.items():
        most, *others = sorted(counts, key=lambda english: -counts[english])
        if counts[most] < AGREED and name in english_words:
            continue
        if not others or counts[most] > 2 * counts[others[0]]:
            found[most].add(name)
    return found


def _names(language: Language, english: str, signs: str) -> set[str]:
    if english in SHAPES:
        others = [other[0] for key, other in SHAPES.items() if key != english]
        own = _shared(language, signs).difference(*(_shared(language, other) for other in others))
        return {word for word in own if " " not in word}
    told = {name.casefold() for name in _of(language, signs).get("tts", [])}
    return told | _shared(language, TREES) if signs in TREES else told


def _shared(language: Language, signs: str) -> set[str]:
    """The keywords that all of some emoji have."""
    lists = [_of(language, sign).get("default", []) for sign in signs]
    return set.intersection(*({word.casefold() for word in words} for words in lists))


def _english_words() -> set[str]:
    """What means something else in English: the keywords of all emoji, and 2,900 familiar words."""
    found: Language = read_member("cldr", "annotations/en/annotations.json")["annotations"]["annotations"]
    keywords = {word.casefold() for each in found.values() for words in each.values() for word in words}
    keywords |= {word for text in keywords for word in text.split()}
    familiar = set(re.findall(r"'([a-z]+)'", read_text("words", "index.js")))
    many = {f"{word}{ending}" for word in familiar for ending in ("s", "es")}
    return keywords | familiar | many | MORE


def _of(language: Language, sign: str) -> Mapping[str, list[str]]:
    return language.get(sign) or language.get(sign.replace("\ufe0f", "")) or {}


def _emoji() -> Iterator[tuple[str, ...]]:
    """The English name, the emoji and perhaps its face, of what the small world has, or something near of."""
    world = embedded_world()
    signs = {name: code for source in "nf" for code, name in read_member(source, "chars.json").items()}
    for subject in SUBJECTS.values():
        english, items = subject.words[0], list(lexicon(world).items(subject.words[0]))
        is_known = len(items) == 1 and items[0].kind == "subject"
        if subject.drawing in signs and (is_known or nearest(list(unknown_things(items)), world)[1]):
            found = filter(None, (signs.get(name) for name in (subject.drawing, f"{subject.drawing}-face")))
            yield english, *("".join(chr(int(code, 16)) for code in each.split("-")) for each in found)


def _languages() -> Iterator[Language]:
    with tarfile.open(archive("cldr")) as files:
        for member in files.getmembers():
            match Path(member.name).parts:
                case (_, "annotations", locale, "annotations.json") if not locale.startswith("en"):
                    file = files.extractfile(member)
                    found: Language = json.load(file)["annotations"].get("annotations", {}) if file else {}
                    if len(found) > FEWEST:
                        yield found


if __name__ == "__main__":
    main()
