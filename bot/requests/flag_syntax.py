"""Where the flags stand in a text: typed dashes and full-width forms repaired, quoted spans left alone.

Knows how a flag is written, not which flags there are or what they mean. `normalize` keeps every position, so
what is found in the plain form is cut out of the text as it was written.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from bot.types import Refused
from engine.cjk import HAN

PROMPT_LIMIT = 2000
TEXT_LIMIT = 4 * PROMPT_LIMIT
SHOWN_VALUE = 40
QUOTES = {'"': '"', "“": "”", "「": "」", "『": "』", "《": "》"}
NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"

_HYPHENS = "‐‑−﹣－"
_LONG_DASHES = "‒–—―﹘"
PLAIN = str.maketrans(
    {chr(0xFF01 + place): chr(0x21 + place) for place in range(94)}
    | {"\u3000": " ", "∶": ":", "×": "x", "✕": "x"}
    | dict.fromkeys(_HYPHENS, "-")
    | dict.fromkeys(_LONG_DASHES, "—")
)
_OPENING = re.compile(r'(?<![0-9A-Za-z])"|[“「『《]')
_MARK = re.compile(r"(?<![-—])(?P<dashes>[-—]+)(?P<name>[A-Za-z]+(?:[-_][A-Za-z]+)*)")
LINK = re.compile(r"(?i:https?://|www\.)[!-~]+")
_DIGIT_NEXT = re.compile(r"\s*(?:[=:]\s*)?[0-9]")
_CLOSING_DASH = re.compile(r"[^\s—-]—+(?=[\s,.;:!?。，；！？]|$)")
LIKE_A_NAME = 0.8
"""How near (`difflib`) a word behind a long dash must be to a flag's name to be a slip of it."""
_LATIN = re.compile(r"[0-9A-Za-zÀ-ɏ_]")
_CHINESE = re.compile(f"[{HAN}]")

_RATIOS = "1:1|1:2|2:1|2:3|3:2|3:4|4:3|4:5|5:4|5:7|7:5|9:16|16:9|10:16|16:10|9:21|21:9"
_EDGE = r"0-9A-Za-z.:/\-—"
_BARE_RATIO = re.compile(
    rf"(?<![{_EDGE}])(?P<label>(?:画幅|宽高比|比例|尺寸)[为是:]?\s*)?"
    rf"(?P<ratio>{_RATIOS})(?![{_EDGE}%])(?:\s*(?:画幅|比例))?(?:\s*的)?"
)
_TIME = re.compile(r"[0-9]+:[0-9]{2}")
_CLOCK = re.compile("钟|表|时间|时刻|指向|显示|[上下中]午|早上|晚上|凌晨|傍晚|半夜")
_SCORE = re.compile("比分|赛|领先|战[胜平]|击败|打[平败]|[大获完险]胜|[输赢]|进球")
_SCALE = re.compile("还原|复刻|复制|仿|模型|等[比身]|混|兑|稀释")
_BESIDE = 6
"""Characters behind a ratio that tell what it measures."""
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0\ufffd"
"""Letters and signs that say nothing: Hangul's fillers, Braille's blank, what stands for half a character."""
SEPARATORS = ",，、;；"


@dataclass(frozen=True, slots=True)
class Mark:
    """A flag in a text: `text[start:end]` is its dashes and name, `name` in lower case without dashes."""

    name: str
    start: int
    end: int


def repair(text: str) -> str:
    """Return `text` with split surrogate pairs joined, lone ones replaced and NULs as spaces.

    Raises `Refused` (prompt-too-long) for more than a prompt, a negative prompt and flags can take.
    """
    if len(text) > TEXT_LIMIT:
        raise Refused("prompt-too-long", length=len(text), limit=PROMPT_LIMIT)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", " ")


def shorten(value: str) -> str:
    """Return a value short enough for a sentence."""
    return value if len(value) <= SHOWN_VALUE else value[: SHOWN_VALUE - 1] + "…"


def is_visible(text: str) -> bool:
    """Say whether anything can be seen in a text: not only spaces, marks of punctuation, or fillers."""
    return any(unicodedata.category(sign)[0] not in "CMPZ" and sign not in _FILLERS for sign in text)


def bad_value(flag: str, value: str, allowed: str) -> Refused:
    """Return the refusal of a value, cut to fit into a sentence."""
    return Refused("bad-value", flag=flag, value=shorten(value), allowed=allowed)


def normalize(text: str) -> str:
    """Return `text` with full-width forms and odd dashes in ASCII, quoted spans blanked; same length."""
    plain = text.translate(PLAIN)
    return _quoting(plain, (("\0" * (end - start), start, end) for start, end in _quoted(plain)))


