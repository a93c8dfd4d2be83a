"""What a text, in Chinese or English, is certain to speak of, and whether another says the same.

Only what the lexicon knows counts: subjects with their numbers and colours, times and names; any synonym
does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache

from engine.prompts.data import HAN, simplified, table
from engine.prompts.text.clean import QUOTED
from engine.prompts.translate.certain import certain
from engine.prompts.translate.lexicon import (
    NOUNS,
    NUMERALS,
    Entry,
    Token,
    bilingual_lexicon,
    nouns,
    plural,
    singulars,
)

BEINGS = frozenset({"people", "person", "animal"})
SUBJECTS = BEINGS | {"plant", "food", "machine", "object", "clothing", "building", "place"}
CLAUSE = re.compile(r"[。！？!?;；\n，,：:…～（）()【】—、.]+|\s+-\s+")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
NAME = "name"
"""The kind of a thing that only its capital letters tell to be one."""
UNKNOWN = "unknown"
"""The kind of a thing that only its number or colour tells to be one."""
UNCOUNTED = frozenset("点年天分秒岁月日次号楼")
"""Measure words after a number that count no things."""
MOST = 20
"""More are rather said than counted: a hundred flowers."""
NEW = frozenset({"a", "an", "another", "one", "some"})
TELLING = frozenset({"both", "pair", "pairs"})
"""They tell the usual number of something, as in "both hands"."""
LIKE = 5
"""Letters by which a name is known again: Japan, Japanese."""
NEAR = 4
"""Words before a noun that may belong to it."""
_ENDS = (
    "a an the of in on at to by for with and or from into over under near behind beside between around is "
    "are its his her their my your while as who that which"
)
ENDS = frozenset(_ENDS.split())
"""They end what belongs to the noun after them."""
WORN_ONES = "衣裙衫袍服裤帽鞋甲"
SAYING = frozenset({"是", "为", "呈", "成"})
LINKING = frozenset(["is", "are", "was", "painted", "coloured", "colored", "dyed", "of", "in"])
WEARING = frozenset(["in", "wearing", "dressed"])
NONE_OF = re.compile(r"\b(?:no|without|nobody|not|free of)\b[^,.;]*")
CAPITALS = re.compile(r"\b[A-Z]{3,}(?:\W+[A-Z]{2,})*\b")
"""Words that are to be written."""
REFUSING = frozenset(["no", "not", "without", "nobody", "none", "never"])
WORN = re.compile(r"\b(?:in|wear|wears|wearing|with|holds|holding|carries|carrying)\b[^,.;]{0,40}$")
PERSONS = re.compile(r"(?:man|men|woman|women|smith|boy|girl|lady|person|people|ist|keeper|maker|seller)s?$")
TAGGED = re.compile(r"(?<=\d)(?=(?:boy|girl|man|woman|person|other)s?\b)")
NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
VALUES = {word: value for value, word in enumerate(NUMBER_WORDS.split())} | {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
    "hundred": 100, "thousand": 1000, "dozen": 12, "pair": 2, "pairs": 2, "couple": 2, "twin": 2, "twins": 2,
    "both": 2, "trio": 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing that a text speaks of: its `text` there, what it may be called, and what is said of it.

    `worn` are the colours of what it wears or holds. Not `sure` is one between words that are not known;
    `new` is one with an article or a number, as what is spoken of for the first time.
    """

    text: str
    kind: str
    names: frozenset[str]
    count: int = 1
    colours: frozenset[str] = frozenset()
    worn: frozenset[str] = frozenset()
    sure: bool = True
    new: bool = True

    @property
    def is_name(self) -> bool:
        """Whether it is one of its kind, as Paris is."""
        return any(word[:1].isupper() for name in self.names for word in name.split())

    @property
    def is_being(self) -> bool:
        """Whether it is alive, and not just a part of what is."""
        return self.kind in BEINGS and not self.called() & _words("extras")

    def called(self) -> frozenset[str]:
        """Its names in small letters, with the last words of longer ones."""
        names = frozenset(name.casefold() for name in self.names)
        return names | {name.rpartition(" ")[2] for name in names}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text speaks of; `is_whole`: its Chinese is known whole, and it speaks of things.

    `refused` are things that English words say are not there.
    """

    text: str
    mentions: tuple[Mention, ...] = ()
    times: frozenset[str] = frozenset()
    is_whole: bool = True
    refused: tuple[Mention, ...] = ()


def read(text: str) -> Reading:
    """Read what stands outside quotation marks."""
    plain = simplified(CAPITALS.sub(" , ", QUOTED.sub(" , ", text)))
    mentions, refused, is_whole = list[Mention](), list[Mention](), True
    for clause in CLAUSE.split(plain):
        if HAN.search(clause):
            found, known = _chinese(clause)
            mentions += [replace(each, sure=known or _is_long_enough(each)) for each in found]
            is_whole = is_whole and known
            clause = HAN.sub(" ", clause)
        mentions += _english(clause, refused)
    is_whole = is_whole and bool(mentions)
    return Reading(plain, tuple(mentions), frozenset(_times(plain)), is_whole, tuple(refused))


def differences(wish: Reading, written: Reading) -> set[str]:
    """Return codes of what the second text says otherwise: subject, added, colours, refused, time."""
    found = set[str]()
    if not _keeps_subjects(wish, written):
        found.add("subject")
    if wish.is_whole and any(_is_added(each, wish) for each in written.mentions):
        found.add("added")
    if any(_is_recoloured(each, written) for each in wish.mentions):
        found.add("colours")
    if any(speaks_of(written, name) for thing in wish.refused for name in thing.names):
        found.add("refused")
    if not wish.times & written.times and any(
        set(_time(time)["not"].split()) & written.times for time in wish.times
    ):
        found.add("time")
    return found


def speaks_of(written: Reading, thing: str) -> bool:
    """Whether a text names something by its English name."""
    text, name = NONE_OF.sub(" ", written.text.casefold()), thing.casefold()
    is_named = any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for form in _forms(name))
    return is_named or any(name in each.called() for each in written.mentions)


def is_same(first: Mention, second: Mention) -> bool:
    """Whether two mentions may mean the same thing."""
    one, other = first.called(), second.called()
    if one & other or _synonyms(one) & other or (_is_person(first) and _is_person(second)):
        return not _differ_in_sex(one, other)
    return False


def _keeps_subjects(wish: Reading, written: Reading) -> bool:
    """Whether all beings and names of a wish are still there, and the first and half of its other things."""
    known = [each for each in wish.mentions if each.sure and each.kind != UNKNOWN]
    if not wish.is_whole and any(each.kind == NAME for each in written.mentions):
        # What was not understood may be somebody's name.
        known = [each for each in known if each.kind != "people"]
    if known and not any(_is_in(each, written) for each in known):
        return False
    things = [each for each in known if each.kind in SUBJECTS or each.kind == NAME]
    here = [each for each in things if each.kind not in {"place", NAME}]
    first = [each for each in here if each.is_being or each.is_name] or here[:1] or things
    rest = [_is_in(each, written) for each in things if each not in first]
    return all(_is_in(each, written) for each in first) and sum(rest) >= len(rest) // 2


def _is_in(thing: Mention, written: Reading) -> bool:
    """Whether a text speaks of a thing, by any name."""
    if thing.text and thing.text in written.text:
        return True
    text = written.text.casefold()
    names = thing.called() | _synonyms(thing.called())
    if thing.is_name:
        capital = {word for name in thing.names for word in WORD.findall(name) if word[:1].isupper()}
        return any(word.casefold()[:LIKE] in text for word in capital) or any(
            thing.called() & each.called() for each in written.mentions
        )
    if any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for name in names for form in _forms(name)):
        return True
    if _is_person(thing):
        people = [each for each in written.mentions if _is_person(each)]
        others = [word for word in WORD.findall(text) if _is_personal(word)]
        calls = [each.called() for each in people] + [frozenset({word}) for word in others]
        return any(not _differ_in_sex(thing.called(), each) for each in calls)
    return any(is_same(thing, each) for each in written.mentions)


def _is_added(thing: Mention, wish: Reading) -> bool:
    """Whether a thing is another main subject beside those of a wish that is known whole."""
    words = WORD.findall(wish.text.casefold())
    long = [name for name in thing.called() if len(name) > LIKE]
    is_misspelt = any(get_close_matches(name, words, 1, 0.8) for name in long)
    if is_misspelt or not thing.new or not (thing.is_being or thing.called() & _words("intruders")):
        return False
    if not _is_person(thing):
        return not _is_in(thing, wish)
    people = [each for each in wish.mentions if _is_person(each)]
    young = _words("young")
    is_grown_up = bool(people) and not any(each.called() & young for each in people)
    is_child = bool(thing.called() & young)
    return not any(is_same(each, thing) for each in people) or (is_grown_up and is_child)


def _is_recoloured(thing: Mention, written: Reading) -> bool:
    """Whether a text gives a thing other colours than it has."""
    for role in ("colours", "worn"):
        wanted = getattr(thing, role)
        same = [each for each in written.mentions if is_same(thing, each)]
        given = frozenset[str]().union(*(getattr(each, role) for each in same))
        if wanted and given and not wanted & given:
            return True
    return False


def _is_person(thing: Mention) -> bool:
    return thing.kind in {"people", "person"} and thing.is_being


def _is_personal(word: str) -> bool:
    """Whether a word is one for a person: a smith, a juggler."""
    is_doer = re.fullmatch(r"\w{3,}ers?", word) is not None and not {word, word[:-1]} & _words("no_doer")
    return word in _words("person") or PERSONS.search(word) is not None or (is_doer and _thing(word) is None)


def _is_long_enough(thing: Mention) -> bool:
    """Whether a thing is a being or a place whose word is too long to be half of another."""
    return thing.kind in {"people", "animal", "place"} and len(thing.text) > 1


def _differ_in_sex(one: frozenset[str], other: frozenset[str]) -> bool:
    def words(called: frozenset[str]) -> set[str]:
        return {word for name in called for word in name.split()}

    first, second = words(one), words(other)
    male, female = _words("male"), _words("female")
    return bool((first & male and second & female) or (first & female and second & male))


@dataclass
class _Phrase:
    """What was said of the noun that comes next."""

    count: int = 1
    colours: set[str] = field(default_factory=set)
    new: bool = False


def _chinese(clause: str) -> tuple[list[Mention], bool]:
    """The things of a Chinese clause up to what it refuses, and whether all its words are known."""
    tokens = certain(bilingual_lexicon().segment(clause))
    mentions, phrase, worn = list[Mention](), _Phrase(), set[str]()
    for at, token in enumerate(tokens):
        if token.is_a("negator", "request"):
            break
        if token.is_a("colour"):
            colours = _colours(entry.english for entry in token.entries if entry.kind == "colour")
            if mentions and tokens[at - 1].text in SAYING:
                mentions[-1] = replace(mentions[-1], colours=mentions[-1].colours | colours)
            else:
                phrase.colours |= colours
        elif token.text.isdecimal() or (token.is_a("number") and not token.of(NOUNS)):
            following = tokens[at + 1] if at + 1 < len(tokens) else token
            is_count = token.text[-1] not in NUMERALS + "0123456789" or following.is_a("measure")
            is_count = is_count and following.text not in UNCOUNTED
            value = _value(token) if is_count else 1
            phrase.count, phrase.new = value if value <= MOST else 1, True
        elif tinted := _tinted(token):
            colours, entry = tinted
            if token.text[1] in WORN_ONES:
                worn = colours
            elif entry:
                phrase.colours |= colours
                mentions.append(_mention(token.text[1:], entry, phrase))
                phrase = _Phrase()
        elif entry := _noun(token):
            mention = _mention(token.text, entry, phrase)
            after = tokens[at + 1].text if at + 1 < len(tokens) else ""
            if entry.kind not in BEINGS and mention.colours and after == "的":
                worn = set(mention.colours)
            elif entry.kind in BEINGS and worn:
                mention, worn = replace(mention, worn=frozenset(worn)), set()
            mentions.append(mention)
            phrase = _Phrase()
        elif token.is_a("measure") and phrase.count > 1:
            if not any(_noun(each) for each in tokens[at + 1 :]):
                mentions.append(Mention(token.text, UNKNOWN, frozenset(), phrase.count))
        elif not token.is_a("measure", "quality", "material", "skip") and token.text != "的":
            phrase = _Phrase()
    known = all(token.entries or not HAN.search(token.text) or token.text in "的们" for token in tokens)
    return mentions, known


def _tinted(token: Token) -> tuple[set[str], Entry | None] | None:
    """The colours of a word that is not known and begins with one, and the thing that it ends with: 黑狗."""
    if token.entries or len(token.text) < 2:
        return None
    meanings = bilingual_lexicon().meanings
    colours = _colours(entry.english for entry in meanings(token.text[0]) if entry.kind == "colour")
    entry = next((entry for entry in meanings(token.text[1:]) if entry.kind in NOUNS), None)
    return (colours, entry) if colours else None


def _noun(token: Token) -> Entry | None:
    """The thing that a word is, where it is no doing and no grammar as well."""
    if not HAN.search(token.text) or token.is_a(
        "doing", "preposition", "locative", "measure", "time", "skip"
    ):
        return None
    return token.of(NOUNS)


def _english(clause: str, refused: list[Mention]) -> list[Mention]:
    """The things of an English clause up to what it refuses, which is added to `refused`."""
    words = WORD.findall(TAGGED.sub(" ", clause))
    mentions: list[Mention] = []
    last = 0
    for at, end, entry in nouns(words, _thing):
        if words[at].casefold() in REFUSING:
            refused.extend(_english(" ".join(words[at + 1 :]), []))
            break
        if entry is None or (words[at].casefold() in VALUES and words[at + 1 : at + 2] == ["of"]):
            if _is_unknown_name(words, at):
                mentions.append(Mention(words[at], NAME, frozenset({words[at]})))
            following = words[at + 1].casefold() if at + 1 < len(words) else "and"
            if mentions and following in ENDS and (said := _colours([words[at].casefold()])):
                _say(mentions, frozenset(said), words[:at])
            phrase = _before(words[max(last, at - 1) : at])
            is_counted = phrase.count > 1 and words[at].endswith("s")
            if (is_counted or phrase.colours) and not _is_grammar(words[at].casefold()):
                names = frozenset(singulars(words[at].casefold()))
                mentions.append(Mention(words[at], UNKNOWN, names, phrase.count, frozenset(phrase.colours)))
            continue
        phrase = _before(words[max(last, at - NEAR) : at])
        mention = _mention(" ".join(words[at:end]), entry, phrase)
        if entry.kind not in BEINGS and mention.colours and WORN.search(" ".join(words[:at])):
            owner = next((i for i in range(len(mentions) - 1, -1, -1) if mentions[i].is_being), None)
            if owner is not None:
                mentions[owner] = replace(mentions[owner], worn=mentions[owner].worn | mention.colours)
        if at == last and mentions:
            # Two nouns side by side name one thing: a city street, a robot gardener.
            mention = replace(mention, names=mention.names | mentions.pop().names)
        mentions.append(mention)
        last = end
    return mentions


def _say(mentions: list[Mention], colours: frozenset[str], words: Sequence[str]) -> None:
    """Give the last thing the colours that stand after it: "the door is blue", "dressed in white"."""
    before = {word.casefold() for word in words[-2:]}
    if before & WEARING and mentions[-1].is_being:
        mentions[-1] = replace(mentions[-1], worn=colours)
    elif before & LINKING:
        mentions[-1] = replace(mentions[-1], colours=mentions[-1].colours | colours)


def _is_grammar(word: str) -> bool:
    return word in ENDS or word in VALUES or bool(_colours([word]))


def _is_unknown_name(words: Sequence[str], at: int) -> bool:
    """Whether a word is written as a name is, and not just because it is the first one."""
    is_first = at == 0 and any(word[:1].islower() for word in words[1:])
    return words[at].istitle() and len(words[at]) > 2 and not is_first and words[at].casefold() not in ENDS


def _thing(name: str) -> Entry | None:
    """What a name means; one in small letters is no proper name: a horse is not White Dragon Horse."""
    first, _, rest = name.casefold().partition(" ")
    if first in VALUES and rest.startswith("of "):
        return None
    entry = bilingual_lexicon().thing(name.casefold())
    is_proper = entry is not None and entry.english.removeprefix("the ")[:1].isupper() and name[:1].islower()
    return None if is_proper else entry


def _before(words: Sequence[str]) -> _Phrase:
    """What is said of a noun by the words before it."""
    phrase = _Phrase()
    for word in map(str.casefold, reversed(words)):
        phrase.new = phrase.new or word in NEW or word in VALUES or word.isdecimal()
        if word in ENDS:
            break
        phrase.colours |= _colours([word])
        value = 0 if word in TELLING else int(word) if word.isdecimal() else VALUES.get(word, 0)
        phrase.count = value if value > 1 else phrase.count
    return phrase


def _mention(text: str, entry: Entry, phrase: _Phrase) -> Mention:
    names = frozenset(name.removeprefix("the ") for name in (entry.english, *entry.others))
    colours = frozenset(phrase.colours | _colours(entry.english.split()[:-1]))
    names |= {text} if text.isascii() else set()
    return Mention(text, entry.kind, names, phrase.count, colours, new=phrase.new)


def _value(token: Token) -> int:
    english = next((entry.english for entry in token.entries if entry.kind == "number"), token.text)
    return int(english) if english.isdecimal() else VALUES.get(english, 1)


def _colours(words: "Sequence[str] | Iterator[str]") -> set[str]:
    """The families of colours that words name."""
    said = {part for word in words for part in (word, *word.split())}
    return {family for family, names in _families().items() if said & names}


def _times(text: str) -> Iterator[str]:
    lower = text.casefold()
    for name, words in table("synonyms")["times"].items():
        if re.search(rf"\b(?:{words['english']})\b", lower) or re.search(words["chinese"], text):
            yield name


def _time(name: str) -> Mapping[str, str]:
    found: Mapping[str, str] = table("synonyms")["times"][name]
    return found


def _synonyms(names: frozenset[str]) -> set[str]:
    groups = _groups()
    return {other for name in names for form in singulars(name) for other in groups.get(form, ())}


def _forms(name: str) -> Iterator[str]:
    yield from (name, plural(name))


@cache
def _groups() -> Mapping[str, frozenset[str]]:
    """Every word of the table of synonyms with all that may stand for it."""
    groups: dict[str, set[str]] = {}
    for line in table("synonyms")["same"].strip().splitlines():
        words = {word.replace("-", " ") for word in line.split()}
        for word in words:
            groups.setdefault(word, set()).update(words)
    return {word: frozenset(others) for word, others in groups.items()}


@cache
def _families() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(words.split()) for name, words in table("synonyms")["colours"].items()}


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(table("synonyms")[name].split())
