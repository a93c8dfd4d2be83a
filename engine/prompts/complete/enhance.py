"""Light, place, time or framing for a prompt that leaves them open; what the person said stays as it is."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from engine.embedded.vocabulary import World
from engine.prompts.complete.kinds import KINDS, is_drawn, kind_of, mentions, says, sole_subject
from engine.prompts.data import phrases
from engine.prompts.small_world.lexicon import Lexicon, Word, lexicon
from engine.prompts.small_world.scene import Scene, read, render
from engine.prompts.text.clean import QUOTED, is_chinese
from engine.prompts.text.sanitize import LIMIT, Rewritten, sanitize


def enhance(
    prompt: str, world: World | None = None, negative: str = "", *, wording: int = 0, placed: bool = False
) -> Rewritten:
    """Return `prompt` with what it leaves open; nothing that it, or `negative`, speaks against.

    For a world: a place and a time that suit the subject, then a light that is true at that time (notes
    `enhanced:place`, `enhanced:time`, `enhanced:light`); a prompt in which nothing of the world is recognised
    outside quotes stays as it is, and one that is `placed` already gets no place.

    For None: framing, light and material or texture by kind of subject, in the prompt's language
    (`enhanced=` says which), where a prompt shows one thing alone and does not say them; any other stays as
    it is, since what is added could contradict it.

    Another `wording` chooses other additions as true. Idempotent in `text`.
    """
    cleaned = sanitize(prompt)
    if world is None:
        added = _free(cleaned.text, negative, wording)
    else:
        added = _within(cleaned.text, world, negative, wording, placed)
    if len(added.text) > LIMIT:
        return cleaned
    return Rewritten(added.text, (*cleaned.notes, *added.notes))


def _within(text: str, world: World, negative: str, wording: int, placed: bool) -> Rewritten:
    words = lexicon(world)
    scene = read(text, words)
    is_quote = read(QUOTED.sub(" ", text), words).is_empty
    if text and (is_quote or not (scene.things or scene.place or scene.time)):
        return Rewritten(text)
    unwanted = _keys(negative, words) | _denied(scene) | {("place", key) for key in world.places if placed}
    full, notes = _completed(scene, text, world, unwanted, wording)
    if text == render(scene, world):
        return Rewritten(render(full, world), notes)
    return Rewritten(_appended(text, scene, full, world), notes)


def _completed(
    scene: Scene, text: str, world: World, unwanted: frozenset[tuple[str, str]], wording: int
) -> tuple[Scene, tuple[str, ...]]:
    full, notes = scene, list[str]()
    is_clear = scene.weather is None or scene.weather.key == "clear"
    unwanted |= frozenset() if is_clear else {("place", key) for key in world.sealed}
    subject = scene.things[0].subject.key if scene.things else ""
    if not scene.place and (where := _choice("place", subject, text, world, unwanted, wording)):
        full, notes = replace(full, place=Word("place", where)), [*notes, "enhanced:place"]
    place = full.place.key if full.place else ""
    suits = place if place in world.suits["times"] else subject
    if not scene.time and (time := _choice("time", suits, text, world, unwanted, wording)):
        full, notes = replace(full, time=Word("time", time)), [*notes, "enhanced:time"]
    if full.time and is_clear and not scene.light and ("light", full.time.key) not in unwanted:
        lights = world.lights[full.time.key]
        light = Word("light", full.time.key, lights[wording % len(lights)])
        full, notes = replace(full, light=light), [*notes, "enhanced:light"]
    return full, tuple(notes)


def _choice(
    kind: str,
    what: str,
    text: str,
    world: World,
    unwanted: frozenset[tuple[str, str]],
    wording: int,
) -> str:
    """A key that suits a subject or place, by the prompt's hash; empty where all such are unwanted."""
    known: Mapping[str, object] = getattr(world, f"{kind}s")
    suits: Sequence[str] = world.suits[f"{kind}s"].get(what, tuple(known))
    free = [key for key in suits if key in known and (kind, key) not in unwanted]
    return free[(_dice(f"{kind}/{text}") + wording) % len(free)] if free else ""


def _appended(text: str, scene: Scene, full: Scene, world: World) -> str:
    """The person's own words with the new phrases after them."""
    new = Scene(
        place=None if scene.place else full.place,
        time=None if scene.time else full.time,
        light=None if scene.light else full.light,
    )
    phrase = render(new, world).removeprefix(", ")
    return _joined(text, [phrase] if phrase else [], ", ")


def _keys(text: str, words: Lexicon) -> frozenset[tuple[str, str]]:
    return frozenset((item.kind, item.word.key) for item in words.items(text) if item.word.key)


def _denied(scene: Scene) -> frozenset[tuple[str, str]]:
    return frozenset((word.kind, word.key) for group in scene.denied for word in group)


def _free(text: str, negative: str, wording: int) -> Rewritten:
    plain = QUOTED.sub(" ", text)
    subject = sole_subject(plain)
    if subject is None or kind_of(text) == "text":
        return Rewritten(text)
    choices = _choices(plain, KINDS[subject.kind], "_zh" if is_chinese(text) else "")
    open_names = [
        name
        for name, choice in choices.items()
        if choice and not mentions(plain, "precise", name) and not mentions(negative, "precise", name)
    ]
    turns = _turns([len(choices[name]) for name in open_names], wording)
    additions = [
        choices[name][(_dice(f"{name}/{text}") + turn) % len(choices[name])]
        for name, turn in zip(open_names, turns, strict=True)
    ]
    comma = "，" if is_chinese(text) else ", "
    notes = (f"enhanced={comma.join(additions)}",) if additions else ()
    return Rewritten(_joined(text, additions, comma), notes)


def _turns(sizes: Sequence[int], wording: int) -> list[int]:
    """How far each choice is turned: all of them by every wording, no two alike until every way was had."""
    turns, turn = list[int](), 0
    for size in sizes:
        wording, place = divmod(wording, size)
        turn += place
        turns.append(turn)
    return turns


def _choices(plain: str, kind: str, suffix: str) -> dict[str, Sequence[str]]:
    """What may be added: nothing that speaks against the prompt, no lenses onto what is drawn or painted."""
    table = phrases()["additions"]
    composition, light, detail = (table[f"{name}{suffix}"] for name in ("composition", "light", "detail"))
    drawn = is_drawn(plain)
    choices = {
        "composition": () if drawn else composition.get(kind, ()),
        "light": light[_time(plain)],
        "detail": detail["illustration"] if drawn else detail.get(kind, ()),
    }
    barred = [bars for wanted, bars in phrases()["clashes"].values() if says(plain, wanted)]
    return {
        name: [phrase for phrase in listed if not any(says(phrase, bars) for bars in barred)]
        for name, listed in choices.items()
    }


def _time(text: str) -> str:
    time = read(text, lexicon(None)).time
    return time.key if time else "any"


def _joined(text: str, additions: Iterable[str], comma: str) -> str:
    parts = [text.rstrip(" .,;。，；"), *additions]
    return comma.join(part for part in parts if part) if len(parts) > 1 else text


def _dice(text: str) -> int:
    return zlib.crc32(text.encode())
