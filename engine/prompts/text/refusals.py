"""What a sentence says there shall not be: "no people", "without trees", "sugar-free", 不要人.

Knows how people refuse in English, and simply in Chinese. Quoted spans come masked.
"""

import re
from functools import cache

from engine.prompts.data import simplified
from engine.prompts.text.sanitize import MARKS

BREAKS = ",;:.!?，。；：！？、"
STOPS = (
    "in|on|at|under|near|by|beside|with|and|but|while|over|above|during|from|to|into|is|are|was|who|that|which|"
    "where|next|for|as|through|behind|standing|sitting|walking|running|looking|wearing|holding"
)
DENIED = (
    rf"((?:(?!(?:{STOPS})\b)[\w'’-]+)(?:\s+(?!(?:{STOPS}|\w+ing)\b)[\w'’-]+){{0,3}}"
    r"(?:\s+(?:and|or|nor)\s+(?!(?:an?|the|one|two|three|some|my|no)\b)[\w'’-]+){0,3})"
    rf"(?=\s*(?:$|[{BREAKS}])|\s+(?:{STOPS}|\w+ing)\b)"
    r"(?:\s+(?:in|on|around|near|with) (?:it|them|him|her|sight|view|there)\b)?"
)
ANY = r"(?:made of\s+|too\s+|very\s+|any\s+|an?\s+(?:single\s+)?|(?:the|their|his|her|its)\s+)?"
BEGIN = rf"(?:^|(?<=[{BREAKS}]))\s*(?:and |but |with )?"
INSIDE = rf"(?:^|(?<=[{BREAKS}\s]))"
NO_NOUN = r"longer|one|matter|more|man's|man’s|entry|smoking|parking"
ENGLISH = (
    rf"(?:\bwith\s+|\bhas\s+)?\bneither\s+([\w-]+)\s+nor\s+{DENIED}",
    r"(?:\b(?:that|which|who)\s+)?\b(?:(?:is|are|was)(?:n't|n’t| not| never)|has no|have no|"
    rf"(?:does|do|did)(?:n't|n’t| not) (?:have|wear|show|include|contain))\s+{ANY}{DENIED}",
    rf"{BEGIN}(?:not|never)\s+(?!(?:just|only|far|long|even)\b){ANY}{DENIED}",
    rf"{INSIDE}(?:and |but |with |please )?(?:anything but|rather than|instead of|avoid(?:ing)?|"
    rf"hold the|skip the|w/o|i don(?:'|’)t want|remove|minus|sans|devoid of|free of|free from|lacking|"
    rf"leaving out|leave out|excluding|except(?: for)?|zero(?! gravity)|don(?:'|’)t put)\s+{ANY}{DENIED}",
    r"\b(?!(?:hands|care|duty|toll|wild|stress|lead)\b)([a-z]+)-free\b,?",
    rf"(?:{BEGIN}|(?<=\s)(?:and|or|but|having|with|there (?:is|are|should be))\s+)(?:absolutely )?no\s+"
    rf"(?:sign of\s+|visible\s+)?(?!(?:{NO_NOUN})\b|\d){DENIED}",
    rf"{INSIDE}(?:without|with no|don't (?:draw|add|include|show))\s+{ANY}{DENIED}(?:\s+but(?=\s+with\b))?",
)
CHINESE = (
    rf"{INSIDE}(?:但是?|而且|请)?(?:(?:不要|别|不能|不可以)(?:出现|画|有)|不要|不想要|不需要|不带|不含|去掉|"
    rf"没有(?![^{BREAKS}]*的))(?:任何)?([^{BREAKS}{MARKS}\s]{{1,20}})(?=$|[{BREAKS}\s])"
)
JOINED = re.compile(r"\s+(?:and|or|nor)\s+|和|或者?|、")


def without_refusals(text: str) -> tuple[str, tuple[str, ...]]:
    """Take out clauses such as "no people", "without trees", 不要人; return the rest and what was refused."""
    refused: list[str] = []
    for pattern in _patterns():
        for match in pattern.finditer(simplified(text)):
            refused += JOINED.split(" and ".join(group for group in match.groups() if group).strip())
        text = without(pattern, text, " ")
    return text, tuple(part for part in refused if part)


def without(pattern: re.Pattern[str], text: str, instead: str = "") -> str:
    """`text` with `instead` of what matches, traditional characters counting as their simplified forms."""
    pieces, end = list[str](), 0
    for match in pattern.finditer(simplified(text)):
        pieces += [text[end : match.start()], instead]
        end = match.end()
    return "".join([*pieces, text[end:]])


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in (*ENGLISH, CHINESE))
