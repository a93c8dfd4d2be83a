"""Prompts for a model that draws anything: requests, vague words and refusals go, the rest is verbatim.

Knows how people ask in English and Chinese. Quoted spans are never touched. Knows nothing of scenes.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from engine.prompts.lexicon import phrases
from engine.prompts.sanitize import sanitize

QUOTED = re.compile(r'"[^"]*"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》|‘[^’]*’')
MARK = "\ue000"
"""Stands for a quoted span while the words around it change; `sanitize` leaves no other."""

BREAKS = ",;.!?，。；！？、"
STOPS = (
    "in|on|at|under|near|by|beside|with|and|but|while|over|above|during|from|to|into|is|are|was|who|that|which|"
    "where|next|for|as|through|behind|standing|sitting|walking|running|looking|wearing|holding"
)
DENIED_EN = (
    rf"((?:(?!(?:{STOPS})\b)[\w'’-]+)(?:\s+(?!(?:{STOPS})\b)[\w'’-]+){{0,3}}"
    r"(?:\s+(?:and|or|nor)\s+(?!(?:an?|the|one|two|three|some|my)\b)[\w'’-]+){0,3})"
    rf"(?=\s*(?:$|[{BREAKS}])|\s+(?:{STOPS})\b)"
)
NO_NOUN = r"longer|one|matter|more|man's|man’s|entry|smoking|parking"


def quoted(text: str) -> list[str]:
    """The quoted spans of a text, with their quotation marks."""
    return QUOTED.findall(text)


def is_chinese(text: str) -> bool:
    """Whether a text outside its quotes is mainly written in Chinese."""
    plain = QUOTED.sub("", text) or text
    return len(re.findall(r"[\u3400-\u9fff]", plain)) * 2 > len(re.findall(r"[^\W\d_\u3400-\u9fff]", plain))


def clean(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the prompt without request phrases, vague words and refusals, and what was refused.

    A step that would leave nothing is not taken. Repeated until nothing changes, so that it is idempotent.
    """
    denied: tuple[str, ...] = ()
    while True:
        shorter, refused = _pass(text)
        if shorter == text:
            return text, tuple(dict.fromkeys(denied))
        text, denied = shorter, denied + refused


def _pass(text: str) -> tuple[str, tuple[str, ...]]:
    spans = iter(quoted(text))
    masked = QUOTED.sub(MARK, text)
    masked, refused = _without_refusals(masked)
    for step in (_without_request, _without_vague):
        masked = _unless_empty(step, masked)
    text = re.sub(MARK, lambda _: next(spans), masked)
    return sanitize(text).text, refused


def _unless_empty(step: Callable[[str], str], text: str) -> str:
    shorter = step(text)
    if shorter == text:
        return text
    shorter = _tidy(shorter)
    return shorter if re.search(rf"\w|{MARK}", shorter) else text


def _without_request(text: str) -> str:
    rules = _rules()
    text = rules.ending.sub("", text)
    if match := rules.request_zh.match(text):
        text = rules.picture_zh.sub("", text[match.end() :])
    while match := rules.request_en.match(text) or rules.picture_en.match(text):
        text = text[match.end() :]
    return text


def _without_vague(text: str) -> str:
    rules = _rules()
    text = rules.article.sub(lambda match: f"{_article(match[1], match[2])} {match[2]}", text)
    text = rules.vague_start.sub("", text)
    return rules.tags.sub("", rules.vague_zh.sub("", rules.vague_en.sub("", text)))


def _article(article: str, following: str) -> str:
    fitting = "an" if following[0] in "aeiouAEIOU" else "a"
    return fitting.capitalize() if article[0] == "A" else fitting


def _without_refusals(text: str) -> tuple[str, tuple[str, ...]]:
    """Take out clauses such as "no people", "without trees", 不要人 where the sentence stays whole."""
    refused: list[str] = []
    rest = text
    for pattern in _rules().refusals:
        for match in pattern.finditer(rest):
            refused += re.split(r"\s+(?:and|or|nor)\s+|和|或者?|、", match[1].strip())
        rest = pattern.sub(" ", rest)
    if rest == text:
        return text, ()
    rest = _tidy(rest)
    if not re.search(rf"\w|{MARK}", rest):
        return text, ()
    return rest, tuple(part for part in refused if part)


def _tidy(text: str) -> str:
    """Mend what a removal leaves: doubled or leading punctuation, spaces before commas, a stray "and"."""
    text = re.sub(r"\s+([,;.，。；])", r"\1", text.strip())
    text = re.sub(r"([,，;；])(?:\s*[,，;；])+", r"\1", text)
    text = re.sub(r"^(?:[,，;；、\s]+|(?:and|but)\s+)+", "", text)
    return text.rstrip(",，;；、 ")


class _Rules(NamedTuple):
    request_en: re.Pattern[str]
    request_zh: re.Pattern[str]
    picture_en: re.Pattern[str]
    picture_zh: re.Pattern[str]
    ending: re.Pattern[str]
    article: re.Pattern[str]
    vague_en: re.Pattern[str]
    vague_start: re.Pattern[str]
    vague_zh: re.Pattern[str]
    tags: re.Pattern[str]
    refusals: tuple[re.Pattern[str], ...]


@cache
def _rules() -> _Rules:
    strip = phrases()["strip"]
    noun = rf"(?!(?:{STOPS}|or|of)\b)"
    vague = rf"(?<![\w-])(?:{strip['vague_en']})(?![\w-])"
    return _Rules(
        request_en=re.compile(strip["request_en"], re.IGNORECASE),
        request_zh=re.compile(strip["request_zh"]),
        picture_en=re.compile(strip["picture_en"], re.IGNORECASE),
        picture_zh=re.compile(strip["picture_zh"]),
        ending=re.compile(strip["ending"], re.IGNORECASE),
        article=re.compile(rf"\b([Aa]n?) (?:{vague},? )+{noun}(\w+)"),
        vague_en=re.compile(rf"{vague} {noun}(?=\w)"),
        vague_start=re.compile(rf"^(?i:{vague}) {noun}(?=[a-z])"),
        vague_zh=re.compile(strip["vague_zh"]),
        tags=re.compile(rf"(?:^|(?<=[,，]))\s*(?:{strip['tags']})\s*(?=[,，]|$)", re.IGNORECASE),
        refusals=(
            re.compile(
                rf"(?:^|(?<=[{BREAKS}]))\s*(?:and |but |with )?no\s+(?!(?:{NO_NOUN})\b|\d){DENIED_EN}",
                re.IGNORECASE,
            ),
            re.compile(
                rf"(?:^|(?<=[{BREAKS}\s]))(?:without|with no|don't (?:draw|add|include|show))\s+"
                rf"(?:any\s+|an?\s+|the\s+)?{DENIED_EN}(?:\s+but(?=\s+with\b))?",
                re.IGNORECASE,
            ),
            re.compile(
                rf"(?:^|(?<=[{BREAKS}\s]))(?:但是?|而且|请)?(?:(?:不要|别|不能|不可以)(?:出现|画|有)|不要|不想要|不需要|不带|不含|去掉|没有(?![^{BREAKS}]*的))"
                rf"(?:任何)?([^{BREAKS}{MARK}\s]{{1,20}})(?=$|[{BREAKS}\s])"
            ),
        ),
    )
