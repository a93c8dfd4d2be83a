"""The words a prompt is read with: what each means, and the longest match over any text."""

import re
import unicodedata
from collections import ChainMap
from collections.abc import Container, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache

from engine.cjk import HAN, HANGUL, KANA
from engine.embedded.vocabulary import SECTIONS, World
from engine.prompts.data import HAN as HAN_CHAR
from engine.prompts.data import simplified_forms, table, words
from engine.prompts.translate.lexicon import NOUNS, bilingual_lexicon, plural

SINGLE = HAN + KANA + HANGUL + r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Characters that are tokens of their own: no spaces part words of these scripts, or these have endings."""
NAMING = frozenset({"subject", "place", "light", "weather", "other"})
THINGS = frozenset({"subject", "other"})
SCENERY = frozenset({"place", "weather"})
QUALITIES = frozenset({"colour", "modifier", "vague", "unknown"})
ONE = frozenset({"a", "an", "the", "my", "this", "one"})
"""What begins the name of one thing."""
CALLING = frozenset({"colour", "modifier", "count", "joiner", "negator"})
"""What a name follows."""
OF = frozenset({"de", "del", "du", "da", "do", "di", "à", "al", "au"})
GRAMMAR = (
    "un une una uno um uma ein eine einen einer einem een het el der das le les il gli "
    "la los las en dans sur con mit im am auf und et y och og mon "
    "が に は を の で も な いる ある です ます 가 이 은 는 을 를 에 의 있다"
)
"""What stands beside names in other languages, and means nothing in English."""
TOKEN = re.compile(rf"[{SINGLE}]|(?:[^\W{SINGLE}_])+(?:'[a-z]+)?|[^\s]")
REPEATED = re.compile(r"([^\w\s])(?:\s*\1)+")
SPACED = re.compile(rf"(?<=[{HAN}])\s+(?=[{HAN}])")
RUN = re.compile(f"[{HAN}]{{2,}}")
JOINED = re.compile(rf"(?<=[{HANGUL}])[{HANGUL}]")
NEEDLESS = re.compile(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])")
DOING = re.compile(r"^\w+ing (?:(?:an?|the) )?")
SYLLABLE = re.compile(f"[{HAN}{KANA}{HANGUL}]")
KANA_WORD = re.compile("[\u30a1-\u30ff]{2,}")


@dataclass(frozen=True, slots=True)
class Word:
    """A meaning: its kind, its key there, an English wording, and whether that translates it exactly.

    Kinds are a world's sections and the lists of scenes.toml, in the singular, `punctuation` and `unknown`.
    The key of an `other` thing is its English name; `foreign` words are neither English nor East Asian.
    """

    kind: str
    key: str = ""
    english: str = ""
    exact: bool = False
    foreign: bool = False


UNKNOWN = Word("unknown")
PUNCTUATION = Word("punctuation")
THING = Word("other")
PART = Word("modifier", "part")
"""What only says of which kind another thing is."""


@dataclass(frozen=True, slots=True)
class Item:
    """A word found in a text, with what it was found as, in lower case and simplified characters."""

    word: Word
    text: str

    @property
    def kind(self) -> str:
        """The kind of its word."""
        return self.word.kind


NOTHING = Item(PUNCTUATION, "")


class Lexicon:
    """What names mean, by their tokens: a character of Chinese, Japanese or Korean each, else a word.

    A lexicon of a `world`, or with its own names before those of a `shared` one. `scenery` is what names of
    subjects mean where they only say where another one is: `mountain`.
    """

    def __init__(self, world: World | None = None, shared: "Lexicon | None" = None) -> None:
        self.world: World | None = shared.world if shared else world
        self.scenery: dict[str, Word] = shared.scenery if shared else {}
        self._words: ChainMap[tuple[str, ...], Word] = shared._words.new_child() if shared else ChainMap()
        self._most: int = shared._most if shared else 1

    def add(self, text: str, word: Word) -> None:
        """Make `text` mean `word`; the first meaning of a text stays, but for a thing without a key."""
        tokens = tuple(self.tokens(text))
        first = self._words.maps[0].get(tokens)
        if first in (None, THING):
            self._words[tokens] = word
            self._most = max(self._most, len(tokens))
        elif first.kind == "subject" and word.kind in SCENERY:
            self.scenery.setdefault(_join(list(tokens)), word)

    def get(self, text: str) -> Word | None:
        """What the whole of `text` means."""
        return self._words.get(tuple(self.tokens(text)))

    def tokens(self, text: str) -> list[str]:
        """`text` folded (NFKC, lower case, simplified characters, plain dashes) and taken apart."""
        return TOKEN.findall(_folded(text))

    def items(self, text: str) -> Iterator[Item]:
        """The words of `text` in order, by longest match; what is not known comes in whole runs.

        No word that a dictionary has is taken apart (房车 is no house and no car), and of two things in a row
        only one is drawn: a house boat is no house. An emoji beside words that name a thing says nothing.
        """
        found = _without_decoration(list(self._items(text)))
        is_one = False
        around = [NOTHING, *found, NOTHING, NOTHING]
        for before, item, following, after in zip(around, found, around[2:], around[3:], strict=False):
            following = after if following.text == "の" else following
            is_one = item.text in ONE or (is_one and item.kind in THINGS | QUALITIES)
            is_part = item.kind in THINGS and self._is_part(before, item, following, is_one)
            yield Item(PART, item.text) if is_part else item

    def _is_part(self, before: Item, item: Item, following: Item, is_one: bool) -> bool:
        """Whether a thing only says of which kind the one beside it is.

        The head of an English name is its last word, as of a Chinese one; in most languages that write two
        words it is the first. After "a cat" a word such as "watches" is a verb; a cactus plant is a cactus.
        """
        if before.text in OF or (item.word.foreign and before.kind in THINGS and before.word.foreign):
            return True
        if item.word.foreign or item.word.key == following.word.key or DOING.match(following.word.english):
            return False
        if item.text.isascii() and following.text.isascii():
            is_verb = is_one and following.text.endswith("s") and following.text != following.word.key
            entry = bilingual_lexicon().thing(item.text)
            is_kind = entry is not None and entry.kind == following.word.key
            return following.kind in THINGS and not is_verb and not is_kind
        if not HAN_CHAR.match(item.text) or following.kind not in {*THINGS, "unknown"}:
            return False
        is_noun = following.kind in THINGS or not bilingual_lexicon().segment(following.text)[0].entries
        return bool(HAN_CHAR.match(following.text) and is_noun) or KANA_WORD.match(following.text) is not None

    def _items(self, text: str) -> Iterator[Item]:
        folded = _folded(text)
        found = list(TOKEN.finditer(folded))
        tokens = [match[0] for match in found]
        cut = self._inside_words(folded)
        inner = {at for at, match in enumerate(found) if match.start() in cut}
        start = 0
        unknown: list[str] = []
        while start < len(tokens):
            end, word = self._longest(tokens, start, inner)
            is_joined = unknown and JOINED.match(folded, found[start].start())
            if is_joined or (word is None and not _is_punctuation(tokens[start])):
                unknown += tokens[start:end]
            else:
                if unknown:
                    yield Item(UNKNOWN, _join(unknown))
                    unknown = []
                yield Item(word or PUNCTUATION, _join(tokens[start:end]))
            start = end
        if unknown:
            yield Item(UNKNOWN, _join(unknown))

    def _inside_words(self, text: str) -> Set[int]:
        """Before which characters no word begins or ends: they are inside one that a dictionary has."""
        spans = [match.span() for match in KANA_WORD.finditer(text)]
        for run in RUN.finditer(text):
            end = run.start()
            for token in bilingual_lexicon().segment(run[0]):
                start, end = end, end + len(token.text)
                is_apart = token.is_a("colour") or "着" in token.text or self.is_sum(token.text)
                spans += [] if is_apart else [(start, end)]
        return {at for start, end in spans for at in range(start + 1, end)}

    def is_sum(self, word: str) -> bool:
        """Whether all of a dictionary's word is known, and no name behind a name: 大船 is big, and a boat."""
        kinds, start = list[str](), 0
        while start < len(word):
            start, meaning = self._longest(word, start, ())
            kinds.append(meaning.kind if meaning else "unknown")
        named = next((at for at, kind in enumerate(kinds) if kind in NAMING), len(kinds))
        return "unknown" not in kinds and not {"subject", "place", "other", "verb"} & set(kinds[named + 1 :])

    def _longest(self, tokens: Sequence[str], start: int, inner: Container[int]) -> tuple[int, Word | None]:
        if start in inner:
            return start + 1, None
        first, pair = self._words.get(tuple(tokens[start : start + 1])), "".join(tokens[start : start + 2])
        for end in range(min(len(tokens), start + self._most), start, -1):
            word = self._words.get(tuple(tokens[start:end]))
            if word is None and end == start + 2 and pair.isascii() and (not first or first.kind in NAMING):
                word = self._words.get((pair,))  # written as one elsewhere: a sun flower
                word = word if word and word.kind in NAMING else None
            if word and end not in inner:
                return end, word
        return start + 1, None


