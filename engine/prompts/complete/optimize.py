"""From a rough wish to a precise prompt, by rules.

Knows the two kinds of model: one with a small world, told canonically in its own words, and one that draws
anything, whose prompt stays the person's. Adds nothing that was not said.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from engine.prompts.data import simplified
from engine.prompts.small_world.lexicon import Word, World, lexicon
from engine.prompts.small_world.nearest import nearest
from engine.prompts.small_world.scene import MOST_THINGS, Thing, denied_names, read, render
from engine.prompts.text.clean import clean, is_chinese, masked, plain, unmasked, without_orders
from engine.prompts.text.contradictions import latest
from engine.prompts.text.refusals import without_refusals
from engine.prompts.text.sanitize import LIMIT, Rewritten, sanitize
from engine.prompts.translate.chinese import HAN, in_english, translate

PASSES = 4
PUNCTUATION = re.compile(r"[，。；、] *")
CHINESE_GRAMMAR = re.compile(r"[的在着了里上下把被]")


def optimize(
    wish: str, world: World | None = None, *, wording: int = 0, keep_language: bool = False
) -> Rewritten:
    """Return the prompt a model is best told `wish` with; `negative` is what the wish refuses ("no snow").

    For a world: its canonical English, keeping what it knows of the wish; the nearest subject is drawn for
    one that it does not know (`world:nearest`), one of each whatever the count (`world:count`), and a wish of
    which it knows nothing passes as it is (`outside-world`).

    For None, a model that draws anything: the person's own words without request phrases, vague words and
    orders to the program, in English unless `keep_language` and they are mainly Chinese; what stands in
    quotation marks stays as it is. Another `wording` says the same in another order.

    Idempotent in `text`. Notes: `optimized` and `optimizer:rules` where the text changed, and those of
    `sanitize`.
    """
    cleaned = sanitize(wish)
    if world is not None:
        return _within(cleaned, world)
    text, negative = _free(cleaned.text, wording, keep_language)
    return Rewritten(text, (*cleaned.notes, *_changed(text, cleaned.text)), negative)


def _within(cleaned: Rewritten, world: World) -> Rewritten:
    """A wish in the words of a world; the nearest subject stands for one that it does not know."""
    words = lexicon(world)
    scene, notes = read(cleaned.text, words), list(cleaned.notes)
    english = "" if scene.things else without_refusals(_free(cleaned.text, 0, False)[0])[0]
    if key := nearest(english, world):
        notes.append("world:nearest")
        said = (item.word for item in words.items(masked(cleaned.text)[0]) if item.kind == "colour")
        scene = replace(scene, things=(Thing(Word("subject", key), next(said, None)),), colour=None)
    if scene.is_empty:
        return Rewritten(cleaned.text, (*notes, "outside-world")) if cleaned.text else cleaned
    is_counted = any(item.kind == "count" for item in words.items(cleaned.text))
    if (scene.things and is_counted) or len(scene.things) > MOST_THINGS:
        scene = replace(scene, things=scene.things[:MOST_THINGS])
        notes.append("world:count")
    text = render(scene, world)
    return Rewritten(text, (*notes, *_changed(text, cleaned.text)), ", ".join(denied_names(scene, world)))


def _changed(text: str, before: str) -> tuple[str, ...]:
    return ("optimized", "optimizer:rules") if text != before else ()


def _free(text: str, wording: int, keep_language: bool) -> tuple[str, str]:
    """Rewritten until nothing changes, so that it is idempotent, and what was refused."""
    refused: list[str] = []
    for _ in range(PASSES):
        rewritten, denied = _once(text, wording, keep_language)
        refused += denied
        if rewritten == text:
            break
        text = rewritten
    return text, ", ".join(dict.fromkeys(refused))


def _once(text: str, wording: int, keep_language: bool) -> tuple[str, Sequence[str]]:
    text = latest(without_orders(plain(text)))
    if (keep_language and is_chinese(text)) or not HAN.search(masked(text)[0]):
        return clean(text)
    rest, spans = masked(text)
    is_sentence = is_chinese(text) or CHINESE_GRAMMAR.search(simplified(rest))
    said = translate(rest, wording) if is_sentence else in_english(PUNCTUATION.sub(_plain_mark, rest))
    english = sanitize(unmasked(said.text, spans), LIMIT).text
    return (english, said.denied) if english else (text, ())


def _plain_mark(mark: re.Match[str]) -> str:
    return {"。": ". ", "；": "; "}.get(mark[0][0], ", ")
