"""Parts of sentences: cut prompts, small print, times and places in words.

Pure functions of a job and the texts; knows no buttons.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from bot.locales.texts import Texts, language
from bot.requests import flags
from bot.requests.tasks import most_steps
from bot.types import Job
from engine.cjk import HAN, KANA
from engine.types import ModelProfile, PromptReady

SHOWN_PROMPT = 400
SHOWN_PROMPT_IN_FULL = 1500
SHOWN_PROMPT_IN_LIST = 60
SUGGESTED = 3

MISSED = ("outside-world", "unread", "nearest", "near", "left-out", "world:count")
"""Codes of the notes on what was not drawn as asked, which are said first."""
_WORD = re.compile(rf"[a-z]{{3,}}|[{HAN}]|[{KANA}]")
_NOTED_METHODS = ("sr", "lanczos", "redraw")


def cut(text: str, limit: int = SHOWN_PROMPT) -> str:
    """Return the text, shortened to `limit` characters with "…" where it is longer."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def original(job: Job) -> str:
    """Return the user's own prompt."""
    return job.request.original or job.request.params.prompt


def used(job: Job) -> str:
    """Return the words the model is given, as far as they are known."""
    return job.used_prompt or job.request.params.prompt


def ready(job: Job) -> PromptReady:
    """Return what became of a job's words."""
    return PromptReady(original(job), used(job), job.negative_used, job.notes)


def title(texts: Texts, locale: str, job: Job) -> str:
    """Return the job's words in one short line."""
    words = " ".join(original(job).split())
    if not words:
        return texts.say(locale, "words-upscale" if job.request.kind == "upscale" else "words-gone")
    return cut(words, SHOWN_PROMPT_IN_LIST)


def small_print(texts: Texts, job: Job) -> str:
    """Return what was done to the words and what had no effect, one sentence a line.

    Of an optimized prompt it says what shall not be in the picture, too.
    """
    say, locale = texts.say, job.request.user.locale
    lines = []
    if original(job) and original(job) != used(job):
        lines.append(say(locale, "note-original", words=cut(original(job))))
    if job.request.kind == "optimize" and job.negative_used:
        lines.append(say(locale, "info-negative", words=cut(job.negative_used)))
    sentences = _sentences(texts, locale, [note for note in job.notes if _code(note) not in MISSED])
    sentences += filter(None, [edit_note(texts, job)])
    methods = {
        str(picture.report.get("method")): str(picture.report.get("model")) for picture in job.pictures
    }
    sentences += [
        say(locale, f"note-{method}", network=methods[method])
        for method in _NOTED_METHODS
        if method in methods
    ]
    if sentences:
        lines.append(say(locale, "language-gap").join(sentences))
    if job.request.params.pasted:
        lines.append(say(locale, "note-pasted", flags=cut(settings(job))))
    if job.request.params.ignored:
        lines.append(say(locale, "note-ignored", flags=cut(" ".join(job.request.params.ignored))))
    return "\n".join(lines)


def explained(texts: Texts, profile: ModelProfile, ready: PromptReady, locale: str) -> str:
    """Return what became of the words, for whoever sees nothing but the prompt: one fact a line."""
    refused = (
        texts.say(locale, "info-negative", words=cut(ready.negative_used)) if ready.negative_used else ""
    )
    done = _sentences(texts, locale, [note for note in ready.notes if _code(note) not in MISSED])
    return "\n".join(filter(None, (missed(texts, profile, ready, locale), refused, *done)))


def edit_note(texts: Texts, job: Job) -> str:
    """Return what became of the picture that a job began with, in a sentence; "" where there was none."""
    request, locale = job.request, job.request.user.locale
    verb, _, value = request.params.edit.partition(" ")
    if verb:
        return texts.say(locale, f"note-{verb}", value=value)
    is_over = request.kind == "imagine" and request.image is not None
    return texts.say(locale, "info-strength", strength=str(request.params.strength)) if is_over else ""


def missed(texts: Texts, profile: ModelProfile, ready: PromptReady, locale: str) -> str:
    """Return what of the words could not be drawn and what was drawn in its place, in one line."""
    notes = [note for note in ready.notes if _code(note) in MISSED]
    if not notes:
        return ""
    sentences = _sentences(texts, locale, notes, near(profile, ready, locale))
    return texts.say(locale, "language-gap").join(sentences)