def lexicon(world: World | None, locale: str = "") -> Lexicon:
    """The lexicon of a world, or of everything scenes.toml knows; built once for each.

    With a `locale`, a BCP 47 tag, words are read in that language first.
    """
    language = locale.lower().partition("-")[0]
    return _lexicon(world, language if world and language in world.names else "")


@cache
def _lexicon(world: World | None, language: str) -> Lexicon:
    if language:
        shared = lexicon(world)
        own = Lexicon(shared=shared)
        _add_other_languages(own, shared, language)
        return own
    data = table("scenes")
    words = Lexicon(world)
    if world is not None:
        _add_world(words, world)
        for key, groups in data["finer"].items():
            for texts in groups.values() if key in world.places else ():
                _add_texts(words, texts, Word("place", key))
        _add_translations(words)
    for section, kind in _sections():
        for key, groups in data[section].items():
            known = world is None or key in getattr(world, section)
            for english, texts in groups.items():
                word = Word(kind, key, english.lstrip("~"), english[0] != "~") if known else THING
                _add_texts(words, texts, word)
    for number, listed in data["counts"].items():
        for text in listed:
            words.add(text, Word("count", number))
    for name, listed in data["words"].items():
        for text in listed:
            words.add(text, Word("filler" if name == "measures" else name.removesuffix("s")))
    for measure in data["words"]["measures"]:
        words.add(f"一{measure}", Word("filler"))
    if world is not None:
        _add_things(words)
        _add_other_languages(words, words)
    return words


