"""Where the flags stand in a text: typed dashes and full-width forms repaired, quoted spans left alone.

Knows how a flag is written, not which flags there are or what they mean. `plain` keeps every position, so
what is found in the plain form is cut out of the text as it was written.
"""

import re
from collections.abc import Container
from dataclasses import dataclass

_HYPHENS = "‐‑−﹣－"
_LONG_DASHES = "‒–—―﹘"
_PLAIN = str.maketrans(
    {chr(0xFF01 + place): chr(0x21 + place) for place in range(94)}
    | {"\u3000": " ", "∶": ":", "×": "x", "✕": "x"}
    | dict.fromkeys(_HYPHENS, "-")
    | dict.fromkeys(_LONG_DASHES, "—")
)
_QUOTED = re.compile(r'(?<![0-9A-Za-z])"[^"]*"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》')
_MARK = re.compile(r"(?<![-—])(?P<dashes>[-—]+)(?P<name>[A-Za-z]+(?:[-_][A-Za-z]+)*)")
_DIGIT_NEXT = re.compile(r"\s*[=:]?\s*[0-9]")
_LATIN = re.compile(r"[0-9A-Za-zÀ-ɏ_]")
_CHINESE = re.compile(r"[\u3400-\u9fff]")

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


def plain(text: str) -> str:
    """Return `text` with full-width forms and odd dashes in ASCII, quoted spans blanked; same length."""
    return _QUOTED.sub(lambda quoted: "\0" * len(quoted[0]), text.translate(_PLAIN))


def marks(plain: str, known: Container[str]) -> list[Mark]:
    """Return the flags in a plain text, in order; an unknown name counts where it can be nothing else."""
    found = []
    for match in _MARK.finditer(plain):
        name = match["name"].casefold()
        if _is_mark(plain, match, name in known):
            found.append(Mark(name, match.start(), match.end()))
    return found


def take_ratio(text: str) -> tuple[str, str | None]:
    """Return a Chinese text without the common ratios that stand alone in it, and the first of them."""
    found = None
    while _CHINESE.search(text) and (match := _BARE_RATIO.search(plain(text))):
        found = found or match["ratio"]
        text = joined(text[: match.start()], text[match.end() :])
    return text, found


def joined(left: str, right: str) -> str:
    """Return what is left of a text around something cut out, without doubled spaces or separators."""
    spaced = left[-1:].isspace() or right[:1].isspace()
    left, right = left.rstrip(), right.lstrip()
    if right[:1] and right[0] in SEPARATORS + ".。":
        return left.rstrip(SEPARATORS + " ") + right
    return left + (" " if spaced and left and right else "") + right


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
