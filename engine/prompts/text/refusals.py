"""What a prompt asks to leave out, as a request or in a list: "a beach, no people", "don't add text", 不要人.

What a sentence only says is not there ("a clock with no hands") is no such request. Quoted spans come masked.
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
    rf"((?:(?!(?:{STOPS})\b)[\w'’-]+)(?:\s+(?!(?:{STOPS}|please|\w+ing)\b)[\w'’-]+){{0,3}}"
    r"(?:\s+(?:and|or|nor)\s+(?!(?:an?|the|one|two|three|some|my|no)\b)[\w'’-]+){0,3})"
    rf"(?=\s*(?:$|[{BREAKS}])|\s+(?:in|on|at|around|near|with|and|but|please)\b)(?:\s+please\b)?"
    r"(?:\s+(?:in|on|around|near|with) (?:it|them|him|her|sight|view|there)\b)?"
)
ANY = r"(?:too\s+|very\s+|any\s+|an?\s+(?:single\s+)?|(?:the|their|his|her|its)\s+)?"
BEGIN = rf"(?:^|(?<=[{BREAKS}]))\s*(?:and |but |please )*"
NO_NOUN = r"longer|one|matter|more|man's|man’s|entry|smoking|parking|two"
ENGLISH = (
    rf"{BEGIN}(?:not(?= (?:an?|any|the) )|without|with no|avoid(?:ing)?|anything but|excluding|"
    rf"except(?: for)?|minus|skip the|hold the|remove|leave out|i (?:don(?:'|’)t|do not) want|w/o)\s+"
    rf"{ANY}{DENIED}",
    rf"{BEGIN}(?:absolutely )?no\s+(?:sign of\s+|visible\s+)?(?!(?:{NO_NOUN})\b|\d){DENIED}",
    r"(?:\b(?:and|but|please)\s+)*"
    rf"\b(?:don(?:'|’)t|do not) (?:draw|add|include|show|put)\s+(?:in\s+)?{ANY}{DENIED}",
)
CHINESE = (
    rf"(?:^|(?<=[{BREAKS}\s]))(?:但是?|而且|请|也|尤其)*(?:(?:不要|别|不能|不可以)(?:再?出现|画|有|加)|不要|不想要|不需要|"
    rf"不带|不含|不画|不加|去掉|避免|禁止|拒绝|无(?=(?:水印|文字|人物|背景|糖)(?:$|[{BREAKS}]))|没有(?![^{BREAKS}]*的))"
    rf"(?:任何)?([^{BREAKS}{MARKS}\s的]{{1,8}}的?)(?=$|[{BREAKS}\s])",
    rf"(?:^|(?<=[{BREAKS}\s]))([^{BREAKS}{MARKS}\s不没]{{1,6}})不要(?=$|[{BREAKS}\s])",
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
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in (*ENGLISH, *CHINESE))
