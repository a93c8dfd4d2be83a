"""The words a prompt is read with: what each means, and the longest match over any text."""

import re
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from engine.cjk import HAN, HANGUL, KANA
from engine.prompts.data import HAN as HAN_CHAR
from engine.prompts.data import names, simplified_forms, table
from engine.prompts.translate.lexicon import NOUNS, Token, bilingual_lexicon

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
NAMING = frozenset({"subject", "place", "light", "weather", "other"})
OF = frozenset({"de", "del", "du", "da", "do", "di"})
GRAMMAR = (
    "un une una uno um uma ein eine einen einer einem een het el der das le les il gli "
    "が に は を の で も い な いる ある です ます 가 이 은 는 을 를 에 의 있다"
)
"""What stands beside names in other languages, and means nothing in English."""
TOKEN = re.compile(rf"[{SINGLE}]|(?:[^\W{SINGLE}_])+(?:'[a-z]+)?|[^\s]")
REPEATED = re.compile(r"([^\w\s])(?:\s*\1)+")
SPACED = re.compile(rf"(?<=[{HAN}])\s+(?=[{HAN}])")
RUN = re.compile(f"[{HAN}]{{2,}}")
JOINED = re.compile(rf"(?<=[{HANGUL}])[{HANGUL}]")
KANA_WORD = re.compile("[\u30a1-\u30ff]{2,}")


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
PART = Word("other", "part")
"""What only says of which kind another thing is."""


@dataclass(frozen=True, slots=True)
class Item:
    """A word found in a text, with what it was found as, in lower case and simplified characters."""

    word: Word
    text: str

    @property
    def kind(self) -> Kind:
        """The kind of its word."""
        return self.word.kind


NOTHING = Item(PUNCTUATION, "")


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
        return TOKEN.findall(self._folded(text))

    def _folded(self, text: str) -> str:
        folded = unicodedata.normalize("NFKC", text).casefold().translate(self._traditional)
        folded = SPACED.sub("，", folded.replace("-", " ").replace("’", "'"))
        return REPEATED.sub(r"\1", folded)

    def items(self, text: str) -> Iterator[Item]:
        """The words of `text` in order, by longest match; what is not known comes in whole runs.

        No word that a dictionary has is taken apart (房车 is no house and no car), and of two things in a row
        only the second is one (a house boat is no house).
        """
        found = list(self._items(text))
        for before, item, following in zip([NOTHING, *found], found, [*found[1:], NOTHING], strict=False):
            is_part = _is_part(item, following) or (before.text in OF and item.kind == "subject")
            yield Item(PART, item.text) if is_part else item

    def _items(self, text: str) -> Iterator[Item]:
        folded = self._folded(text)
        found = list(TOKEN.finditer(folded))
        tokens = [match[0] for match in found]
        cut = self._inside_words(folded)
        inner = {at for at, match in enumerate(found) if match.start() in cut}
        joined = {at for at, match in enumerate(found) if JOINED.match(folded, match.start())}
        start = 0
        unknown: list[str] = []
        while start < len(tokens):
            end, word = self._longest(tokens, start, inner)
            if tokens[start].isalpha() and tokens[start].isascii() and (word is None or word.kind in NAMING):
                end, word = self._compound(tokens, start, end) or (end, word)
            if (word is None and not _is_punctuation(tokens[start])) or (unknown and start in joined):
                unknown += tokens[start:end]
            else:
                if unknown:
                    yield _unknown(unknown)
                    unknown = []
                yield Item(word or PUNCTUATION, _join(tokens[start:end]))
            start = end
        if unknown:
            yield _unknown(unknown)

    def _compound(self, tokens: list[str], start: int, end: int) -> tuple[int, Word] | None:
        """A name of several words, or of two written as one elsewhere: an ice cream, a sun flower."""
        for size in range(min(4, len(tokens) - start), end - start, -1):
            name, last = tokens[start : start + size], self._root.next.get(tokens[start + size - 1])
            joined = self._root.next.get("".join(name)) if size == 2 else None
            if joined and joined.word:
                return start + size, joined.word
            is_known = any(bilingual_lexicon().thing(each) for each in (" ".join(name), "".join(name)))
            if is_known and not (last and last.word and last.word.kind == "subject"):
                return start + size, Word("other")
        return None

    def _inside_words(self, text: str) -> Set[int]:
        """Before which characters no word begins or ends: they are inside one that a dictionary has."""
        spans = [match.span() for match in KANA_WORD.finditer(text)]
        for run in RUN.finditer(text):
            end = run.start()
            for token in bilingual_lexicon().segment(run[0]):
                start, end = end, end + len(token.text)
                spans += [(start, end)] if is_whole(token) else []
        return {at for start, end in spans for at in range(start + self._rest(text[start:end]) + 1, end)}

    def _rest(self, word: str) -> int:
        """Where in a dictionary's word begins what is not taken apart: 大熊猫 is big, and a panda."""
        start, is_named = 0, False
        while start < len(word):
            end, meaning = self._longest(word, start, ())
            if meaning is None or meaning.kind == "other":
                whole, rest = (bilingual_lexicon().meanings(word[at:]) for at in (0, start))
                heads = tuple(entry.english for entry in rest if entry.kind in NOUNS)
                is_head = not is_named and bool(heads) and all(each.english.endswith(heads) for each in whole)
                return start if is_head else 0
            if is_named and meaning.kind in {"subject", "place", "verb"}:
                return 0
            is_named = is_named or meaning.kind in {"subject", "place"}
            start = end
        return start

    def _longest(self, tokens: Sequence[str], start: int, inner: Container[int]) -> tuple[int, Word | None]:
        if start in inner:
            return start + 1, None
        node, found, word = self._root, start + 1, None
        for end in range(start, len(tokens)):
            following = node.next.get(tokens[end])
            if following is None:
                break
            node = following
            if node.word is not None and end + 1 not in inner:
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
            if is_known or not RUN.fullmatch(name):
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


def _unknown(tokens: Sequence[str]) -> Item:
    """What is not known; a thing where it ends with a Chinese noun, so that a colour before it is its own."""
    text = _join(tokens)
    is_thing = HAN_CHAR.match(text[-1]) and bilingual_lexicon().segment(text)[-1].of(NOUNS)
    return Item(Word("other") if is_thing else UNKNOWN, text)


def _is_part(item: Item, following: Item) -> bool:
    """Whether a subject only says what kind of a thing follows it."""
    if item.kind != "subject" or item.word.key == following.word.key:
        return False
    if item.text.isascii() and following.text.isascii():
        return following.kind == "subject"
    if not (HAN_CHAR.match(item.text) and HAN_CHAR.match(following.text)):
        return False
    return following.kind == "subject" or (
        following.kind in {"other", "unknown"}
        and bilingual_lexicon().segment(following.text)[0].of(NOUNS) is not None
    )


def is_whole(token: Token) -> bool:
    """Whether a Chinese word is named as one: a thing, an unknown word, or what is done (晒太阳)."""
    is_done = token.is_a("doing") and len(token.text) > 1 and "着" not in token.text
    return not token.entries or token.of(NOUNS) is not None or is_done


def _is_punctuation(token: str) -> bool:
    return len(token) == 1 and unicodedata.category(token)[0] in "PSZC"


def _join(tokens: Sequence[str]) -> str:
    """Latin words with spaces between, Chinese characters without."""
    text = ""
    for token in tokens:
        text += f" {token}" if text and (text[-1].isascii() and token[0].isascii()) else token
    return text
