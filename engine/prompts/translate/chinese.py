"""From a Chinese wish, perhaps with English in it, to one English paragraph that says the same.

Knows how a Chinese sentence hangs together: counts and measure words, attributes before 的, places before 里
and 上, refusals. What stands in quotation marks is kept. Knows no model and adds nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.prompts.translate import names
from engine.prompts.translate.clause import Clause
from engine.prompts.translate.lexicon import NOUNS, Entry, Token, bilingual_lexicon, plural

SENTENCE = re.compile(r"[。！？!?;；\n]+")
EDGE = re.compile(r"[，：…～（）【】—]|,|:\s|[()]|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
ARTICLE = re.compile(r"\b(?:an?|the)\s+(?=[a-z])")
HAN = re.compile(r"[\u3400-\u9fff]")
KEPT_IN_ENGLISH = re.compile(r"[\u3400-\u9fff]+(?:\s*[\u3400-\u9fff]+)*")


@dataclass
class Translated:
    """English, and the English names of what was refused."""

    text: str
    denied: list[str] = field(default_factory=list)


def translate(text: str, wording: int = 0) -> Translated:
    """`text`, its quoted spans masked, in English; other `wording`s say the same in another order."""
    denied: list[str] = []
    said = [phrase for part in SENTENCE.split(text) if (phrase := _sentence(part, denied, wording))]
    return Translated(". ".join([said[0], *map(_capital, said[1:])]) if said else "", denied)


def in_english(text: str) -> Translated:
    """An English text with its Chinese words translated where they stand."""
    denied: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        before = text[: match.start()].rstrip().rpartition(" ")[2].casefold()
        clause = _clause(bilingual_lexicon().segment(match[0]), denied)
        phrase = clause.english()
        if before in COUNTED:
            return plural(_bare(phrase))
        return _bare(phrase) if before and before.isalpha() and before not in TAKES_ARTICLE else phrase

    return Translated(KEPT_IN_ENGLISH.sub(replaced, text), denied)


_COUNTED = "two three four five six seven eight nine ten eleven twelve many several some"
COUNTED = frozenset(_COUNTED.split())
_TAKES_ARTICLE = (
    "of with and in on at to by for from over under near beside behind into like or holding riding wearing "
    "eating beneath around through versus vs"
)
TAKES_ARTICLE = frozenset(_TAKES_ARTICLE.split())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _bare(phrase: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", phrase)


def _sentence(text: str, denied: list[str], wording: int) -> str:
    parts = [ARTICLE.sub("", part) for part in EDGE.split(text) if part]
    clauses = [_clause(bilingual_lexicon().segment(part), denied) for part in parts if part.strip()]
    phrases: list[str] = []
    for clause in clauses:
        phrase = clause.reordered() if wording % 2 else clause.english()
        if phrase and phrase not in phrases:
            phrases.append(phrase)
    return ", ".join(phrases)


def _clause(tokens: Sequence[Token], denied: list[str]) -> Clause:
    tokens = _with_names(tokens)
    where, tokens = _located(tokens)
    clause = Clause()
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.is_a("negator") or token.text.casefold() in {"no", "without"}:
            end = _end_of_refusal(tokens, at + 1)
            if refused := _refused(tokens[at + 1 : end]):
                denied += refused
            elif end == len(tokens) and not any(before.is_quote for before in tokens[:at]):
                denied += _refused(tokens[:at])
                return Clause()
            at = end
            continue
        clause.read(token, tokens[at + 1] if at + 1 < len(tokens) else None)
        at += 1
    clause.end(where)
    return clause


def _located(tokens: Sequence[Token]) -> tuple[str, Sequence[Token]]:
    """Where a clause says, before it names them, that things are, and the rest: 远处 是 群山."""
    start = 1 if tokens and tokens[0].text in {"把", "将"} else 0
    if len(tokens) < start + 3:
        return "", tokens
    where, link, rest = tokens[start].of(frozenset({"where"})), tokens[start + 1], tokens[start + 2 :]
    if link.text not in LINKS:
        if not (link.text.endswith("着") and link.is_a("doing")):
            return "", tokens
        rest = tokens[start + 1 :]
    return (where.english, rest) if where and any(token.of(NOUNS) for token in rest) else ("", tokens)


LINKS = frozenset({"是", "有", "为", "则是", "都是", "就是", "还有", "换成", "改成", "变成"})


def _with_names(tokens: Sequence[Token]) -> list[Token]:
    """A surname and what follows it as one unknown word: 王 + 小明."""
    merged: list[Token] = []
    for token in tokens:
        last = merged[-1] if merged else None
        is_given = len(token.text) <= 2 and (not token.entries or token.text[0] == "小")
        is_surname = last is not None and last.text in names.SURNAMES and _is_alone(merged)
        if (
            last
            and is_surname
            and is_given
            and HAN.match(token.text)
            and not (last.entries and token.entries)
        ):
            merged[-1] = Token(last.text + token.text)
            continue
        merged.append(token)
    return merged


def _is_alone(tokens: Sequence[Token]) -> bool:
    """Whether the last token is no measure word, which follows a count."""
    return len(tokens) < 2 or not tokens[-2].is_a("number")


def _end_of_refusal(tokens: Sequence[Token], start: int) -> int:
    """Where a refusal ends: at the noun its 的 belongs to, at a second refusal or with the clause."""
    for at in range(start, len(tokens)):
        if tokens[at].text == "的":
            return at + 1
        if tokens[at].text in WANTED_AGAIN or tokens[at].is_quote:
            return at
        if at > start and tokens[at].is_a("negator"):
            return at
        if tokens[at].text.endswith("的") and tokens[at].is_a("quality"):
            return at + 1
    return len(tokens)


def _refused(tokens: Sequence[Token]) -> list[str]:
    """The English of what a refusal names; a quality before a thing goes with it."""
    refused: list[str] = []
    before = ""
    for token in tokens:
        entry = next((e for e in token.entries if e.kind not in SILENT), None)
        if entry is None and (token.entries or HAN.search(token.text)):
            continue
        if entry is not None and entry.kind == "doing" and token is not tokens[-1]:
            continue
        word = _named(entry) if entry else token.text if token.text.isalnum() else ""
        if entry and entry.kind in {"colour", "quality", "material"}:
            before = f"{before} {word}".strip()
        elif word:
            refused.append(f"{before} {word}".strip())
            before = ""
    return [*refused, *([before] if before else [])]


WANTED_AGAIN = frozenset({"而是", "要", "只要", "但", "但是", "只有"})
SILENT = frozenset({"skip", "vague", "measure", "number", "preposition", "and", "locative", "negator"})


def _named(entry: Entry) -> str:
    return entry.english.removeprefix("the ").removesuffix(" mood").removesuffix(" style")
