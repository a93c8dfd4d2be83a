"""What a picture had better not show: the person's own negative prompt first, then what fits its subject."""

import re
from collections.abc import Iterable, Iterator, Sequence

from engine.embedded.vocabulary import World
from engine.prompts.complete.kinds import is_drawn, kind_of
from engine.prompts.data import HAN, phrases, simplified
from engine.prompts.small_world.lexicon import lexicon
from engine.prompts.small_world.scene import denied_names, read
from engine.prompts.text.clean import masked, unmasked
from engine.prompts.text.sanitize import sanitize
from engine.prompts.translate.chinese import translate
from engine.prompts.translate.lexicon import bilingual_lexicon, singulars

LIMIT = 300
"""Characters up to which general terms are added; the person's own are never cut by it."""
COMMA = re.compile(r"\s*[,，、;；]\s*")
AND = re.compile(r"\s+(?:and|or|nor|&)\s+", re.IGNORECASE)
CHINESE_AND = frozenset({"和", "或", "或者", "与", "以及", "跟"})
REFUSING = re.compile(r"^(?:(?:no|not|without|any)\s+|不要|没有|別畫|别画|去掉|任何)+", re.IGNORECASE)
ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)", re.IGNORECASE)


def negatives(prompt: str, world: World | None = None, own: str = "", usual: Sequence[str] = ()) -> str:
    """Return `own` and, for a model that draws anything, fitting terms the prompt does not ask for itself.

    `usual` are the model's own terms, which come before the general ones. A small world knows no blur and no
    hands, so nothing else is added there.
    """
    terms = [term.strip() for term in sanitize(own).text.replace("，", ",").split(",")]
    listed = [*usual, *(_fitting(prompt) if world is None else ())]
    for term in _unwanted(listed, prompt.casefold()):
        longer = [*terms, term]
        if len(_joined(longer)) > LIMIT:
            break
        terms = longer
    return _joined(terms)


def understood(own: str, world: World | None, chinese: bool = False, locale: str = "") -> tuple[str, bool]:
    """A typed negative prompt as a model reads it, and whether something in it is not known there.

    A world gets what it knows by its own names, any other model English unless its prompt is `chinese`;
    "no people" lists people.
    """
    terms = _terms(own)
    if world is None:
        translated = [each for term in terms for each in map(_in_english, _apart_zh(term))]
        return ", ".join(terms if chinese else translated), False
    words = lexicon(world, locale)
    known = [denied_names(read(f"no {each}", words), world) for term in terms for each in _apart(term)]
    names = dict.fromkeys(name for listed in known for name in listed)
    return ", ".join(names), not all(known)


def folded(own: str, chinese: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is refused, worded positively where that can be said, and the terms for which it cannot.

    For a picture without guidance, on which a negative prompt has no effect: `no people` becomes `deserted`,
    in Chinese for a `chinese` prompt.
    """
    wordings = {each: _positive(each) for term in _terms(own) for each in _apart(term)}
    translated = phrases()["folded_zh"]
    positive = dict.fromkeys(translated[text] if chinese else text for text in wordings.values() if text)
    return tuple(positive), tuple(term for term, text in wordings.items() if not text)


def merged(*lists: str) -> str:
    """Comma-separated lists as one, each term once, the first lists first."""
    return _joined(term.strip() for terms in lists for term in terms.replace("，", ",").split(","))


def _terms(own: str) -> list[str]:
    rest, spans = masked(own)
    terms = [REFUSING.sub("", term.strip()) for term in COMMA.split(rest)]
    return [unmasked(term, spans) for term in terms if term]


def _apart(term: str) -> Iterator[str]:
    """The things that "and" joins, unless there is one word for the whole: "black and white"."""
    parts = [term] if _positive(term) else AND.split(term)
    return (REFUSING.sub("", each) for part in parts for each in _apart_zh(part))


def _apart_zh(term: str) -> Iterator[str]:
    """The things that 和 joins where it is a word of its own, as it is not in 和服."""
    start = end = 0
    plain = simplified(term)
    for token in bilingual_lexicon().segment(term) if HAN.search(term) else ():
        at = plain.find(token.text, end)
        end = at + len(token.text)
        if token.text in CHINESE_AND:
            yield from filter(None, [term[start:at].strip()])
            start = end
    yield from filter(None, [term[start:].strip()])


def _in_english(term: str) -> str:
    """A term in English; as it is where the lexicon lacks a word of it, since pinyin would say nothing."""
    rest, spans = masked(term)
    if not HAN.search(rest):
        return term
    if usual := phrases()["refused"].get(simplified(rest)):
        return str(usual)
    done = translate(rest)
    return term if done.left_out else unmasked(ARTICLE.sub("", done.text), spans) or term


def _positive(term: str) -> str:
    table = phrases()["folded"]
    forms = (*singulars(term.casefold()), *singulars(ARTICLE.sub("", _in_english(term)).casefold()))
    return next((str(table[form]) for form in forms if form in table), "")


def _fitting(prompt: str) -> list[str]:
    table = phrases()["negatives"]
    general = table["drawn"] if is_drawn(prompt.casefold()) else table["general"]
    return [*table.get(kind_of(prompt.casefold()), ()), *general]


def _unwanted(terms: Iterable[str], prompt: str) -> list[str]:
    """The terms of which the prompt asks for no word itself."""
    wanted = f"{prompt} blurry" if "out of focus" in prompt or "bokeh" in prompt else prompt
    return [term for term in terms if not any(word[:5].casefold() in wanted for word in term.split())]


def _joined(terms: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(term for term in terms if term))
