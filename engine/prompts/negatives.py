"""What a picture had better not show: the person's own negative prompt first, then what fits its subject.

Knows kinds of subject. Knows nothing of guidance, which is what makes a negative prompt act at all.
"""

from engine.prompts.kinds import is_drawn, kind_of
from engine.prompts.lexicon import World, phrases
from engine.prompts.sanitize import sanitize
from engine.prompts.visual import singulars

LIMIT = 300
"""Characters up to which general terms are added; the person's own are never cut by it."""


def negatives(prompt: str, world: World | None = None, own: str = "", kind: str = "") -> str:
    """Return `own` and, for a model that draws anything, fitting terms the prompt does not ask for itself.

    `kind` is the kind of subject where a language model told it. A small world knows no blur and no hands, so
    nothing is added there.
    """
    terms = [term.strip() for term in sanitize(own).text.replace("，", ",").split(",")]
    if world is None:
        terms += _fitting(prompt.casefold(), kind)
    return _listed(terms, len(own))


def folded(own: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is refused, told positively where that can be said, and the terms for which it cannot.

    For a picture without guidance, on which a negative prompt has no effect: `no people` becomes `deserted`.
    """
    table = phrases()["folded"]
    terms = [term.strip() for term in own.replace("，", ",").split(",") if term.strip()]
    said = {
        term: next((table[form] for form in singulars(term.casefold()) if form in table), "")
        for term in terms
    }
    positive = tuple(dict.fromkeys(text for text in said.values() if text))
    return positive, tuple(term for term, text in said.items() if not text)


def merged(*lists: str) -> str:
    """Comma-separated lists as one, each term once, the first lists first."""
    return _listed(
        [term.strip() for terms in lists for term in terms.replace("，", ",").split(",")],
        sum(map(len, lists)),
    )


def _fitting(prompt: str, kind: str) -> list[str]:
    table = phrases()["negatives"]
    general = table["drawn"] if is_drawn(prompt) else table["general"]
    terms = [*table.get(kind or kind_of(prompt), ()), *general]
    wanted = f"{prompt} blurry" if "out of focus" in prompt or "bokeh" in prompt else prompt
    return [term for term in terms if not any(word[:5] in wanted for word in term.split())]


def _listed(terms: list[str], reserved: int) -> str:
    text = ""
    for term in dict.fromkeys(term for term in terms if term):
        longer = f"{text}, {term}" if text else term
        if len(longer) > max(LIMIT, reserved):
            break
        text = longer
    return text
