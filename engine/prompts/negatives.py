"""What a picture had better not show: the person's own negative prompt first, then what fits its subject.

Knows kinds of subject. Knows nothing of guidance, which is what makes a negative prompt act at all.
"""

from engine.prompts.enhance import kind_of
from engine.prompts.lexicon import World, phrases
from engine.prompts.sanitize import sanitize

LIMIT = 300
"""Characters up to which general terms are added; the person's own are never cut by it."""


def negatives(prompt: str, world: World | None = None, own: str = "") -> str:
    """Return `own` and, for a model that draws anything, fitting terms the prompt does not ask for itself.

    A small world knows no blur and no hands, so nothing is added there.
    """
    terms = [term.strip() for term in sanitize(own).text.replace("，", ",").split(",")]
    if world is None:
        terms += _fitting(prompt.casefold())
    return _listed(terms, len(own))


def merged(*lists: str) -> str:
    """Comma-separated lists as one, each term once, the first lists first."""
    return _listed(
        [term.strip() for terms in lists for term in terms.replace("，", ",").split(",")],
        sum(map(len, lists)),
    )


def _fitting(prompt: str) -> list[str]:
    table = phrases()["negatives"]
    terms = [*table.get(kind_of(prompt), ()), *table["general"]]
    return [term for term in terms if not any(word[:5] in prompt for word in term.split())]


def _listed(terms: list[str], reserved: int) -> str:
    text = ""
    for term in dict.fromkeys(term for term in terms if term):
        longer = f"{text}, {term}" if text else term
        if len(longer) > max(LIMIT, reserved):
            break
        text = longer
    return text
