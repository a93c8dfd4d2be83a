"""The words a prompt is read with: what each means, and the longest match over any text."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from engine.cjk import HAN, HANGUL, KANA
from engine.prompts.data import names, simplified_forms, table

Kind = Literal[
    "subject", "colour", "place", "time", "light", "weather", "style", "position", "distance",
    "other", "vague", "modifier", "verb", "stop", "joiner", "count", "filler", "negator",
    "punctuation", "unknown",
]  # fmt: skip
SECTIONS: Mapping[str, Kind] = {
    "subjects": "subject", "colours": "colour", "places": "place", "times": "time", "lights": "light",
    "weathers": "weather", "styles": "style", "positions": "position", "distances": "distance",
}  # fmt: skip
LISTS: Mapping[str, Kind] = {
    "other": "other", "vague": "vague", "modifiers": "modifier", "verbs": "verb", "stops": "stop",
    "joiners": "joiner", "counts": "count", "measures": "filler", "fillers": "filler", "negators": "negator",
}  # fmt: skip
SINGLE = HAN + KANA + HANGUL + r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Characters that are tokens of their own: no spaces part words of these scripts, or these have endings."""
GRAMMAR = (
    "un une una uno um uma ein eine einen einer einem een het el der das le les il gli "
    "が に は を の で も い な いる ある です ます 가 이 은 는 을 를 에 의 있다"
)
"""What stands beside names in other languages, and means nothing in English."""
TOKEN = re.compile(rf"[{SINGLE}]|(?:[^\W{SINGLE}_])+(?:'[a-z]+)?|[^\s]")
REPEATED = re.compile(r"([^\w\s])(?:\s*\1)+")


@dataclass(frozen=True, eq=False)
class World:
    """What a limited model can draw: for each key its words, the one that suits it best first.

    `lights` are phrases that are true at a time in clear weather, the plainest first; `colours` are keys and
    words in one. What is usual (clear weather, flat colours, the middle) has an empty first word.
    """

    subjects: Mapping[str, tuple[str, ...]]
    colours: tuple[str, ...]
    places: Mapping[str, tuple[str, ...]]
    times: Mapping[str, tuple[str, ...]]
    lights: Mapping[str, tuple[str, ...]]
    weathers: Mapping[str, tuple[str, ...]]
    styles: Mapping[str, tuple[str, ...]]
    positions: Mapping[str, tuple[str, ...]]
    distances: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Word:
    """A meaning: its kind, its key there, an English wording, and whether that translates it exactly."""

    kind: Kind
    key: str = ""
    english: str = ""
    exact: bool = False


UNKNOWN = Word("unknown")
PUNCTUATION = Word("punctuation")


@dataclass(frozen=True, slots=True)
class Item:
    """A word found in a text, with what it was found as, in lower case and simplified characters."""

    word: Word
    text: str

    @property
    def kind(self) -> Kind:
        """The kind of its word."""
        return self.word.kind


@dataclass(slots=True)
class _Node:
    next: "dict[str, _Node]" = field(default_factory=dict)
    word: Word | None = None


class Lexicon:
    """Words in a tree of tokens: a character of Chinese, Japanese or Korean each, else a word."""

    def __init__(self, traditional: Mapping[int, str]) -> None:
        self._root = _Node()
        self._traditional = traditional

    def add(self, text: str, word: Word) -> None:
        """Make `text` mean `word`; the first meaning given to a text stays."""
        node = self._root
        for token in self.tokens(text):
            node = node.next.setdefault(token, _Node())
        node.word = node.word or word

    def tokens(self, text: str) -> list[str]:
        """`text` folded (NFKC, lower case, simplified characters, plain dashes) and taken apart."""
        folded = unicodedata.normalize("NFKC", text).casefold().translate(self._traditional)
        plain = folded.replace("-", " ").replace("’", "'")
        return TOKEN.findall(REPEATED.sub(r"\1", plain))

    def items(self, text: str) -> Iterator[Item]:
        """The words of `text` in order, by longest match; what is not known comes in whole runs."""
        tokens = self.tokens(text)
        start = 0
        unknown: list[str] = []
        while start < len(tokens):
            end, word = self._longest(tokens, start)
            if word is None and not _is_punctuation(tokens[start]):
                unknown.append(tokens[start])
            else:
                if unknown:
                    yield Item(UNKNOWN, _join(unknown))
                    unknown = []
                yield Item(word or PUNCTUATION, _join(tokens[start:end]))
            start = end
        if unknown:
            yield Item(UNKNOWN, _join(unknown))

    def _longest(self, tokens: list[str], start: int) -> tuple[int, Word | None]:
        node, found, word = self._root, start + 1, None
        for end in range(start, len(tokens)):
            following = node.next.get(tokens[end])
            if following is None:
                break
            node = following
            if node.word is not None:
                found, word = end + 1, node.word
        return found, word


