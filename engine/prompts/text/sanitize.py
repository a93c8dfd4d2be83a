"""Text as it may go to a model: one line, composed, visible, not too long."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

LIMIT = 2000
"""Characters of a prompt; about what 512 tokens of English hold. A model may read fewer: see `shortened`."""

MARKS = "\ue000-\uf8ff"
"""Characters that stand for quoted spans while the words around them change; `sanitize` leaves none."""
MARK = f"[{MARKS}]"

_CONTROL = re.compile(r"<[|｜][^<>|｜\s]{1,40}[|｜]>")
_LETTER = re.compile(r"[a-zA-Z0-9À-ɏЀ-ӿ]")
_BROKEN_WORD = re.compile(r"[a-zA-Z0-9À-ɏЀ-ӿ'’-]+\Z")

INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0" + "".join(map(chr, range(0x180B, 0x1810)))
)
"""Characters that draw nothing although Unicode calls them letters, marks or symbols."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A prompt after a step; `notes` are codes of what was done, `negative` what the person does not want."""

    text: str
    notes: tuple[str, ...] = ()
    negative: str = ""


def sanitize(text: str, limit: int = LIMIT) -> Rewritten:
    """Return `text` in NFC on one line of at most `limit` characters, cut at a whole word where there is one.

    Control, zero-width, bidi, tag, private-use and lone-surrogate characters and non-characters are removed,
    and so are tokenizers' control tokens such as "<|im_end|>" (note `cleaned`); white space of any kind is
    folded to single spaces; a cut is noted as `truncated`.
    """
    visible = text if _is_plain(text) else "".join(char for char in text if not _is_hidden(char))
    plain = _CONTROL.sub(" ", unicodedata.normalize("NFC", visible))
    folded = " ".join(plain.split())
    short = _cut(folded, limit)
    notes = ["cleaned"] if len(visible) != len(text) or _CONTROL.search(visible) else []
    if short != folded:
        notes.append("truncated")
    return Rewritten(short, tuple(notes))


def shortened(text: str, fits: Callable[[str], bool]) -> str:
    """Return the longest beginning of `text` that `fits`, cut as `sanitize` cuts; all where it does."""
    if fits(text):
        return text
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(_cut(text, middle)) else (low, middle)
    return _cut(text, low)


def _is_plain(text: str) -> bool:
    return text.isprintable() and INVISIBLE.isdisjoint(text)


def _is_hidden(char: str) -> bool:
    if char.isspace() or _is_plain(char):
        return False
    code = ord(char)
    is_noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return is_noncharacter or char in INVISIBLE or unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co"}


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = text[:limit]
    if _LETTER.match(text[limit]):
        head = _BROKEN_WORD.sub("", head) or head
    return head.rstrip()
