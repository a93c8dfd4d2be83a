"""Prompts for a model that draws anything: requests, vague words and refusals go, the rest is verbatim."""

import itertools
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from engine.cjk import HAN
from engine.prompts.data import phrases, simplified
from engine.prompts.text.refusals import STOPS, without, without_refusals
from engine.prompts.text.sanitize import MARK, MARKS, sanitize

LATIN = rf"[^\W{HAN}]"
QUOTED = re.compile(
    r'"[^"]*"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》|‘[^’]*’' rf"|(?<!{LATIN})'[^']{{2,}}'(?!{LATIN})"
)
FULL_WIDTH = {
    code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
STACKED = re.compile("[\u0300-\u036f]")


def quoted(text: str) -> list[str]:
    """The quoted spans of a text, with their quotation marks."""
    return QUOTED.findall(text)


def is_chinese(text: str) -> bool:
    """Whether a text outside its quotes is mainly written in Chinese."""
    plain = QUOTED.sub("", text) or text
    return len(re.findall(rf"[{HAN}]", plain)) * 2 > len(re.findall(rf"[^\W\d_{HAN}]", plain))


def masked(text: str) -> tuple[str, list[str]]:
    """`text` with a mark of its own for each quoted span, and the spans."""
    numbers = itertools.count(ord(MARKS[0]))
    return QUOTED.sub(lambda _: chr(next(numbers)), text), quoted(text)


def unmasked(text: str, spans: Sequence[str]) -> str:
    """`text` with the spans back where their marks are."""
    return re.sub(MARK, lambda match: spans[ord(match[0]) - ord(MARKS[0])], text)


def clean(text: str, keep_refusals: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return the prompt without request phrases, vague words and (unless kept) refusals, and what it refuses.

    A step that would leave nothing is not taken. Repeated until nothing changes, so that it is idempotent.
    """
    denied: tuple[str, ...] = ()
    while True:
        shorter, refused = _pass(text, keep_refusals)
        denied += refused
        if shorter == text:
            return text, tuple(dict.fromkeys(denied))
        text = shorter


def plain(text: str) -> str:
    """`text` with full-width letters made plain and struck-out ones bare, outside quotes."""
    rest, spans = masked(text)
    rest = rest.translate(FULL_WIDTH)
    if len(STACKED.findall(rest)) > 2:
        rest = STACKED.sub("", unicodedata.normalize("NFD", rest))
    return unicodedata.normalize("NFC", unmasked(rest, spans))


def without_orders(text: str) -> str:
    """`text` without markup, addresses, switches and orders to the program, where something is left."""
    rest, spans = masked(text)
    kept = without(_rules().orders, _rules().markup.sub(" ", rest), " ")
    if kept == rest:
        return text
    rest = tidied(kept)
    if not re.search(rf"\w|{MARK}", rest):
        return text
    return sanitize(unmasked(rest.lstrip(".。 "), spans)).text


def _pass(text: str, keep_refusals: bool) -> tuple[str, tuple[str, ...]]:
    rest, spans = masked(text)
    stripped = _unless_empty(_without_request, rest)
    rest, refused = _unless_nothing_is_left(stripped)
    rest = stripped if keep_refusals else rest
    rest = _unless_empty(_without_vague, rest)
    return sanitize(unmasked(rest, spans)).text, refused


def _unless_nothing_is_left(text: str) -> tuple[str, tuple[str, ...]]:
    rest, refused = without_refusals(text)
    rest = tidied(rest) if rest != text else text
    return (rest, refused) if re.search(rf"\w|{MARK}", rest) else (text, ())


def _unless_empty(step: Callable[[str], str], text: str) -> str:
    shorter = step(text)
    if shorter == text:
        return text
    shorter = tidied(shorter)
    return shorter if re.search(rf"\w|{MARK}", shorter) else text


def _without_request(text: str) -> str:
    rules = _rules()
    text = without(rules.ending, text)
    if match := rules.request_zh.match(simplified(text)):
        text = without(rules.picture_zh, text[match.end() :])
    while match := rules.request_en.match(text) or rules.picture_en.match(text):
        text = text[match.end() :]
    return text


def _without_vague(text: str) -> str:
    rules = _rules()
    text = rules.vague_said.sub(" ", text)
    text = rules.article.sub(lambda match: f"{_article(match[1], match[2])} {match[2]}", text)
    text = rules.vague_start.sub("", text)
    return rules.tags.sub("", without(rules.vague_zh, rules.vague_en.sub("", text)))


def _article(article: str, following: str) -> str:
    fitting = "an" if following[0] in "aeiouAEIOU" else "a"
    return fitting.capitalize() if article[0] == "A" else fitting


def tidied(text: str) -> str:
    """Mend what a removal leaves: doubled or leading punctuation, spaces before commas, a stray "and"."""
    text = re.sub(r"\s+([,;.，。；])", r"\1", text.strip())
    text = re.sub(r"([,，;；])(?:\s*[,，;；])+", r"\1", text)
    text = re.sub(r"^(?:[,，;；、:：\s]+|(?:and|but)\s+)+", "", text)
    return re.sub(r"(?:\s+(?:and|but))+$", "", text.rstrip(",，;；、 "))


class _Rules(NamedTuple):
    markup: re.Pattern[str]
    orders: re.Pattern[str]
    request_en: re.Pattern[str]
    request_zh: re.Pattern[str]
    picture_en: re.Pattern[str]
    picture_zh: re.Pattern[str]
    ending: re.Pattern[str]
    article: re.Pattern[str]
    vague_en: re.Pattern[str]
    vague_said: re.Pattern[str]
    vague_start: re.Pattern[str]
    vague_zh: re.Pattern[str]
    tags: re.Pattern[str]


@cache
def _rules() -> _Rules:
    strip = phrases()["strip"]
    noun = rf"(?!(?:{STOPS}|or|of)\b)"
    vague = rf"(?<![\w-])(?![A-Z]\w* [A-Z])(?!N[Ii])(?i:{strip['vague_en']})(?![\w-])"
    return _Rules(
        markup=re.compile(strip["markup"], re.IGNORECASE),
        orders=re.compile(strip["orders"], re.IGNORECASE),
        request_en=re.compile(strip["request_en"], re.IGNORECASE),
        request_zh=re.compile(strip["request_zh"]),
        picture_en=re.compile(strip["picture_en"], re.IGNORECASE),
        picture_zh=re.compile(strip["picture_zh"]),
        ending=re.compile(strip["ending"], re.IGNORECASE),
        article=re.compile(rf"\b([Aa]n?) (?:{vague},? )+{noun}(\w+)"),
        vague_en=re.compile(rf"{vague} {noun}(?=\w)"),
        vague_said=re.compile(strip["vague_said"].replace("VAGUE", strip["vague_en"]), re.IGNORECASE),
        vague_start=re.compile(rf"^(?i:{vague}) {noun}(?=[a-z])"),
        vague_zh=re.compile(strip["vague_zh"]),
        tags=re.compile(rf"(?:^|(?<=[,，]))\s*(?:{strip['tags']})\s*(?=[,，]|$)", re.IGNORECASE),
    )
