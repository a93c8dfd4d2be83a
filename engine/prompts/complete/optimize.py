"""From a rough prompt to a precise one, by rules, with nothing added that was not in it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.cjk import KANA
from engine.embedded.vocabulary import World
from engine.prompts.data import HAN, simplified
from engine.prompts.small_world.lexicon import lexicon
from engine.prompts.small_world.limits import apart, countable, possible, with_nearest
from engine.prompts.small_world.nearest import PLACES, name_of, nearest, unknown_things
from engine.prompts.small_world.scene import denied_names, read, render, without_scenery
from engine.prompts.text.clean import clean, is_chinese, masked, plain, unmasked, without_orders
from engine.prompts.text.contradictions import latest
from engine.prompts.text.refusals import without_refusals
from engine.prompts.text.sanitize import LIMIT, Rewritten, sanitize
from engine.prompts.translate.chinese import in_english, translate
from engine.types import PromptLanguage

PASSES = 4
MOST_NAMED = 5
"""Words that a note names at most."""
PUNCTUATION = re.compile(r"[，。；、] *")
JAPANESE = re.compile(f"(?![の・])[{KANA}]")
"""What no Chinese text has: の alone is an ornament there."""
CHINESE_GRAMMAR = re.compile(r"[的在着了里上下把被]")


@dataclass(frozen=True, slots=True)
class Target:
    """What a model that draws anything reads, and in which language it is to be given Chinese prompts.

    `auto`: English where a prompt is understood whole or the model reads no Chinese, else Chinese; `own`: as
    it is written. A text encoder that `reads_chinese` is a language model, for which "no people" may stay in
    the prompt. `translator` turns a Chinese text that is not understood into English.
    """

    language: PromptLanguage = "english"
    reads_chinese: bool = False
    translator: Callable[[str], str] | None = None

    @property
    def keeps_chinese(self) -> bool:
        """Whether a Chinese prompt that is not understood stays Chinese."""
        return self.language == "own" or (self.language == "auto" and self.reads_chinese)


ENGLISH = Target()


def optimize(
    prompt: str, world: World | None = None, target: Target = ENGLISH, locale: str = ""
) -> Rewritten:
    """Return the prompt that a model does best with for `prompt`; `negative` is what it refuses ("no snow").

    For a world: its canonical English, keeping what it knows of the prompt (`left-out=` names the rest), read
    in the language of `locale` first, a BCP 47 tag. The nearest subject is drawn for one that it does not
    know (`nearest=`, the next ones in `near=`), one of each whatever the count (`world:count`), and a prompt
    of which it knows nothing passes as it is (`outside-world`). `world:place` says that the place of the
    prompt is not known.

    For None, a model that draws anything: the person's own words without request phrases, vague words and
    orders to the program, in the language of `target`; what stands in quotation marks stays as it is. What is
    not understood of Chinese stays as it is (`kept=`, with the words) or, for a model that reads no Chinese
    and without a translator, is left out (`left-out=`); where nothing is understood, all stays (`unread=`).

    Idempotent in `text`. Notes: `optimized` and `optimizer:rules` where the text changed, and those of
    `sanitize`.
    """
    cleaned = sanitize(prompt)
    if world is not None:
        return _within(cleaned, world, locale)
    text, negative, notes = _free(cleaned.text, target)
    return Rewritten(text, (*cleaned.notes, *_changed(text, cleaned.text), *notes), negative)


def _within(cleaned: Rewritten, world: World, locale: str) -> Rewritten:
    """A prompt in the words of a world; the nearest subject stands for one that it does not know."""
    words = lexicon(world, locale)
    scene, notes = read(cleaned.text, words), list(cleaned.notes)
    wanted = masked(clean(without_refusals(cleaned.text)[0])[0])[0]
    items = without_scenery(list(words.items(wanted)), words)
    unknown = list(unknown_things(items))
    name, near = nearest(unknown, world, [thing.subject.key for thing in scene.things])
    if near:
        language = "ja" if JAPANESE.search(cleaned.text) or locale[:2] == "ja" else ""
        language = language or ("zh" if is_chinese(cleaned.text) else "")
        drawn, *others = (name_of(key, world, language) for key in near)
        notes += [f"nearest={name} → {drawn}", *([named("near", others)] if others else [])]
        scene = with_nearest(scene, items, name, near[0])
    left_out = [each for each, _ in unknown if each != name]
    scene, impossible = possible(scene, world)
    left_out += [item.text for item in items if item.word in impossible]
    if left_out and not scene.is_empty:
        notes.append(named("left-out", left_out))
    if not scene.place and any(entry and entry.kind in PLACES for each, entry in unknown if each != name):
        notes.append("world:place")
    if scene.is_empty:
        return Rewritten(cleaned.text, (*notes, "outside-world")) if cleaned.text else cleaned
    numbers = [item.word.key for item in words.items(cleaned.text) if item.kind == "count"]
    scene, is_drawn = countable(scene, numbers)
    notes += [] if is_drawn else ["world:count"]
    # Put together, words may mean something else: "in front of a castle" is a place.
    text = render(read(render(apart(scene), world), words), world)
    return Rewritten(text, (*notes, *_changed(text, cleaned.text)), ", ".join(denied_names(scene, world)))


def _changed(text: str, before: str) -> tuple[str, ...]:
    return ("optimized", "optimizer:rules") if text != before else ()


def _free(text: str, target: Target) -> tuple[str, str, tuple[str, ...]]:
    """Rewritten until nothing changes, so that it is idempotent, with what was refused and notes."""
    refused, notes = list[str](), list[str]()
    for _ in range(PASSES):
        rewritten, denied, unknown = _once(text, target)
        refused += () if refused and target.reads_chinese else denied
        if unknown:
            untranslated = "kept" if target.reads_chinese else "unread"
            code = untranslated if HAN.search(masked(rewritten)[0]) else "left-out"
            notes.append(named(code, unknown))
        if rewritten == text:
            break
        text = rewritten
    return text, ", ".join(dict.fromkeys(refused)), tuple(dict.fromkeys(notes))


def _once(text: str, target: Target) -> tuple[str, Sequence[str], Sequence[str]]:
    """A text rewritten, what it refuses, and the words of it that were not understood."""
    text = latest(without_orders(plain(text)))
    rest, spans = masked(text)
    cleaned = (*clean(text, keep_refusals=target.reads_chinese), ())
    is_mixed = target.reads_chinese and re.search("[A-Za-z]{2}", rest)
    is_chinese_text = HAN.search(rest) and not JAPANESE.search(rest)
    if not is_chinese_text or (
        target.keeps_chinese and (is_mixed or (target.language == "own" and is_chinese(text)))
    ):
        return cleaned
    if is_chinese(text) or CHINESE_GRAMMAR.search(simplified(rest)):
        done = translate(rest, target.reads_chinese)
    else:
        done = in_english(PUNCTUATION.sub(_plain_mark, rest))
    if done.left_out and target.keeps_chinese:
        return (*cleaned[:2], done.left_out)
    if done.left_out and target.translator and (translated := target.translator(cleaned[0])):
        return translated, cleaned[1], ()
    english = sanitize(unmasked(done.text, spans), LIMIT).text
    return (english, done.denied, done.left_out) if english else (*cleaned[:2], done.left_out)


def named(code: str, words: Sequence[str]) -> str:
    """A note that names words, such as `left-out=窗台、太阳`."""
    first = list(dict.fromkeys(words))[:MOST_NAMED]
    return f"{code}={('、' if HAN.search(first[0]) else ', ').join(first)}"


def _plain_mark(mark: re.Match[str]) -> str:
    return {"。": ". ", "；": "; "}.get(mark[0][0], ", ")
