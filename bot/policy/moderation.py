"""Words nobody may draw, checked before a job is admitted and again on the rewritten prompt; pictures after.

Knows the operator's lists, how people hide a word in Unicode, and what scores the engine gave a picture.
"""

import logging
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.types import Refused, User
from engine.cjk import HAN, HANGUL, KANA
from engine.types import EngineError

log = logging.getLogger(__name__)

_CJK = HAN + KANA + HANGUL
_CJK_GAP = re.compile(rf"(?<=[{_CJK}])\s+(?=[{_CJK}])")
_LETTER = rf"(?![{_CJK}])\w"
# Invisible characters that are letters or marks to Unicode: joiner, Hangul fillers, variation selectors.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u3164\u180b-\u180e\ufe00-\ufe0f]")


class BannedWords:
    """The banned words: each entry an exact word, `*part*` (a star opens that end) or `/regular expression/`.

    Case, width, accents' encoding, invisible characters and spaces between Chinese characters don't matter. A
    word in Chinese characters is found anywhere, since Chinese has no spaces. Raises ValueError naming an
    entry that cannot be used.
    """

    def __init__(self, banned: Sequence[str]) -> None:
        self._patterns = [_pattern(entry) for entry in banned]

    def check(self, text: str) -> None:
        """Raise `Refused` (banned-words) when the text holds one; it does not say which."""
        seen = _normalized(text)
        if any(pattern.search(seen) for pattern in self._patterns):
            raise Refused("banned-words")


@dataclass(frozen=True, slots=True)
class PictureFilter:
    """Which pictures nobody gets to see: `refuse` maps a label of the engine's classifier to the least score
    in [0, 1] that refuses; people with a name in `exempt` get every picture.
    """

    refuse: Mapping[str, float] = field(default_factory=dict)
    exempt: frozenset[str] = frozenset()

    def applies(self, user: User) -> bool:
        """Say whether this person's pictures are judged; of those no preview may be shown either."""
        return bool(self.refuse) and self.exempt.isdisjoint(user.names)

    def check(self, user: User, report: Mapping[str, Any]) -> None:
        """Raise `Refused` (`unfit-picture`) by the scores in a picture's report.

        Raises `EngineError` where a label has no score, so that a misspelt one lets nothing pass.
        """
        if not self.applies(user):
            return
        scores: Mapping[str, float] = report.get("scores", {})
        for label, limit in self.refuse.items():
            if label not in scores:
                known = ", ".join(scores) or "none: set moderation.classifier"
                message = f"moderation.refuse names {label!r}; the classifier's labels are {known}"
                log.error(message)
                raise EngineError("internal", message)
            # Put this way round, a score that is not a number refuses, too.
            if not scores[label] < limit:
                raise Refused("unfit-picture")


def _normalized(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return _CJK_GAP.sub("", _INVISIBLE.sub("", visible))


def _pattern(entry: str) -> re.Pattern[str]:
    entry = entry.strip()
    if len(entry) > 2 and entry.startswith("/") and entry.endswith("/"):
        try:
            return re.compile(entry[1:-1], re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"banned word {entry!r} is not a regular expression: {error}") from error
    words = _normalized(entry.strip("*")).split()
    if not words:
        raise ValueError(f"banned word {entry!r} is empty; write a word, *part* or /regular expression/")
    before = "" if entry.startswith("*") else f"(?<!{_LETTER})"
    after = "" if entry.endswith("*") else f"(?!{_LETTER})"
    inner = r"\s+".join(map(re.escape, words))
    first, last = re.match(f"[{_CJK}]", words[0]), re.match(f"[{_CJK}]", words[-1][-1])
    return re.compile(("" if first else before) + inner + ("" if last else after))
