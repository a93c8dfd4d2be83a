"""An optimized prompt made complete: its refusals, its additions, its negative prompt."""

from collections.abc import Sequence

from engine.embedded.vocabulary import World
from engine.prompts.complete.enhance import enhance
from engine.prompts.complete.negatives import folded, merged, negatives, understood
from engine.prompts.small_world.rewording import reworded
from engine.prompts.text.clean import is_chinese
from engine.prompts.text.sanitize import Rewritten, sanitize


def refusing(ready: Rewritten, negative: str, world: World | None, locale: str = "") -> Rewritten:
    """An optimized prompt with a typed negative prompt before its own refusals, as the model knows it.

    What a world does not know is left out (`negative:unknown`).
    """
    refused = sanitize(negative)
    own, is_unknown = understood(refused.text, world, is_chinese(ready.text), locale)
    notes = (*_of_negative(refused), *(("negative:unknown",) if is_unknown else ()))
    return Rewritten(ready.text, (*ready.notes, *notes), merged(own, ready.negative))


def in_other_words(ready: Rewritten, world: World | None, wording: int) -> Rewritten:
    """A prompt for a world, additions and all, in that wording of its canonical one."""
    text = ready.text if world is None else reworded(ready.text, world, wording)
    if text == ready.text:
        return ready
    notes = dict.fromkeys(("optimized", "optimizer:rules", *ready.notes))
    return Rewritten(text, tuple(notes), ready.negative)


def completed(
    ready: Rewritten,
    prompt: str,
    world: World | None,
    *,
    negative: str,
    enhanced: bool,
    guided: bool = True,
    wording: int = 0,
    usual: Sequence[str] = (),
) -> Rewritten:
    """Enhance an optimized prompt and list what it had better not show, `usual` being the model's own terms.

    Without guidance a negative prompt has no effect: what can be said positively is (`negative:folded`), the
    rest is dropped (`negative:unguided`), and no general terms are listed.
    """
    refused = sanitize(negative)
    own, text = merged(refused.text, ready.negative), ready.text
    notes = (*ready.notes, *_of_negative(refused))
    if enhanced:
        if world is not None or not any(note.startswith("left-out=") for note in notes):
            better = enhance(text, world, own, wording=wording, placed="world:place" in notes)
            text, notes = better.text, (*notes, *better.notes)
        own = negatives(text, world, own, usual) if guided else own
    if not guided and own:
        text, unguided = _without_guidance(text, own, world)
        own, notes = "", (*notes, *unguided)
    return Rewritten(text or sanitize(prompt).text, tuple(dict.fromkeys(notes)), own)


def _of_negative(sanitized: Rewritten) -> tuple[str, ...]:
    return tuple(f"negative:{note}" for note in sanitized.notes)


def _without_guidance(text: str, own: str, world: World | None) -> tuple[str, tuple[str, ...]]:
    chinese = is_chinese(text)
    positive, dropped = ((), (own,)) if world is not None else folded(own, chinese)
    new = [phrase for phrase in positive if phrase not in text]
    notes = (("negative:folded",) if positive else ()) + (("negative:unguided",) if dropped else ())
    return ("，" if chinese else ", ").join([text, *new]) if new else text, notes
