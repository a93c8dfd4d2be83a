"""From a rough wish to a precise prompt, by rules.

Knows the two kinds of model: one with a small world, told canonically in its own words, and one that draws
anything, whose prompt stays the person's. Adds nothing that was not said.
"""

from engine.prompts.lexicon import World, lexicon
from engine.prompts.rules import Scene, denied_names, read, render
from engine.prompts.sanitize import Rewritten, sanitize
from engine.prompts.wording import clean, is_chinese, quoted

TRANSLATABLE = frozenset(
    {"subject", "colour", "place", "time", "light", "filler", "vague", "stop", "joiner", "punctuation"}
)


def optimize(wish: str, world: World | None = None) -> Rewritten:
    """Return the prompt a model is best told `wish` with; `negative` is what the wish refuses ("no snow").

    For a world: its canonical English, keeping what it knows of the wish; a wish of which it knows nothing
    passes as it is, noted `outside-world`. For None, a model that draws anything and reads Chinese: the
    person's own words without request phrases and vague words; a short Chinese wish that the lexicon
    translates exactly becomes English. Idempotent in `text`. Notes: `optimized` and `optimizer:rules` where
    the text changed, and those of `sanitize`.
    """
    cleaned = sanitize(wish)
    if world is None:
        text, negative = _free(cleaned.text)
    else:
        scene = read(cleaned.text, lexicon(world))
        if scene.is_empty:
            return Rewritten(cleaned.text, (*cleaned.notes, "outside-world")) if cleaned.text else cleaned
        text, negative = render(scene, world), ", ".join(denied_names(scene, world))
    changed = ("optimized", "optimizer:rules") if text != cleaned.text else ()
    return Rewritten(text, (*cleaned.notes, *changed), negative)


def _free(text: str) -> tuple[str, str]:
    text, denied = clean(text)
    return _translated(text) or text, ", ".join(denied)


def _translated(text: str) -> str:
    """The English of a Chinese wish of which nothing is lost or guessed by it; else empty."""
    if quoted(text) or not is_chinese(text):
        return ""
    words = lexicon(None)
    items = list(words.items(text))
    named = [item.word for item in items if item.word.key]
    kinds = [word.kind for word in named]
    is_plain = len(set(kinds)) == len(kinds) and "subject" in kinds
    if (
        not is_plain
        or not all(item.kind in TRANSLATABLE for item in items)
        or not all(w.exact for w in named)
    ):
        return ""
    scene = read(text, words)
    is_whole = len(named) == sum(map(bool, (*_parts(scene),)))
    return render(scene, None) if is_whole else ""


def _parts(scene: Scene) -> tuple[object, ...]:
    thing = scene.things[0]
    time = scene.time if scene.time and scene.time.english else None
    return thing.subject, thing.colour, scene.place, time, scene.light
