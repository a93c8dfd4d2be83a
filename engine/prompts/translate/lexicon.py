"""The bilingual lexicon: 3,500 things, looks, doings and names in English and Chinese, and segmentation."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from engine import cjk
from engine.prompts.data import HAN, simplified, table, words
from engine.prompts.text.sanitize import MARK

FILES = ("names", "grammar", "living", "things", "places", "looks")
"""Read in this order; where a Chinese word has several meanings, the first is tried first."""

_NOUNS = (
    "people animal plant food machine object clothing nature building interior weather light person place "
    "saying"
)
NOUNS = frozenset(_NOUNS.split())
NAMES = frozenset({"person", "place"})
MODIFIERS = frozenset({"material", "colour", "quality"})
LONGEST = 12
NUMERALS = "零〇一二三四五六七八九十百千万两"
PIECE = re.compile(rf"[{cjk.HAN}]+|{MARK}|[^\W{cjk.HAN}]+(?:['’./:-][^\W{cjk.HAN}]+)*|\S")
MOVED = re.compile(r"(.)(?:[过上下出进回起]?[来去]|来\1去)")
"""跑过来, 飞来飞去."""
UNKNOWN_COST = 4.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A meaning: its kind, the English to write, other English for it, whether it takes no article."""

    kind: str
    english: str
    others: tuple[str, ...] = ()
    mass: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text with what it may mean, likeliest first; no entry where it is unknown."""

    text: str
    entries: tuple[Entry, ...] = ()

    def is_a(self, *kinds: str) -> bool:
        """Whether one of its meanings is of one of these kinds."""
        return any(entry.kind in kinds for entry in self.entries)

    @property
    def is_quote(self) -> bool:
        """Whether it stands for a quoted span."""
        return re.fullmatch(MARK, self.text) is not None

    def of(self, kinds: frozenset[str]) -> Entry | None:
        """Its first meaning of these kinds."""
        return next((entry for entry in self.entries if entry.kind in kinds), None)


class BilingualLexicon:
    """The lexicon in both directions."""

    def __init__(self, entries: Mapping[str, tuple[Entry, ...]]) -> None:
        self._chinese = entries
        mixed = sorted((w for w in entries if re.search("[A-Za-z0-9]", w)), key=len, reverse=True)
        self._pieces = re.compile("|".join([*map(re.escape, mixed), PIECE.pattern]))
        self._english: dict[str, Entry] = {}
        nouns = [each for group in entries.values() for each in group if each.kind in NOUNS - {"saying"}]
        nouns.sort(key=lambda each: each.kind in NAMES)
        also = (
            (name, each)
            for each in nouns
            for name in each.others
            if name.islower() <= (each.kind not in NAMES)
        )
        for name, entry in (*((each.english, each) for each in nouns), *also):
            self._english.setdefault(name.removeprefix("the ").casefold(), entry)

    def __len__(self) -> int:
        return len({entry for group in self._chinese.values() for entry in group})

    def named(self, kinds: frozenset[str]) -> Iterator[tuple[str, Entry]]:
        """Every Chinese word with each of its meanings of these kinds."""
        return ((word, each) for word, group in self._chinese.items() for each in group if each.kind in kinds)

    def meanings(self, chinese: str) -> tuple[Entry, ...]:
        """What a Chinese word may mean."""
        return self._chinese.get(chinese, ())

    def thing(self, english: str) -> Entry | None:
        """The noun an English word or compound stands for, singular or plural."""
        return next((self._english[name] for name in singulars(english) if name in self._english), None)

    def things(self, english: str) -> Iterator[Entry]:
        """The nouns of an English text in order, the longest names first."""
        words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", english.casefold())
        return (entry for _, _, entry in nouns(words, self.thing) if entry)

    def segment(self, text: str) -> list[Token]:
        """Cut `text` into its most likely words; Latin words, quotes and marks are pieces of their own."""
        tokens: list[Token] = []
        for piece in self._pieces.findall(simplified(text)):
            is_chinese = HAN.match(piece[-1]) and piece[0] not in "0123456789"
            tokens += self._words(piece) if is_chinese else [self._token(piece)]
        return tokens

    def _words(self, text: str) -> list[Token]:
        """Fewest and best known words: dynamic programming over what ends at each character."""
        best: list[tuple[float, int]] = [(0.0, 0)]
        words = self._dictionary_words(text)
        for end in range(1, len(text) + 1):
            starts = range(max(0, end - LONGEST), end)
            ways = ((best[s][0] + self._cost(text[s:end], (s, end) in words), s) for s in starts)
            best.append(min(ways))
        tokens: list[Token] = []
        end = len(text)
        while end:
            start = best[end][1]
            tokens.append(self._token(text[start:end]))
            end = start
        return tokens[::-1]

    def _dictionary_words(self, text: str) -> set[tuple[int, int]]:
        """Where a Chinese text has words, by a kept dictionary, whose parts may mean something else."""
        import rjieba

        apart = table("segmentation")["apart"].split()
        cut = (each for each in rjieba.tokenize(text, hmm=False) if each[0] not in apart)
        spans = {(start, end) for word, start, end in cut if not self._is_sum(word)}
        return spans | {match.span() for match in _whole().finditer(text)}

    def _is_sum(self, word: str) -> bool:
        """Whether a word of the dictionary means no more than its parts."""
        first, rest = self._token(word[:-1]), self._token(word[1:].lstrip(NUMERALS))
        if word[0] in words("counting_start"):
            is_one = word[0] == "一" and self._token(word[1:2]).is_a("measure")
            return not rest.text or is_one or rest.is_a("measure", "people", "quality", "vague")
        if _moving(word):
            return False
        return (
            len(word) == 1
            or word[-1] == "的"
            or (len(word) > 2 and word[0] in words("transparent") and bool(rest.entries))
            or (word[-1] in words("after_noun") and first.of(NOUNS - {"animal"}) is not None)
            or (word[-1] in words("after_doing") and first.is_a("doing"))
        )

    def _cost(self, word: str, is_word: bool) -> float:
        if word in self._chinese:
            return 1.0 if len(word) > 1 else 1.5
        if len(word) == 1:
            return UNKNOWN_COST
        return 1.1 if set(word) <= set(NUMERALS) else 1.2 if is_word else 1000.0

    def _token(self, word: str) -> Token:
        entries = self.meanings(word) or self.meanings(_moving(word))
        if not entries and len(word) > 1 and set(word) <= set(NUMERALS):
            entries = (Entry("number", number(word)),)
        return Token(word, entries)


def _moving(word: str) -> str:
    """The verb of a word that tells how somebody moves and where to; empty for any other word."""
    match = MOVED.fullmatch(word)
    return match[1] if match and match[1] in words("moving") else ""


@cache
def _whole() -> re.Pattern[str]:
    """Words that the dictionary lacks."""
    return re.compile("|".join(sorted(table("segmentation")["whole"].split(), key=len, reverse=True)))


@cache
def bilingual_lexicon() -> BilingualLexicon:
    """The lexicon; read once."""
    words: dict[str, list[Entry]] = {}
    for name in FILES:
        for kind, lists in table(f"bilingual-{name}").items():
            for role, lines in lists.items():
                _add(words, kind if role == "words" else role, lines)
    return BilingualLexicon({chinese: tuple(dict.fromkeys(entries)) for chinese, entries in words.items()})


def nouns(
    words: Sequence[str], known: Callable[[str], Entry | None]
) -> Iterator[tuple[int, int, Entry | None]]:
    """Where each noun of these English words begins and ends, longest names first; None for other words."""
    at = 0
    while at < len(words):
        names = ((end, " ".join(words[at:end])) for end in range(min(at + 4, len(words)), at, -1))
        end, entry = next(((end, entry) for end, name in names if (entry := known(name))), (at + 1, None))
        yield at, end, entry
        at = end


def number(numerals: str) -> str:
    """`三十五` → `35`; `七八` → `7 or 8`; digits one by one where there is no unit."""
    digits = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
    if all(char in digits for char in numerals):
        spelled = [digits[char] for char in numerals]
        if len(spelled) == 2 and 0 < spelled[0] < spelled[1]:
            return f"{spelled[0]} {'or' if spelled[0] + 1 == spelled[1] else 'to'} {spelled[1]}"
        return "".join(map(str, spelled))
    total = section = digit = 0
    for char in numerals:
        if char in digits:
            digit = digits[char]
        elif char == "万":
            total, section, digit = (total + section + digit or 1) * 10_000, 0, 0
        else:
            section += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[char]
            digit = 0
    return str(total + section + digit)


def singulars(word: str) -> Iterator[str]:
    """What `word`, perhaps a plural, may be the plural of; itself first."""
    yield word
    head, space, last = word.rpartition(" ")
    if last in SINGULAR:
        yield f"{head}{space}{SINGULAR[last]}"
    for ending, replacement in (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", "")):
        if last.endswith(ending) and len(last) > len(ending) + 1:
            yield f"{head}{space}{last.removesuffix(ending)}{replacement}"


def plural(phrase: str) -> str:
    """The plural of a noun phrase; what goes before "of" is its head."""
    head, of, rest = phrase.partition(" of ")
    before, space, last = head.rpartition(" ")
    if last.casefold() in PLURAL:
        last = PLURAL[last.casefold()]
    elif last.endswith("fish"):
        pass
    elif re.search(r"(?:s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{before}{space}{last}{of}{rest}"


PLURAL: Mapping[str, str] = table("words")["plurals"]
SINGULAR = {many: one for one, many in PLURAL.items()}


def _add(words: dict[str, list[Entry]], kind: str, lines: str) -> None:
    for line in lines.strip().splitlines():
        left, _, right = line.partition(" = ")
        first, *others = left.split(" / ")
        entry = Entry(kind, first.rstrip("~"), tuple(others), first.endswith("~"))
        for chinese in right.split():
            words.setdefault(chinese, []).append(entry)