@cache
def lexicon(world: World | None) -> Lexicon:
    """The lexicon of a world, or of everything scenes.toml knows; built once for each."""
    data = table("scenes")
    words = Lexicon(simplified_forms())
    if world is not None:
        _add_world(words, world)
    for section, kind in SECTIONS.items():
        for key, groups in data[section].items():
            known = world is None or key in getattr(world, section)
            for english, texts in groups.items():
                word = Word(kind, key, english.lstrip("~"), english[0] != "~") if known else Word("other")
                _add_texts(words, texts, word)
    for name, kind in LISTS.items():
        for text in data["words"][name]:
            words.add(text, Word(kind))
    for measure in data["words"]["measures"]:
        words.add(f"一{measure}", Word("filler"))
    if world is not None:
        _add_other_languages(words)
    return words


def _add_other_languages(words: Lexicon) -> None:
    """The names that things and colours have in other languages, as their English ones.

    Chinese characters that a world does not know are left to the bilingual lexicon.
    """
    for particle in GRAMMAR.split():
        words.add(particle, Word("filler"))
    for english, others in names().items():
        found = [item.word for item in words.items(english)]
        is_known = len(found) == 1 and found[0].kind in {"subject", "colour"}
        word = found[0] if is_known else Word("other", english=english)
        for name in others:
            if is_known or not re.search(f"[{HAN}]", name):
                words.add(name, word)


@cache
def embedded_world() -> World:
    """The vocabulary of the embedded model."""
    from engine.embedded import vocabulary as known

    return World(
        subjects=known.SUBJECT_WORDS,
        colours=known.COLOURS,
        places=_wordings(known.PLACE_PHRASES, known.PLACE_WORDS),
        times=_wordings(known.TIME_PHRASES, known.TIME_WORDS),
        lights=known.LIGHT_PHRASES,
        weathers=_wordings(known.WEATHER_PHRASES, known.WEATHER_WORDS),
        styles=_wordings(known.STYLE_PHRASES, known.STYLE_WORDS),
        positions=_wordings(known.POSITION_PHRASES, known.POSITION_WORDS),
        distances=_wordings(known.DISTANCE_PHRASES, {}),
    )


def _wordings(phrases: Mapping[str, str], words: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Every wording of each key, the canonical phrase first."""
    return {key: (phrase, *words.get(key, ())) for key, phrase in phrases.items()}


def _add_world(words: Lexicon, world: World) -> None:
    for section, kind in SECTIONS.items():
        known = getattr(world, section)
        for key in known:
            texts = (key,) if section == "colours" else known[key]
            for text in filter(None, texts):
                _add_texts(words, (text,), Word(kind, key, text if kind == "light" else ""))


def _add_texts(words: Lexicon, texts: "tuple[str, ...] | list[str]", word: Word) -> None:
    for text in texts:
        words.add(text, word)
        if text.isascii() and word.kind in {"subject", "place", "time", "weather", "other"}:
            for plural in (f"{text}s", f"{text}es", re.sub("y$", "ies", text)):
                words.add(plural, word)


def _is_punctuation(token: str) -> bool:
    return len(token) == 1 and unicodedata.category(token)[0] in "PSZ"


def _join(tokens: list[str]) -> str:
    """Latin words with spaces between, Chinese characters without."""
    text = ""
    for token in tokens:
        text += f" {token}" if text and (text[-1].isascii() and token[0].isascii()) else token
    return text
