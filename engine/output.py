"""What a command prints, whatever the terminal's character set; standard library only."""

import codecs
import io
import json
import sys
from typing import Any

_SIMILAR = {"✓": "+", "✗": "x", "·": "-", "×": "x", "→": "->", "…": "...", "–": "-"}
"""What stands for a character of our own lines where the terminal lacks it."""


def never_fail() -> None:
    """Have stdout and stderr write similar characters, or escapes, for those that their encoding lacks."""
    codecs.register_error("similar", _similar)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="similar")


def json_text(value: Any, indent: int | None = None) -> str:
    """Return `value` as JSON that stdout can write: what its encoding lacks is escaped as JSON has it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


def _similar(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    plain = (_SIMILAR.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lacking)
    return "".join(plain), error.end
