"""The arguments of `/upscale`: which job, which of its pictures, how much larger and by which method.

Knows words; looks up no job.
"""

import re
from dataclasses import dataclass, replace

from bot.locales.texts import typed
from bot.requests import flag_syntax
from bot.types import Action, Params, Refused
from engine.types import UPSCALE_FACTORS, UpscaleMethod

METHODS: dict[UpscaleMethod, tuple[str, ...]] = {
    "sr": typed("typed-sr"),
    "lanczos": ("lanczos",),
    "redraw": typed("typed-redraw"),
}
"""The words for each method; who says none of them leaves the choice to the style."""

_CHINESE = {"一": 2, "两": 2, "兩": 2, "二": 2, "三": 3, "四": 4}
"""Larger 一倍, "by once itself", is twice as large."""
_DIGITS = r"[0-9]{1,18}"
_NUMBER = re.compile(_DIGITS)
_FACTOR = re.compile(
    rf"(?<![0-9a-z])x\s*(?P<after>{_DIGITS})(?![0-9a-z])"
    rf"|(?<![0-9a-z])(?P<before>{_DIGITS})(?:x(?![0-9a-z])|\s*倍)"
    r"|(?<![一二两兩三四五六七八九十百])(?P<chinese>[一二两兩三四五六七八九十百]{1,9})\s*倍",
    re.IGNORECASE,
)
_METHOD = {
    word: re.compile(rf"(?<![a-z]){word}(?![a-z])" if word.isascii() else word, re.IGNORECASE)
    for words in METHODS.values()
    for word in words
}


@dataclass(frozen=True, slots=True)
class UpscaleOptions:
    """How to upscale: `factor` times per side, by `method`."""

    factor: int = UPSCALE_FACTORS[0]
    method: UpscaleMethod = "auto"

    def words(self) -> str:
        """Return what `parse_options` reads this from: `x4 redraw`; what goes without saying is left out."""
        factor = "" if self.factor == UPSCALE_FACTORS[0] else f"x{self.factor}"
        return " ".join(filter(None, (factor, "" if self.method == "auto" else self.method)))

    def over(self, params: Params) -> Params:
        """Return the parameters with these options."""
        return replace(params, factor=self.factor, method=self.method)


TWICE = UpscaleOptions()


@dataclass(frozen=True, slots=True)
class UpscaleRequest:
    """`job` is None where none is named; `index` counts pictures from 0."""

    job: int | None
    index: int = 0
    options: UpscaleOptions = TWICE

    def action(self, replied_to: int | None = None) -> Action:
        """Return the button this stands for, under the job `replied_to` where none is named.

        Raises `Refused` (`needs-image`) where there is no job at all.
        """
        job = self.job if self.job is not None else replied_to
        if job is None:
            raise Refused("needs-image")
        return Action("upscale", job, self.index, self.options.words())


def read(rest: str) -> UpscaleRequest:
    """Read `17 2 x4 redraw`: job 17, its second picture, four times larger and redrawn; in any order.

    Raises `Refused` (`bad-value`) for another factor.
    """
    numbers = [int(number) for number in _NUMBER.findall(without_options(rest))]
    index = max(0, numbers[1] - 1) if len(numbers) > 1 else 0
    return UpscaleRequest(numbers[0] if numbers else None, index, parse_options(rest))


def parse_options(text: str) -> UpscaleOptions:
    """Return how to upscale as a text says it; raises `Refused` (`bad-value`) for another factor."""
    found = _FACTOR.search(text)
    return UpscaleOptions(_factor(found) if found else TWICE.factor, _method(text))


def without_options(text: str) -> str:
    """Return the text with the words for a factor or a method blanked."""
    for pattern in (_FACTOR, *_METHOD.values()):
        text = pattern.sub(" ", text)
    return text


def _factor(found: re.Match[str]) -> int:
    digits = found["after"] or found["before"]
    factor = int(digits) if digits else _CHINESE.get(found["chinese"])
    if factor not in UPSCALE_FACTORS:
        allowed = ", ".join(f"x{factor}" for factor in UPSCALE_FACTORS)
        raise flag_syntax.bad_value("/upscale", found[0], allowed)
    return factor


def _method(text: str) -> UpscaleMethod:
    """Return the method named; of several the one that does most: `redraw` upscales with `sr` first."""
    named = [method for method, words in METHODS.items() if any(_METHOD[word].search(text) for word in words)]
    return named[-1] if named else "auto"
