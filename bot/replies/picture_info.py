"""The generation parameters in an image file in words, whether this bot or another program wrote them.

Knows encoded pictures and texts; knows no job.
"""

from bot.locales.texts import Texts
from bot.replies.format import SHOWN_PROMPT_IN_FULL, cut
from bot.types import Refused, Reply
from engine.pictures.metadata import read


def describe(texts: Texts, locale: str, image: bytes) -> Reply:
    """Return the parameters in an encoded picture; raises `Refused` (`no-parameters`)."""
    found = read(image)
    if found is None:
        raise Refused("no-parameters")
    if found.is_unreadable:
        return Reply(texts.say(locale, "info-unreadable"), private=True)
    lines = [texts.say(locale, "info-program", name=found.program)] if found.program else []
    if found.steps or not found.program:
        picture = {"width": found.width, "height": found.height, "steps": found.steps}
        guidance, seed = str(found.guidance_scale), str(found.seed)
        lines.append(texts.say(locale, "info-picture", **picture, guidance=guidance, seed=seed))
    elif found.seed:
        lines.append(texts.say(locale, "info-seed", seed=str(found.seed)))
    if found.negative_prompt:
        lines.append(texts.say(locale, "info-negative", words=cut(found.negative_prompt)))
    if found.loras:
        loras = " ".join(f"{name}:{weight:g}" for name, weight in found.loras)
        lines.append(texts.say(locale, "info-loras", loras=cut(loras)))
    if found.model:
        lines.append(texts.say(locale, "info-model", name=cut(found.model)))
    if found.program and not found.prompt:
        lines.append(texts.say(locale, "info-no-prompt"))
    original = found.original if found.original != found.prompt else ""
    note = texts.say(locale, "note-original", words=cut(original)) if original else ""
    return Reply("\n".join(lines), cut(found.prompt, SHOWN_PROMPT_IN_FULL), note, private=True)
