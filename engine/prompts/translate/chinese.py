"""From a Chinese prompt, perhaps with English in it, to one English paragraph that says the same."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine import cjk
from engine.prompts.data import phrases, words
from engine.prompts.text.refusals import without_refusals
from engine.prompts.translate.certain import certain, lost
from engine.prompts.translate.clause import Clause
from engine.prompts.translate.english import ENCLOSING, Unit, placed
from engine.prompts.translate.lexicon import NOUNS, Token, bilingual_lexicon, plural

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
    if not (done.left_out or any(telling) or re.search("[A-Za-z]", text)):
        done.left_out.append(text)
    done.text = (
        ". ".join([sentences[0], *(each[:1].upper() + each[1:] for each in sentences[1:])])
        if sentences
        else ""
    )
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


def _bare(phrase: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", phrase)


def _sentence(text: str, done: Translated, keep_refusals: bool) -> str:
    parts = [ARTICLE.sub("", part) for part in EDGE.split(text) if part.strip()]
    clauses = [_clause(part, done, keep_refusals) for part in parts]
    return ", ".join(dict.fromkeys(filter(None, clauses)))


def _clause(text: str, done: Translated, keep_refusals: bool = False) -> str:
    text, terms = without_refusals(text)
    usual = phrases()["refused"]
    refused = [phrase for term in terms if (phrase := usual.get(term) or _read(term, done))]
    done.denied += [_bare(phrase).removesuffix(" mood") for phrase in refused]
    no = [f"no {_bare(phrase) if phrase == _bare(phrase) else plural(_bare(phrase))}" for phrase in refused]
    return ", ".join(filter(None, [_read(text, done), *(no if keep_refusals else ())]))


def _read(text: str, done: Translated) -> str:
    """A clause in English; what is not understood of it, or denied within it, is noted as left out."""
    where, wanted = _located(_affirmed(certain(bilingual_lexicon().segment(text)), done))
    clause = Clause()
    for at, token in enumerate(wanted):
        clause.read(token, wanted[at + 1] if at + 1 < len(wanted) else None)
    clause.end(where)
    english = clause.english()
    done.left_out += [*clause.left_out, *lost(wanted, english)]
    return english


def _affirmed(tokens: Sequence[Token], done: Translated) -> list[Token]:
    """The tokens without those from a negator to the 的, the quote or the end after it."""
    start = next((at for at, token in enumerate(tokens) if token.is_a("negator")), len(tokens))
    ends = (at for at in range(start, len(tokens)) if tokens[at].is_quote or tokens[at].text == "的")
    end = next(ends, len(tokens))
    end += end < len(tokens) and tokens[end].text == "的"
    if start == len(tokens):
        return list(tokens)
    done.left_out.append("".join(token.text for token in tokens[start:end]))
    return [*tokens[:start], *_affirmed(tokens[end:], done)]


def _located(tokens: Sequence[Token]) -> tuple[str, Sequence[Token]]:
    """Where a clause says, before it names them, that things are, and the rest: 远处 是 群山."""
    start = 1 if tokens and tokens[0].text in {"把", "将"} else 0
    if len(tokens) < start + 3:
        return "", tokens
    where, link, rest = _place(tokens[start]), tokens[start + 1], tokens[start + 2 :]
    if link.text not in words("links"):
        if not (link.text.endswith("着") and link.is_a("doing")):
            return "", tokens
        rest = tokens[start + 1 :]
    if rest[0].is_a("measure") and not rest[0].is_a("number"):
        rest = rest[1:]
    return (where, rest) if where and any(token.of(NOUNS) for token in rest) else ("", tokens)


def _place(token: Token) -> str:
    """Where a word says that things are: 远处, and what is beside something, as 海边."""
    if where := token.of(frozenset({"where"})):
        return where.english
    noun = token.of(ENCLOSING)
    beside = placed("in", Unit("thing", noun.english, entry=noun)) if noun else ""
    return beside if beside.startswith(("at ", "by ")) else ""
