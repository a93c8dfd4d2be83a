"""Which words of a Chinese clause are what they look like: single characters side by side mostly are not.

A word that no dictionary has (`機娘`, `原神`) falls apart into characters that mean something else alone.
"""

from collections.abc import Sequence, Set

from engine.prompts.data import HAN, words
from engine.prompts.translate.english import BEINGS, ENCLOSING, is_participle
from engine.prompts.translate.lexicon import MODIFIERS, NOUNS, NUMERALS, Entry, Token

SILENT = frozenset({"skip", "vague", "locative", "and", "preposition"})
GRAMMAR = frozenset(
    {"measure", "locative", "where", "number", "preposition", "and", "skip", "negator", "time"}
)
EDGE = Token(" ")
SOLID = NOUNS - {"nature", "weather", "light", "saying", "interior", "food"}
ALSO = {"person": ("people",), "parked": ("perched", "moored"), "child": ("children",)}


def certain(tokens: Sequence[Token]) -> list[Token]:
    """Return `tokens`, with those whose parts may make a word of their own joined as one that is unknown.

    What stands before an unknown word is part of it; behind one only things of two characters are certain.
    """
    if [len(token.text) for token in tokens] == [1, 1] and not _is_plain_pair(*tokens):
        return [Token("".join(token.text for token in tokens))]
    joined: list[Token] = []
    glued = False
    for at, token in enumerate(tokens):
        last = joined[-1] if joined else token
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        is_word = bool(joined) and _is_one_word(last, token, following, is_first=len(joined) == 1)
        glued = is_word or (glued and _is_part(token))
        if glued:
            joined[-1] = Token(last.text + token.text)
        else:
            joined.append(token)
    checked = [_checked(joined, at) for at in range(len(joined))]
    apart = {at for at, token in enumerate(checked) if not token.entries and _is_han(token)}
    unknown = _with_neighbours(joined, apart)
    whole: list[Token] = []
    for at, token in enumerate(checked):
        if {at - 1, at} <= unknown and not {at - 1, at} <= apart:
            whole[-1] = Token(whole[-1].text + token.text)
        else:
            whole.append(Token(token.text) if at in unknown else token)
    return whole


def _is_plain_pair(first: Token, second: Token) -> bool:
    """Whether two characters that are a clause may be words, not the halves of one that no dictionary has."""
    is_said = first.is_a("colour", "number") or second.is_a("locative")
    return is_said or not (_is_han(first) and _is_han(second))


def _with_neighbours(tokens: Sequence[Token], apart: Set[int]) -> Set[int]:
    """The unknown words with what belongs to them: what stands before one, what is not certain behind one."""
    unknown = set(apart)
    if apart:
        unknown |= {at for at, token in enumerate(tokens) if _is_part(token) and not _is_led(tokens[:at])}
    for at in reversed(range(len(tokens) - 1)):
        token = tokens[at]
        is_counted = token.of(NOUNS) and _is_led(tokens[:at])
        is_kept = token.is_a("people", "person") or (is_counted and not _is_thing(tokens[at + 1].text))
        if at + 1 in unknown and not (tokens[at + 1].is_a("doing") or is_kept) and _is_leading(token):
            unknown.add(at)
    for at in range(1, len(tokens)):
        following = tokens[at + 1] if at + 1 < len(tokens) else EDGE
        is_counting = tokens[at].is_a("number") and following.is_a("measure")
        ahead = at - 2 if tokens[at - 1].text in words("aspect") else at - 1
        if ahead in unknown and tokens[ahead].text[-1] != "的" and not is_counting and _is_loose(tokens[at]):
            unknown.add(at)
    return unknown


def _checked(tokens: Sequence[Token], at: int) -> Token:
    """The token, unknown where its neighbours show that it is used otherwise than it would be read."""
    token, before, following = (
        tokens[at],
        *(tokens[at - 1 : at] or [EDGE]),
        *(tokens[at + 1 : at + 2] or [EDGE]),
    )
    if token.text in words("joining") and any(each.text in words("alike") for each in tokens[at + 1 :]):
        return Token(token.text, (Entry("negator", ""),))
    is_counted = token.is_a("measure") and before.is_a("number")
    done = token.of(frozenset({"doing"}))
    doing = done.english if done and not is_counted else ""
    kinds = {entry.kind for entry in token.entries}
    is_last, is_number = following.text in {" ", "的"}, set(token.text) <= set(NUMERALS)
    has_object = following.of(NOUNS) is not None and not following.is_a(*GRAMMAR)
    is_there = token.text[-1] == "着" and before.is_a("locative", "where")
    is_part_next = _is_part(following) and following.of(NOUNS)
    is_odd = (
        (doing in words("alone") and has_object and not is_there)
        or (doing and is_part_next and len(token.text) > 1 and token.text[-1] not in words("done"))
        or (has_object and is_participle(doing) and not any(each.is_a("locative") for each in tokens[:at]))
        or (token.text in {"上", "下"} and before.of(BEINGS) and following.of(NOUNS))
        or (kinds <= NOUNS and following.text in words("aspect"))
        or (_is_being(token) and (_is_being(before) or _is_being(following)))
        or (kinds == {"skip"} and token.text != "的" and before.of(NOUNS) and following.of(NOUNS))
        or (kinds == {"skip"} and len(token.text) > 1 and before.text == "的" and following is EDGE)
        or (doing.endswith("ing") and any(each.text == "被" for each in tokens[:at]))
        or (token.text[-1] == "着" and has_object and before.of(ENCLOSING))
        or (is_number and following.of(NOUNS - {"people"}) and not following.is_a("measure"))
        or (is_last and len(token.text + before.text) == 2 and token.is_a("quality") and before.entries)
        or (token.is_a("and") and before.is_a(*MODIFIERS) and not before.of(NOUNS))
    )
    return Token(token.text) if is_odd else token


