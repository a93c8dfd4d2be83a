"""What can hold only once but is stated twice: the later stays. Nothing is added; quotes are not touched."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from engine.cjk import HAN
from engine.prompts.data import simplified, table
from engine.prompts.text.clean import masked, tidied, unmasked
from engine.prompts.text.refusals import STOPS

CLAUSE = re.compile(r"(?:[^,，;；。!！?？\n.]|\.(?=\S))+")
LEAD = re.compile(
    r"\s*(?:(?:and|but|or rather|rather|now|please|actually)\s+)*"
    r"(?:(?:make|turn|change) (?:it|this|that) (?:into |to )?|it (?:should be|is) |it's )?(?:an? )?"
    r"(?:但是?|还是|现在|请)?(?:改成|换成|变成|改为|换为|改到|换到|应该是|是|要|做成|画成)?(?:在|一[张幅])?",
    re.IGNORECASE,
)
TAIL = re.compile(r"(?:\s*(?:instead|now|please|this time)|吧|的|了)*\s*", re.IGNORECASE)
CHANGE = re.compile(r"make|turn|change|rather|actually|should|instead|改|换|变|做成|画成|应该", re.IGNORECASE)
NEXT = re.compile(r"\s*(?:and )?\s*", re.IGNORECASE)
ENDS = rf"(?=\s*$|\s+(?:{STOPS}|or)\b|\s*[{HAN}])"
JOINT = re.compile(r"\b(?:and|or|to|into|then|while|vs|versus)\b|[和与到变或、]", re.IGNORECASE)
UNSAID = re.compile(r"(?:\b(?:not|no|never|without)\s|[不没别非无]\S{0,3}|的)$", re.IGNORECASE)
AT = "(?:in|on|at|by|over|near|inside) (?:the |an? )?"
IN = "(?:里面?|上面?|中间?|边上?|旁边?|脚?下|深处)"
NESTED = f"[^，。在的]{{1,4}}?{IN}(?:的(?!时候))?"
MEDIUM = r"(?: (?:painting|drawing|illustration|art|sketch|style|image|picture|render(?:ing)?|print))*"


class Statement(NamedTuple):
    """`text[start:end]` says `key`; `clause` counts the clauses; `alone` where a clause says nothing else.

    `changing` where that clause asks for a change ("make it night").
    """

    key: str
    start: int
    end: int
    clause: int
    alone: bool = False
    changing: bool = False


def latest(text: str) -> str:
    """Return `text` without what a later statement rules out: "a cat at dusk, at night" loses "at dusk".

    Later is what is a clause of its own, or what ends its clause with nothing like "and" before it. A hand
    that draws gives way where it goes with a noun ("an oil painting of"), in a list only to "make it …", and
    to that alone gives way a place.
    """
    rest, quotes = masked(text)
    plain = simplified(rest)
    statements: list[Statement] = []
    spans: list[tuple[int, int]] = []
    for number, clause in enumerate(CLAUSE.finditer(plain)):
        alone, asides = _alone(clause, number)
        statements += alone or _within(clause, number)
        spans += asides
    spans += [
        (old.start, old.end) for old in statements if any(_rules_out(plain, new, old) for new in statements)
    ]
    return unmasked(_without(rest, spans), quotes) if spans else text


def _alone(clause: re.Match[str], number: int) -> tuple[list[Statement], list[tuple[int, int]]]:
    """The statements of a clause that says nothing else, and the words of asking around them."""
    text, end = clause.string, clause.end()
    lead = LEAD.match(text, clause.start(), end)
    at = first = lead.end() if lead else clause.start()
    statements: list[Statement] = []
    while match := _facts().alone.match(text, at, end):
        statements.append(Statement(_key(match), at, match.end(), number, alone=True))
        behind = NEXT.match(text, match.end(), end)
        at = behind.end() if behind else match.end()
    tail = TAIL.match(text, statements[-1].end, end) if statements else None
    if tail is None or tail.end() != end:
        return [], []
    request = text[clause.start() : first] + tail[0]
    if not CHANGE.search(request):
        return statements, []
    first -= text[first - 1] == "在"
    return [one._replace(changing=True) for one in statements], [(clause.start(), first), tail.span()]


def _within(clause: re.Match[str], number: int) -> Iterator[Statement]:
    """The statements that are phrases of a longer clause."""
    text = clause.string
    for match in _facts().within.finditer(text, *clause.span()):
        if not UNSAID.search(text[clause.start() : match.start()]):
            yield Statement(_key(match), *match.span(), number)


def _rules_out(text: str, new: Statement, old: Statement) -> bool:
    if new.start <= old.start:
        return False
    cannot = new.key in _facts().against[old.key]
    for several in (_facts().styles, _facts().places):
        if old.key in several and new.key in several - {old.key}:
            return (new.changing and new.clause != old.clause) or (cannot and new.alone and not old.alone)
    is_last = new.clause == old.clause and CLAUSE.match(text, new.end) is None
    return cannot and (new.alone or (is_last and not JOINT.search(text[old.end : new.start])))


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start].rstrip()} {text[end:].lstrip()}"
    return tidied(re.sub(rf"(?<=[{HAN}，。])\s+(?=[{HAN}，。])", "", text))


@dataclass(frozen=True, slots=True)
class _Facts:
    """Patterns of what is alone in a clause and what is a phrase of one, and what rules out what."""

    alone: re.Pattern[str]
    within: re.Pattern[str]
    against: dict[str, frozenset[str]]
    styles: frozenset[str]
    places: frozenset[str]


@cache
def _facts() -> _Facts:
    data = dict(table("contradictions"))
    places: dict[str, list[str]] = data.pop("places")
    styles = frozenset(key for key, values in data.items() if values.get("style"))
    against = {key: frozenset(values.get("against", ())) for key, values in data.items()}
    against |= {key: styles - {key, *data[key].get("beside", ())} for key in styles}
    against |= {key: frozenset() for key in places}
    alone = {key: _alone_pattern(values) for key, values in data.items()}
    within = {key: _within_pattern(values) for key, values in data.items()}
    for key, (english, chinese) in places.items():
        alone[key] = rf"(?:{AT}|the )?(?:{english})\b|(?:{chinese}){IN}?的?"
        within[key] = (
            rf"\b{AT}(?:[a-z]+ )?(?:{english}){ENDS}"
            rf"|在?(?:{chinese}){IN}(?:的(?:{NESTED})?)?|在(?:{chinese})的(?:{NESTED})?"
        )
    return _Facts(_any(alone), _any(within), against, styles, frozenset(places))


def _alone_pattern(values: dict[str, str]) -> str:
    words = sorted(values.get("word_zh", "").split("|"), key=len, reverse=True)
    chinese = "|".join([values["phrase_zh"], *filter(None, words)])
    if values.get("style"):
        return rf"(?:(?:in|as) )?(?:an? )?(?:{values['word']}){MEDIUM}\b|{chinese}"
    return rf"(?:{values['phrase']}|{values['word']})\b|{chinese}"


def _within_pattern(values: dict[str, str]) -> str:
    chinese = rf"在?(?:{values['phrase_zh']})的?"
    if values.get("style"):
        word = rf"(?:an? )?(?:{values['word']}){MEDIUM}"
        return rf"\b{word} of (?=\w)|\b(?:in|as) {word}{ENDS}|(?:{values['phrase_zh']})的(?=\S)"
    return rf"\b(?:{values['phrase']}){ENDS}|{chinese}"


def _any(patterns: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{key}>{pattern})" for key, pattern in patterns.items()), re.IGNORECASE)


def _key(match: re.Match[str]) -> str:
    return str(match.lastgroup)
