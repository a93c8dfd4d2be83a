"""Which words of a Chinese clause are what they look like: single characters side by side mostly are not.

A word that no dictionary has (`機娘`, `原神`) falls apart into characters that mean something else alone.
"""

from collections.abc import Sequence

from engine.prompts.data import HAN
from engine.prompts.translate.english import BEINGS
from engine.prompts.translate.lexicon import MODIFIERS, NOUNS, Token

SILENT = frozenset({"skip", "vague", "measure", "locative", "and", "preposition"})
GRAMMAR = frozenset(
    {"measure", "locative", "where", "number", "preposition", "and", "skip", "negator", "request", "time"}
)
ONE_WAY = frozenset("进出过上下来去到回入开起")
"""Doings of one character that after another doing only say which way."""
DONE = frozenset("在着了到过进出向")
"""What follows a doing of one character, and nothing else."""
NOUNS_TOO = frozenset("照画装绣雕刻编印写舞唱跳")
"""Doings that after a noun mostly make a noun of it: 情侣照."""
ALSO = {"person": ("people",), "parked": ("perched", "moored"), "child": ("children",)}


def certain(tokens: Sequence[Token]) -> list[Token]:
    """Return `tokens`, with those whose parts may make a word of their own joined as one that is unknown."""
    joined: list[Token] = []
    glued = False
    for at, token in enumerate(tokens):
        last = joined[-1] if joined else token
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        glued = bool(joined) and (_is_one_word(last, token, following) or (glued and _is_part(token)))
        if glued:
            joined[-1] = Token(last.text + token.text)
        else:
            joined.append(token)
    return joined


def _is_one_word(first: Token, second: Token, following: Token | None) -> bool:
    """Whether two words side by side may mean something else."""
    if not _is_han(second):
        return False
    if not _is_han(first):
        is_noun = second.of(NOUNS) is not None and not second.is_a("doing")
        return first.text[-1].isalnum() and _is_part(second) and is_noun
    if not (first.entries or second.entries):
        return min(len(first.text), len(second.text)) == 1
    if not second.entries:
        return _is_part(first) or (len(second.text) == 1 and first.of(NOUNS) is not None)
    if not first.entries:
        return _is_part(second)
    if all(token.of(BEINGS) and not token.is_a(*GRAMMAR) for token in (first, second)):
        return True
    is_noun = first.of(NOUNS) is not None and not first.is_a(*GRAMMAR, *MODIFIERS)
    if _is_part(second) and second.of(NOUNS):
        return is_noun
    if _is_part(second) and second.is_a("doing") and second.text not in ONE_WAY:
        is_done = following is not None and following.text[0] in DONE
        return not is_done and (_is_part(first) or (is_noun and second.text in NOUNS_TOO))
    is_measure = second.is_a("measure") and not second.is_a("locative")
    return _is_part(first) and is_noun and (second.of(NOUNS) is not None or is_measure)


def _is_part(token: Token) -> bool:
    """Whether it is one character with a meaning of its own, and no grammar."""
    return len(token.text) == 1 and _is_han(token) and not token.is_a(*GRAMMAR, *MODIFIERS)


def _is_han(token: Token) -> bool:
    return HAN.match(token.text) is not None and token.text != "们"


def lost(tokens: Sequence[Token], english: str) -> list[str]:
    """The words of a clause that its English does not say in any of their meanings."""
    text = english.casefold()
    return [
        token.text
        for token in tokens
        if token.entries and not token.is_a(*SILENT) and not _is_in(token, text)
    ]


def _is_in(token: Token, text: str) -> bool:
    said = {
        word for entry in token.entries for name in (entry.english, *entry.others) for word in name.split()
    }
    said |= {also for word in said for also in ALSO.get(word, ())}
    return token.text == "一" or any(word.casefold()[: max(3, len(word) - 2)] in text for word in said)