def _is_being(token: Token) -> bool:
    """Whether a word is a being, no title or part: of two in a row the first may describe the second."""
    entry = token.of(NOUNS)
    return (
        entry is not None
        and entry.kind in BEINGS
        and not {entry.english, entry.english.rpartition(" ")[2]} & (words("titles") | words("parts"))
    )


def _is_led(before: Sequence[Token]) -> bool:
    """Whether what stands before a word tells that it is a word of its own: a count, 的 or a preposition."""
    return bool(before) and (
        before[-1].text[-1] == "的" or before[-1].is_a("measure", "number", "preposition")
    )


def _is_thing(text: str) -> bool:
    """Whether a word ends with a noun, by the dictionary: a counted thing before any other may do it."""
    import rjieba

    return rjieba.tag(text, hmm=False)[-1][1][0] in "nq"


def _is_leading(token: Token) -> bool:
    """Whether a word belongs to what follows it: in Chinese the last of several nouns is the thing."""
    is_lone = any(entry.english in words("alone") for entry in token.entries)
    grammar = GRAMMAR - ({"time", "locative"} if len(token.text) == 1 else {"time"})
    return _is_han(token) and not token.is_a(*grammar) and not is_lone


def _is_loose(token: Token) -> bool:
    is_solid = len(token.text) > 1 and token.of(SOLID) is not None
    return _is_han(token) and not is_solid and not token.is_a(*GRAMMAR - {"number", "measure"})


def _is_one_word(first: Token, second: Token, following: Token | None, is_first: bool) -> bool:
    """Whether two words side by side, perhaps the first of a clause, may mean something else."""
    if not _is_han(second):
        return False
    if not _is_han(first):
        is_noun = second.of(NOUNS) is not None and not second.is_a("doing")
        return first.text[-1].isalnum() and _is_part(second) and is_noun
    if not (first.entries or second.entries):
        return min(len(first.text), len(second.text)) == 1
    if not second.entries:
        return len(second.text) == 1 and first.of(NOUNS) is not None
    is_noun = first.of(NOUNS) is not None and not first.is_a(*GRAMMAR, *MODIFIERS)
    if _is_part(second) and first.text in words("prefixes"):
        return True
    if _is_part(second) and second.of(NOUNS):
        return is_noun or first.text in words("name_start")
    if _is_part(second) and second.is_a("doing") and second.text not in words("one_way"):
        is_done = following is not None and following.text[0] in words("done")
        makes_noun = is_noun and second.text in words("nouns_too")
        return (is_first or not is_done) if _is_part(first) else (makes_noun and not is_done)
    is_measure = second.is_a("measure") and not second.is_a("locative")
    return is_noun and (is_measure or (_is_part(first) and second.of(NOUNS) is not None))


def _is_part(token: Token) -> bool:
    """Whether it is one character with a meaning of its own, and no grammar."""
    is_grammar = token.is_a(*GRAMMAR - {"measure"}, *MODIFIERS) or (
        token.is_a("measure") and not token.of(NOUNS)
    )
    return len(token.text) == 1 and _is_han(token) and not is_grammar


def _is_han(token: Token) -> bool:
    return HAN.match(token.text) is not None and token.text != "们"


def lost(tokens: Sequence[Token], english: str) -> list[str]:
    """The words of a clause that its English does not say in any of their meanings."""
    text = english.casefold()
    return [
        token.text for at, token in enumerate(tokens) if not (_is_silent(tokens, at) or _is_in(token, text))
    ]


def _is_silent(tokens: Sequence[Token], at: int) -> bool:
    """Whether a word says nothing that English would say: unknown, grammar, or a measure after a count."""
    if (tokens[at].of(NOUNS) and at + 1 == len(tokens)) or (at == 0 and tokens[at].is_a("locative")):
        return False
    is_measure = tokens[at].is_a("measure") and at > 0 and tokens[at - 1].is_a("number", "skip", "quality")
    return not tokens[at].entries or tokens[at].is_a(*SILENT) or is_measure


def _is_in(token: Token, text: str) -> bool:
    names = (name for entry in token.entries for name in (entry.english, *entry.others))
    sayings = {entry.english for entry in token.entries if entry.kind == "saying"}
    wordings = sayings or {word for name in names for word in name.split()}
    wordings |= {also for word in wordings for also in ALSO.get(word, ())}
    return token.text == "一" or any(word.casefold()[: max(3, len(word) - 2)] in text for word in wordings)