def unquoted(text: str) -> str:
    """Return `text` with full-width forms and odd dashes in ASCII, but not inside quotes; same length."""
    plain = text.translate(PLAIN)
    inside = ((start + 1, end - 1) for start, end in _quoted(plain))
    return _quoting(plain, ((text[start:end], start, end) for start, end in inside))


def find_flags(plain: str, known: Collection[str], fits: Callable[[str, int], bool]) -> list[Mark]:
    """Return the flags in a plain text, in order; an unknown name counts where it can be nothing else.

    `fits` says whether a value of the flag, or the end of one without, stands at a place in the text.
    """
    links = [match.span() for match in LINK.finditer(plain)]
    found = []
    for match in _MARK.finditer(plain):
        in_link = any(start < match.start() < end for start, end in links)
        if not in_link and _is_flag(plain, match, known, fits):
            found.append(Mark(match["name"].casefold(), match.start(), match.end()))
    return found


def take_ratio(text: str) -> tuple[str, str | None]:
    """Return a Chinese text without the common ratios that stand alone in it, and the first of them."""
    if not _CHINESE.search(text):
        return text, None
    plain = normalize(text)
    found = [match for match in _BARE_RATIO.finditer(plain) if _is_aspect(plain, match)]
    ends = [*(match.start() for match in found), len(text)]
    rest = text[: ends[0]]
    for match, end in zip(found, ends[1:], strict=True):
        rest = joined(rest, text[match.end() : end])
    return rest, found[0]["ratio"] if found else None


def _is_aspect(plain: str, match: re.Match[str]) -> bool:
    """Judge a ratio among Chinese words: a time, a score or a scale is none, unless it is called one."""
    if match["label"]:
        return True
    before = re.split(r"[,。、;!?\n，；！？]", plain[: match.start()])[-1]
    behind = re.split(r"[,。、;!?\n，；！？]", plain[match.end() : match.end() + _BESIDE])[0]
    if _TIME.fullmatch(match["ratio"]) and _CLOCK.search(before):
        return False
    return not (_SCORE.search(before + behind) or _SCALE.search(behind))


def joined(left: str, right: str) -> str:
    """Return what is left of a text around something cut out, without doubled spaces or separators."""
    spaced = left[-1:].isspace() or right[:1].isspace()
    left, right = left.rstrip(), right.lstrip()
    if right[:1] and right[0] in SEPARATORS + ".。":
        return left.rstrip(SEPARATORS + " ") + right
    return left + (" " if spaced and left and right else "") + right


def _quoted(text: str) -> Iterator[tuple[int, int]]:
    """Yield where quoted spans begin and end; marks that nothing closes are looked for once."""
    unclosed, at = set[str](), 0
    while opening := _OPENING.search(text, at):
        at = opening.end()
        if opening[0] in unclosed:
            continue
        end = text.find(QUOTES[opening[0]], at)
        if end < 0:
            unclosed.add(opening[0])
        else:
            yield opening.start(), end + 1
            at = end + 1


def _quoting(text: str, spans: Iterator[tuple[str, int, int]]) -> str:
    """Return `text` with (new words, start, end) in place of its spans."""
    parts, at = [], 0
    for words, start, end in spans:
        parts += [text[at:start], words]
        at = end
    return "".join((*parts, text[at:]))


def _is_flag(
    plain: str, match: re.Match[str], known: Collection[str], fits: Callable[[str, int], bool]
) -> bool:
    """Judge dashes before a name: two hyphens are a flag, one long dash may be two that were "corrected".

    A long dash is prose as often, and so are two hyphens inside a word: there the name must be known and its
    value follow.
    """
    dashes, name, before = match["dashes"], match["name"], plain[match.start() - 1 : match.start()]
    if "—" in dashes:
        return _is_corrected(plain, match, known, fits)
    if len(dashes) < 2:
        return False
    return not _LATIN.match(before) or (name.casefold() in known and fits(name.casefold(), match.end()))


def _is_corrected(
    plain: str, match: re.Match[str], known: Collection[str], fits: Callable[[str, int], bool]
) -> bool:
    """Judge a long dash before a name: an aside between two dashes and a proper name are prose."""
    name, before, end = match["name"].casefold(), plain[match.start() - 1 : match.start()], match.end()
    if match["name"] not in (name, name.upper()) or _CLOSING_DASH.search(plain, end):
        return False
    if name in known:
        return fits(name, end) and (not _LATIN.match(before) or bool(_DIGIT_NEXT.match(plain, end)))
    is_apart = not before or before.isspace()
    return is_apart and bool(
        _DIGIT_NEXT.match(plain, end) or get_close_matches(name, known, n=1, cutoff=LIKE_A_NAME)
    )