def _add_translations(lexicon: Lexicon) -> None:
    """Add the Chinese of a world's subjects, and what is done with one: 弹吉他 has a guitar."""
    for chinese, entry in bilingual_lexicon().named(NOUNS - {"saying"} | {"doing"}):
        name = DOING.sub("", entry.english) if entry.kind == "doing" else entry.english.removeprefix("the ")
        word = lexicon.get(name)
        if word and word.kind == "subject":
            lexicon.add(chinese, replace(word, english=entry.english) if entry.kind == "doing" else word)


def _add_things(lexicon: Lexicon) -> None:
    """Add other things. "A white horse" stays white, "golden retriever" whole, "a cherry tree" a tree."""
    for chinese, entry in bilingual_lexicon().named(NOUNS - {"saying"}):
        for at, english in enumerate((entry.english, *entry.others)):
            name = english.removeprefix("the ").casefold()
            first, *others = (lexicon.get(word) for word in name.split())
            kind = first.kind if others and first and first.kind not in NAMING else ""
            is_apart = kind == "time" or (kind and bilingual_lexicon().thing(name.split()[-1]))
            if name in words("likenesses") or is_apart:
                if not at and not lexicon.is_sum(chinese):
                    lexicon.add(chinese, Word("other", name))
                continue
            is_tree = others and others[-1] and others[-1].kind == "subject"
            for text in (*(() if at else (chinese,)), *(() if is_tree else (name, plural(name)))):
                lexicon.add(text, Word("other", name))


