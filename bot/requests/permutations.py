"""Braces with choices: "{red, blue} bird" is two prompts. Knows no flags and no meaning of words.

Midjourney's permutation prompts: choices are divided by commas, may be nested, and a backslash takes a brace
or a comma literally. What stands in quotes stays, and so do doubled braces, another program's emphasis, and
JSON's quoted keys.
"""

import re

from bot.requests import flag_syntax
from bot.types import Refused

_BRACES = re.compile(r"(?<![{\\])\{([^{}\n]*)\}")
_COMMA = re.compile(r"(?<!\\),")
_KEY = re.compile(r"[\"'\0]\s*:")
_ESCAPED = re.compile(r"\\([{},，])")


def expand(text: str, most: int) -> list[str]:
    """Return the texts that the choices in `text` make, in order; the text itself where it has none.

    Raises `Refused` (too-many-requests) for more than `most`.
    """
    texts = [text]
    # Innermost first, so that a choice may hold choices.
    while any(_choices(each) for each in texts):
        texts = list(dict.fromkeys(choice for each in texts for choice in _expand_once(each)))
        if len(texts) > most:
            raise Refused("too-many-requests", count=len(texts), limit=most)
    return [_ESCAPED.sub(r"\1", each) for each in texts]


def _choices(text: str) -> re.Match[str] | None:
    """Return the first braces that hold choices and no further braces."""
    found = _BRACES.finditer(flag_syntax.normalize(text))
    return next((each for each in found if _COMMA.search(each[1]) and not _KEY.search(each[1])), None)


def _expand_once(text: str) -> list[str]:
    found = _choices(text)
    if found is None:
        return [text]
    commas = [found.start(1) + comma.start() for comma in _COMMA.finditer(found[1])]
    starts, ends = [found.start(1), *(comma + 1 for comma in commas)], [*commas, found.end(1)]
    choices = [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    return [text[: found.start()] + choice + text[found.end() :] for choice in choices]
