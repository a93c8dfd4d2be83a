"""From a Chinese prompt, perhaps with English in it, to one English paragraph that says the same.

Knows how a Chinese sentence hangs together: counts and measure words, attributes before 的, places before 里
and 上, refusals. What stands in quotation marks is kept. Knows no model and adds nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine import cjk
from engine.prompts.data import HAN, words
from engine.prompts.translate.certain import certain, lost
from engine.prompts.translate.clause import Clause
from engine.prompts.translate.lexicon import NOUNS, Entry, Token, bilingual_lexicon, plural

SENTENCE = re.compile(r"[。！？!?;；\n]+")
EDGE = re.compile(rf"[，：…～（）【】—]|,|:\s|[()]|(?<=[{cjk.HAN}])\s+(?=[{cjk.HAN}])")
ARTICLE = re.compile(r"\b(?:an?|the)\s+(?=[a-z])")
TOUCHING = re.compile(rf"(?<=[A-Za-z0-9])(?=[{cjk.HAN}])|(?<=[{cjk.HAN}])(?=[A-Za-z0-9])")
KEPT_IN_ENGLISH = re.compile(rf"[{cjk.HAN}]+(?:\s*[{cjk.HAN}]+)*")


@dataclass
class Translated:
    """English, the English names of what was refused, and the Chinese words that were not understood."""

    text: str = ""
    denied: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def translate(text: str, keep_refusals: bool = False) -> Translated:
    """`text`, its quoted spans masked, in English.

    What is refused is in `denied`, and in the text as well ("no people") with `keep_refusals`.
    """
    done = Translated()
    sentences = [each for part in SENTENCE.split(text) if (each := _sentence(part, done, keep_refusals))]
    telling = (token.of(NOUNS) or token.is_a("doing") for token in bilingual_lexicon().segment(text))
    if not (any(telling) or re.search("[A-Za-z]", text)):
        done.left_out.append(text)
    done.text = ". ".join([sentences[0], *map(_capital, sentences[1:])]) if sentences else ""
    return done


def in_english(text: str) -> Translated:
    """An English text with its Chinese words translated where they stand."""
    done, text = Translated(), TOUCHING.sub(" ", text)

    def replaced(match: re.Match[str]) -> str:
        before = text[: match.start()].rstrip().rpartition(" ")[2].casefold()
        phrase = _clause(match[0], done)
        if before in words("counted"):
            return plural(_bare(phrase))
        return (
            _bare(phrase) if before and before.isalpha() and before not in words("takes_article") else phrase
        )

    done.text = KEPT_IN_ENGLISH.sub(replaced, text)
    return done


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _bare(phrase: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", phrase)


def _sentence(text: str, done: Translated, keep_refusals: bool) -> str:
    parts = [ARTICLE.sub("", part) for part in EDGE.split(text) if part.strip()]
    phrases = [_clause(part, done, keep_refusals) for part in parts]
    return ", ".join(dict.fromkeys(filter(None, phrases)))


def _clause(text: str, done: Translated, keep_refusals: bool = False) -> str:
    refused, rest = _without_refusals(certain(bilingual_lexicon().segment(text)))
    done.denied += [_named(entry) for entry in refused]
    where, wanted = _located(_affirmed(rest, done))
    clause = Clause()
    for at, token in enumerate(wanted):
        clause.read(token, wanted[at + 1] if at + 1 < len(wanted) else None)
    clause.end(where)
    english = clause.english()
    done.left_out += [*clause.left_out, *lost(wanted, english)]
    no = [f"no {entry.english if entry.mass else plural(entry.english)}" for entry in refused]
    return ", ".join(filter(None, [english, *(no if keep_refusals else ())]))


def _without_refusals(tokens: Sequence[Token]) -> tuple[list[Entry], Sequence[Token]]:
    """What a clause that begins with a request to leave something out names, and the rest of it.

    文字不要 is such a request, too; 没有叶子的老树 is none.
    """
    refused: list[Entry] = []
    while tokens and tokens[0].is_a("request"):
        end = _end_of_refusal(tokens, 1)
        named = _refused(tokens[1:end])
        if not named or tokens[end - 1].text == "的":
            break
        refused, tokens = refused + named, tokens[end:]
    if len(tokens) > 1 and tokens[-1].is_a("request") and (named := _refused(tokens[:-1])):
        return refused + named, []
    return refused, tokens


def _affirmed(tokens: Sequence[Token], done: Translated) -> list[Token]:
    """The tokens without what is denied among them, which is noted as left out."""
    kept: list[Token] = []
    at = 0
    while at < len(tokens):
        if not (tokens[at].is_a("negator", "request") or tokens[at].text.casefold() in {"no", "without"}):
            kept.append(tokens[at])
            at += 1
            continue
        end = _end_of_refusal(tokens, at + 1)
        done.left_out.append("".join(token.text for token in tokens[at:end]))
        at = end
    return kept


def _located(tokens: Sequence[Token]) -> tuple[str, Sequence[Token]]:
    """Where a clause says, before it names them, that things are, and the rest: 远处 是 群山."""
    start = 1 if tokens and tokens[0].text in {"把", "将"} else 0
    if len(tokens) < start + 3:
        return "", tokens
    where, link, rest = tokens[start].of(frozenset({"where"})), tokens[start + 1], tokens[start + 2 :]
    if link.text not in words("links"):
        if not (link.text.endswith("着") and link.is_a("doing")):
            return "", tokens
        rest = tokens[start + 1 :]
    return (where.english, rest) if where and any(token.of(NOUNS) for token in rest) else ("", tokens)


def _end_of_refusal(tokens: Sequence[Token], start: int) -> int:
    """Where a refusal ends: at the noun its 的 belongs to, at a second refusal or with the clause."""
    for at in range(start, len(tokens)):
        if tokens[at].text == "的":
            return at + 1
        if tokens[at].text in words("wanted_again") or tokens[at].is_quote:
            return at
        if at > start and tokens[at].is_a("negator", "request"):
            return at
        if tokens[at].text.endswith("的") and tokens[at].is_a("quality"):
            return at + 1
    return len(tokens)


def _refused(tokens: Sequence[Token]) -> list[Entry]:
    """What a refusal names, a quality before a thing with it; nothing where a word of it is unknown."""
    refused: list[Entry] = []
    before = ""
    for token in tokens:
        entry = next((e for e in token.entries if e.kind not in SILENT), None)
        if entry is None and token.entries:
            continue
        if entry is None:
            if not token.text.isalnum() or HAN.search(token.text):
                return []
            entry = Entry("latin", token.text, mass=True)
        if entry.kind == "doing" and token is not tokens[-1]:
            continue
        if entry.kind in {"colour", "quality", "material"}:
            before = f"{before} {_named(entry)}".strip()
        else:
            refused.append(replace(entry, english=f"{before} {_named(entry)}".strip()))
            before = ""
    return [*refused, *([Entry("quality", before, mass=True)] if before else [])]


SILENT = frozenset({"skip", "vague", "measure", "number", "preposition", "and", "locative"}) | {
    "negator", "request",
}  # fmt: skip


def _named(entry: Entry) -> str:
    return entry.english.removeprefix("the ").removesuffix(" mood").removesuffix(" style")