def _add_other_languages(lexicon: Lexicon, english: Lexicon, language: str = "") -> None:
    """The names of things and colours in all other languages, or in one of them alone, as in `english`.

    Its grammar stays (a duck is "and" in Danish), and Chinese that a world does not know is left to the
    bilingual lexicon.
    """
    for particle in () if language else (*GRAMMAR.split(), *OF):
        lexicon.add(particle, Word("filler"))
    names = lexicon.world.names if lexicon.world else {}
    for thing, others in names.get(language, {}).items():
        found = [item.word for item in english.items(thing)]
        is_known = len(found) == 1 and found[0].kind in {"subject", "colour"}
        word = found[0] if is_known else Word("other", thing)
        foreign = replace(word, foreign=True)
        for name in others:
            known = english.get(name) if language else None
            is_grammar = known is not None and known.kind not in {*NAMING, "colour"}
            if not is_grammar and (is_known or not RUN.fullmatch(name)):
                is_foreign = name[0].isalpha() and not SYLLABLE.match(name)
                lexicon.add(name, foreign if is_foreign else word)


def _sections() -> Iterable[tuple[str, str]]:
    """The sections of a world and of scenes.toml, and the kind of the words in each."""
    return [(section, section.removesuffix("s")) for section in SECTIONS]


def _add_world(words: Lexicon, world: World) -> None:
    for section, kind in _sections():
        known = getattr(world, section)
        for key in known:
            for text in filter(None, (key,) if kind == "colour" else known[key]):
                _add_texts(words, (text,), Word(kind, key, text if kind == "light" else ""))
    for key, many in world.plurals.items():
        words.add(many, Word("subject", key))


def _add_texts(words: Lexicon, texts: "tuple[str, ...] | list[str]", word: Word) -> None:
    for text in texts:
        words.add(text, word)
        if text.isascii() and word.kind in {"subject", "place", "time", "weather", "other"}:
            for plural in (f"{text}s", f"{text}es", re.sub("y$", "ies", text)):
                words.add(plural, word)


def _without_decoration(items: Sequence[Item]) -> list[Item]:
    """The items without emoji beside words that name a thing; "a 🐱" and "cat with 🎩" are words."""
    emoji = [item.kind in THINGS and unicodedata.category(item.text[0]) == "So" for item in items]
    if all(is_emoji or item.kind not in THINGS for item, is_emoji in zip(items, emoji, strict=True)):
        return list(items)
    kept = []
    for before, item, is_emoji in zip([NOTHING, *items], items, emoji, strict=False):
        is_called = (before.kind in CALLING and not before.word.foreign) or (
            before.kind == "stop" and before.text.isascii()
        )
        if not is_emoji or is_called or before.text in ONE or before.text[:1] in {"一", "的"}:
            kept.append(item)
    return kept


def _is_punctuation(token: str) -> bool:
    return len(token) == 1 and unicodedata.category(token)[0] in "PSZC"


def _join(tokens: Sequence[str]) -> str:
    """Latin words with spaces between, Chinese characters without."""
    return NEEDLESS.sub("", " ".join(tokens))


def _folded(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(simplified_forms())
        text = SPACED.sub("，", text.replace("-", " ").replace("’", "'"))
    return REPEATED.sub(r"\1", text.casefold().replace("-", " "))