def near(profile: ModelProfile, ready: PromptReady, locale: str) -> tuple[str, ...]:
    """Return prompts the model does well, for words of which it missed something: the nearest ones.

    Where it drew something near, they are the user's own with what else is near in its place.
    """
    notes = {_code(note): note.partition("=")[2] for note in ready.notes if _code(note) in MISSED}
    if not notes:
        return ()
    name = re.escape(notes.get("nearest", "").partition(" → ")[0])
    if "near" in notes and re.search(name, ready.original, re.I):
        begun = re.sub(rf"\b(a)n (?={name})", r"\1 ", ready.original, count=1, flags=re.I)
        others = re.split("、|, ", notes["near"])
        return tuple(re.sub(name, other, begun, count=1, flags=re.I) for other in others)
    _, suggestions = introduced(profile, locale)
    words = set(_WORD.findall(f"{ready.original} {ready.used}".casefold()))
    common = {each: len(words & set(_WORD.findall(each.casefold()))) for each in suggestions}
    return tuple(sorted(suggestions, key=lambda each: -common[each])[:SUGGESTED])


def settings(job: Job) -> str:
    """Return what a job's picture is drawn with, as flags."""
    params = replace(job.request.params, prompt="", ignored=())
    return flags.render(params).strip()


def introduced(profile: ModelProfile, locale: str) -> tuple[str, tuple[str, ...]]:
    """Return what a model can draw, in a sentence or empty, and prompts it does well."""
    name = language(locale)
    return profile.worlds.get(name, profile.world), profile.suggestions_in.get(name, profile.suggestions)


def seconds(value: float) -> str:
    """Return a duration with one decimal, and none from ten seconds on."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def took(job: Job) -> float:
    """Return the seconds a job's pictures took; of several, from the start to the end of the job."""
    if len(job.pictures) > 1 and job.started is not None and job.finished is not None:
        return max(0.0, job.finished - job.started)  # the clock may have been set back meanwhile
    return sum(picture.seconds for picture in job.pictures)


def steps(job: Job) -> int:
    """Return the steps a job's pictures were scheduled for, the most it may take before the first one."""
    scheduled = [int(picture.report.get("scheduled_steps", 0)) for picture in job.pictures]
    return max(scheduled, default=0) or most_steps(job.request.params)


def guidance(job: Job) -> float:
    """Return the scale that a job's pictures were guided with, the one asked for before the first one."""
    scales = (picture.report.get("guidance_scale") for picture in job.pictures)
    return next((float(scale) for scale in scales if scale), job.request.params.guidance_scale)


def seeds(job: Job) -> str:
    """Return the seeds of a job's pictures: one where they share it, else the first and the last."""
    first, last = job.pictures[0].seed, job.pictures[-1].seed
    return str(first) if first == last else f"{first}–{last}"


def when(texts: Texts, locale: str, seconds: float | None) -> str:
    """Return "in 40 seconds", rounded up so that it is never too early."""
    if seconds is None:
        return texts.say(locale, "when-later")
    if seconds <= 90:
        return texts.say(locale, "when-seconds", n=max(1, math.ceil(seconds)))
    if seconds <= 90 * 60:
        return texts.say(locale, "when-minutes", n=math.ceil(seconds / 60))
    if seconds <= 48 * 3600:
        return texts.say(locale, "when-hours", n=math.ceil(seconds / 3600))
    return texts.say(locale, "when-days", n=math.ceil(seconds / 86_400))


def about(texts: Texts, locale: str, seconds: float) -> str:
    """Return "about 2 minutes", rounded to what a guess deserves: five seconds, minutes, hours."""
    if seconds < 58:
        return texts.say(locale, "about-seconds", n=max(5, 5 * round(seconds / 5)))
    if seconds < 58 * 60:
        return texts.say(locale, "about-minutes", n=max(1, round(seconds / 60)))
    return texts.say(locale, "about-hours", n=max(1, round(seconds / 3600)))


def _code(note: str) -> str:
    return note.partition("=")[0]


def _sentences(texts: Texts, locale: str, notes: Sequence[str], suggestions: Sequence[str] = ()) -> list[str]:
    """Return the sentences for those of the notes that have one."""
    named = {"suggestions": " / ".join(suggestions)}
    found = []
    for code, _, words in (note.partition("=") for note in notes):
        key = f"note-{code.replace(':', '-')}"
        if texts.has(key):
            found.append(texts.say(locale, key, words=cut(words), **named))
    return found
