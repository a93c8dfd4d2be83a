"""Where the flags stand in a text: typed dashes and full-width forms repaired, quoted spans left alone.

Knows how a flag is written, not which flags there are or what they mean. `normalize` keeps every position, so
what is found in the plain form is cut out of the text as it was written.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

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
_DIGIT_NEXT = re.compile(r"\s*(?:[=:]\s*)?[0-9]")
_LATIN = re.compile(r"[0-9A-Za-zÀ-ɏ_]")
_CHINESE = re.compile(f"[{HAN}]")

_RATIOS = "1:1|1:2|2:1|2:3|3:2|3:4|4:3|4:5|5:4|5:7|7:5|9:16|16:9|10:16|16:10|9:21|21:9"
_CLOCK = ("上午", "下午", "早上", "晚上", "凌晨", "中午", "傍晚", "时间", "比分")
_EDGE = r"0-9A-Za-z.:/\-—"
_BARE_RATIO = re.compile(
    "".join(f"(?<!{word})(?<!{word} )" for word in _CLOCK)
    + rf"(?<![{_EDGE}])(?:(?:画幅|宽高比|比例)[为是:]?\s*)?"
    + rf"(?P<ratio>{_RATIOS})(?![{_EDGE}%])(?:\s*(?:画幅|比例))?(?:\s*的)?"
)
SEPARATORS = ",，、;；"


@dataclass(frozen=True, slots=True)
class Mark:
    """A flag in a text: `text[start:end]` is its dashes and name, `name` in lower case without dashes."""

    name: str
    start: int
    end: int


def sound(text: str) -> str:
    """Return `text` with split surrogate pairs joined, lone ones replaced and NULs as spaces.

    Raises `Refused` (prompt-too-long) for more than a prompt, a negative prompt and flags can take.
    """
    if len(text) > TEXT_LIMIT:
        raise Refused("prompt-too-long", length=len(text), limit=PROMPT_LIMIT)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", " ")


def shown(value: str) -> str:
    """Return a value short enough for a sentence."""
    return value if len(value) <= SHOWN_VALUE else value[: SHOWN_VALUE - 1] + "…"


def bad_value(flag: str, value: str, allowed: str) -> Refused:
    """Return the refusal of a value, cut to what a sentence holds."""
    return Refused("bad-value", flag=flag, value=shown(value), allowed=allowed)


def normalize(text: str) -> str:
    """Return `text` with full-width forms and odd dashes in ASCII, quoted spans blanked; same length."""
    plain = text.translate(PLAIN)
    return _quoting(plain, (("\0" * (end - start), start, end) for start, end in _quoted(plain)))


def unquoted(text: str) -> str:
    """Return `text` with full-width forms and odd dashes in ASCII, but not inside quotes; same length."""
    plain = text.translate(PLAIN)
    inside = ((start + 1, end - 1) for start, end in _quoted(plain))
    return _quoting(plain, ((text[start:end], start, end) for start, end in inside))


def find_flags(plain: str, known: Container[str]) -> list[Mark]:
    """Return the flags in a plain text, in order; an unknown name counts where it can be nothing else."""
    found = []
    for match in _MARK.finditer(plain):
        name = match["name"].casefold()
        if _is_mark(plain, match, name in known):
            found.append(Mark(name, match.start(), match.end()))
    return found


def take_ratio(text: str) -> tuple[str, str | None]:
    """Return a Chinese text without the common ratios that stand alone in it, and the first of them."""
    if not _CHINESE.search(text):
        return text, None
    found = list(_BARE_RATIO.finditer(normalize(text)))
    ends = [*(match.start() for match in found), len(text)]
    rest = text[: ends[0]]
    for match, end in zip(found, ends[1:], strict=True):
        rest = joined(rest, text[match.end() : end])
    return rest, found[0]["ratio"] if found else None


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


def _is_mark(plain: str, match: re.Match[str], known: bool) -> bool:
    """Judge dashes before a name: two hyphens are a flag, one long dash may be two that were "corrected".

    Glued to a word they are one only with a known name, because `well--known` and `cat—no dog` are prose.
    """
    dashes, before = match["dashes"], plain[match.start() - 1 : match.start()]
    long = "—" in dashes
    if len(dashes) < 2 and not long:
        return False
    if not before or before.isspace():
        return True
    if not _LATIN.match(before):
        return known or not long
    return known and (not long or _DIGIT_NEXT.match(plain, match.end()) is not None)
