"""Whether a prompt says what its wish says: wrong, flawed or right, with the faults.

Knows the gold of a wish and how pinyin is spelled. Knows nothing of how the prompt came about.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pypinyin import lazy_pinyin

from lab.evaluate.wishes.records import Wish

Grade = Literal["wrong", "flawed", "right"]
HAN = re.compile(r"[\u3400-\u9fff]+")
SPELLINGS = (
    ("colour", "color"),
    ("grey", "gray"),
    ("’", "'"),
    ("centre", "center"),
    ("crimson", "red"),
    ("scarlet", "red"),
)
GROUPS: Mapping[str, str] = {
    "#wide": "close view|close-up|close framing|close shot|tight framing|simple background|plain background"
    "|uncluttered background|out of focus|blurred background|shallow depth of field|bokeh|medium shot"
    "|近景|特写|背景虚化|虚化|背景简洁|纯色背景|中景构图",
    "#unpeopled": "natural skin|skin texture|texture of skin|skin and cloth|people|person|portrait"
    "|皮肤|人像|人物",
    "#flat": "photo*|lens|skin texture|texture of skin|natural skin|skin and cloth|film grain|depth of field"
    "|皮肤|照片|镜头|景深",
    "#dark": "daylight|sunlight|bright light|midday|natural lighting|natural light"
    "|日光|阳光|自然光|自然的光线",
    "#sharp": "out of focus|blurred|soft focus|虚化",
    "#busy": "uncluttered|simple background|plain background|empty background|背景简洁|纯色背景|干净的背景",
}
"""Additions that work against a kind of wish: a wide or full scene, nobody in it, a drawing, the dark."""
_ENGLISH = (
    "a ai an baba bai ban bang bao bin bun can cha chai chi china dan dao den didi die e fan fang fen "
    "gang gun hang he hen la lei lie long ma mama me men mi min mu nun o pan papa pen pi pie pin ping re "
    "sang she shun si song sun tai tan tang ten tie tong wan wang yang ye yin you"
)
ENGLISH_SYLLABLES = frozenset(_ENGLISH.split())
"""Words and names that happen to be spelled like a syllable of pinyin."""


NEGATOR = (
    r"\b(?:no|without|not|never|any|free of)\b[a-z ]{0,24}?"
    r"|(?:不|没|沒|无|無|別|别|勿|冇|唔)[\u3400-\u9fff]{0,4}?"
)
TALK = re.compile(
    r"^(?:sure|certainly|of course|here(?:'s| is)|please|imagine|i(?:'d|'m| am| can| would| have))\b"
    r"|^you (?:can|could)\b|^(?:wish|prompt|description|title|answer|output):"
    r"|(?:^|[.!] )(?:i hope|let me know|feel free)\b"
)
NOBODY = re.compile(r"\b(?:nobody|no one|deserted|empty|unpeopled|uninhabited)\b|空无一人")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A grade and what is behind it; `invented` are what the prompt says and must not."""

    grade: Grade
    missing: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    flaws: tuple[str, ...] = ()


def judge(wish: Wish, prompt: str, negative: str = "", *, reads_chinese: bool) -> Verdict:
    """Judge the prompt and negative prompt that became of a wish, for a model that reads Chinese or not."""
    missing = [item for item in wish.must if not says(prompt, item, reads_chinese)]
    missing += [f"no {item}" for item in wish.refused if not refuses(prompt, negative, item)]
    invented = [item for item in wish.must_not if says(prompt, item, True)]
    flaws = [item for item in wish.lesser if not says(prompt, item, reads_chinese)]
    flaws += [f"against: {item}" for item in wish.against if _adds(wish, prompt, item)]
    flaws += [f"refuses: {negative}"] if negative and not wish.refused else []
    flaws += [f"garbage: {word}" for word in garbage(wish, prompt, reads_chinese)]
    grade: Grade = "wrong" if missing or invented else "flawed" if flaws else "right"
    return Verdict(grade, tuple(missing), tuple(invented), tuple(flaws))


def says(prompt: str, item: str, reads_chinese: bool) -> bool:
    """Whether a prompt has one of an item's wordings in a language that the model reads."""
    return any(
        wording[1:] in prompt
        if wording.startswith("=")
        else bool(_pattern(wording).search(_folded(prompt))) and (reads_chinese or not HAN.search(wording))
        for wording in item.split("|")
    )


def refuses(prompt: str, negative: str, item: str) -> bool:
    """Whether the negative prompt, or a negator of the prompt, refuses an item that is nowhere wanted."""
    wordings = "|".join(_pattern(wording).pattern for wording in item.split("|"))
    wanted, refusals = re.subn(f"(?:{NEGATOR})(?:{wordings})", " ", _folded(prompt))
    if re.search(wordings, wanted):
        return False
    is_empty = "people" in item and NOBODY.search(wanted)
    return bool(refusals or is_empty or re.search(wordings, _folded(negative)))


def garbage(wish: Wish, prompt: str, reads_chinese: bool) -> list[str]:
    """Chinese for a model that reads none, Chinese words of the wish in pinyin, and a writer's own talk.

    Quotes may be Chinese, and what the gold spells so ("Leshan") may be spelled so.
    """
    allowed = _folded(" ".join((wish.wish, wish.whole, *wish.must, *wish.lesser)))
    literal = "".join(part for item in wish.must for part in item.split("|") if part.startswith("="))
    left = [] if reads_chinese else [text for text in HAN.findall(prompt) if text not in literal]
    left += [talk for talk in TALK.findall(_folded(prompt)) if talk not in _folded(wish.wish)]
    words = re.findall(r"[a-zà-ÿ]+", _folded(prompt))
    spelled = {word for text in HAN.findall(wish.wish) for word in _spellings(text)}
    return left + [word for word in words if word in spelled and not re.search(rf"\b{word}", allowed)]


def _adds(wish: Wish, prompt: str, item: str) -> bool:
    """Whether a prompt adds a wording of a group, or of an item, that its wish does not have."""
    wanted = re.sub(rf"(?:{NEGATOR})[a-z]+", " ", _folded(prompt))
    wordings = GROUPS.get(item, item).split("|")
    return any(says(wanted, word, True) and not says(wish.wish, word, True) for word in wordings)


@cache
def _spellings(text: str) -> frozenset[str]:
    """One to four neighbouring characters as pinyin, as one word."""
    syllables = lazy_pinyin(text)
    runs = {"".join(syllables[i : i + size]) for size in range(1, 5) for i in range(len(text) - size + 1)}
    return frozenset(runs) - ENGLISH_SYLLABLES


@cache
def _pattern(wording: str) -> re.Pattern[str]:
    parts = [re.escape(part).replace(r"\*", r"[a-z0-9']*") for part in _folded(wording).split("~")]
    if HAN.search(wording):
        return re.compile(r"[^，。、；！？,;]{0,8}?".join(part.replace(r"\ ", " ") for part in parts))
    between = r"(?:'s|s|es)?(?:[\s-]+[a-z0-9'-]+){0,3}?[\s-]+"
    words = between.join(part.replace(r"\ ", r"[\s-]+") for part in parts)
    return re.compile(rf"(?<![a-z0-9]){words}(?:'s|s|es)?(?![a-z0-9])")


def _folded(text: str) -> str:
    text = text.casefold()
    for usual, other in SPELLINGS:
        text = text.replace(usual, other)
    return text
