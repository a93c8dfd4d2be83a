"""Which buttons stand under a message in each state, in rows of at most five.

Knows verbs, emojis and the words on the buttons; knows no sentence and no platform.
"""

from collections.abc import Sequence
from functools import lru_cache

from bot.locales.texts import REMEMBERED, Texts
from bot.replies.settings_panel import RESET
from bot.requests import edits
from bot.types import Action, Button, Edit, Job, Verb

Rows = tuple[tuple[Button, ...], ...]

EMOJIS: dict[str, str] = {
    "reroll": "🔄",
    "retry": "🔄",
    "vary": "✨",
    "upscale": "⬆️",
    "edit": "✏️",
    "zoom": "🔍",
    "info": "📋",
    "delete": "🗑️",
    "cancel": "⏹️",
    "use": "🎨",
    "original": "💬",
    "as-written": "💬",
    "another": "🔁",
    "reset": "↩️",
    "forget": "🗑️",
    "keep": "↩️",
}
ARROWS = {"left": "⬅️", "right": "➡️", "up": "⬆️", "down": "⬇️"}
CANCELS_IN_A_ROW = 3
ROWS = 5


class Keyboard:
    """The buttons, in the language of the job's user; only a model that `inpaints` draws beyond an edge."""

    def __init__(self, texts: Texts, inpaints: bool = False) -> None:
        self._texts = texts
        self._views = edits.VIEWS if inpaints else ()
        # A job is shown dozens of times before it ends, each time with the same button.
        self._open = lru_cache(maxsize=REMEMBERED)(self._make_open)

    def open(self, job: Job) -> Rows:
        """Return what can be done to a job that waits or runs."""
        return self._open(job.request.user.locale, job.id)

    def _make_open(self, locale: str, job: int) -> Rows:
        return ((self._button_of(locale, Action("cancel", job), "cancel"),),)

    def pictures(self, job: Job) -> Rows:
        """Return what can be done with finished pictures: one, or several as a grid."""
        if job.request.kind == "upscale" and job.request.image is not None:
            return (self._row(job, "upscale", "info", "delete"),)
        own: tuple[Button, ...] = ()
        if (
            job.used_prompt
            and not edits.mask(job.request.params.edit)
            and job.used_prompt != (job.request.original or job.request.params.prompt)
        ):
            own = (self._button(job, "original", "as-written"),)
        if len(job.pictures) == 1:
            row = self._row(job, "edit"), self._row(job, "info", "delete")
            views = [self._view(job, edit) for edit in self._views]
            rows = [[view for view in views if view.action.verb == verb] for verb in ("zoom", "pan")]
            first = self._row(job, "reroll", "vary", "upscale"), (*row[0], *own, *row[1])
            return (*first, *(tuple(views) for views in rows if views))
        return (
            tuple(self._pick(job, "upscale", "U", picture.index) for picture in job.pictures),
            tuple(self._pick(job, "vary", "V", picture.index) for picture in job.pictures),
            (*self._row(job, "reroll", "edit"), *own, *self._row(job, "info", "delete")),
        )

    def prompt(self, job: Job, changed: bool, more: bool) -> Rows:
        """Return what can be done with an optimized prompt: `changed`, and with `more` wordings to come."""
        original: tuple[Verb, ...] = ("original",) if changed else ()
        another: tuple[Verb, ...] = ("another",) if more else ()
        return (self._row(job, "use", "edit", *original, *another),)

    def failed(self, job: Job, again: bool) -> Rows:
        """Return the ways on from a failure; without `again` only another prompt or image can help."""
        row: tuple[Button, ...] = (self._button(job, "reroll", "retry"),) if again else ()
        if job.request.kind != "upscale":
            row += self._row(job, "edit")
        return (row,) if row else ()

    def cancels(self, locale: str, jobs: Sequence[Job]) -> Rows:
        """Return a cancel button for each job, as many as there is room for."""
        say = self._texts.say
        buttons = tuple(
            Button(
                Action("cancel", job.id),
                EMOJIS["cancel"],
                say(locale, "button-cancel-job", job=str(job.id)),
                say(locale, "button-cancel-job.hint"),
            )
            for job in jobs[: ROWS * CANCELS_IN_A_ROW]
        )
        return tuple(
            buttons[start : start + CANCELS_IN_A_ROW] for start in range(0, len(buttons), CANCELS_IN_A_ROW)
        )

    def reset(self, locale: str) -> Rows:
        """Return what takes a settings panel back to the operator's defaults."""
        return ((self._button_of(locale, Action("set", 0, 0, RESET), "reset"),),)

    def forget(self, locale: str) -> Rows:
        """Return the two answers to whether everything shall be forgotten."""
        forget, keep = Action("forget", 0, 0, "yes"), Action("forget", 0, 0, "no")
        return ((self._button_of(locale, forget, "forget"), self._button_of(locale, keep, "keep")),)

    def _row(self, job: Job, *verbs: Verb) -> tuple[Button, ...]:
        return tuple(self._button(job, verb, verb) for verb in verbs)

    def _button(self, job: Job, verb: Verb, name: str) -> Button:
        index = job.pictures[0].index if len(job.pictures) == 1 else 0
        return self._button_of(job.request.user.locale, Action(verb, job.id, index), name)

    def _button_of(self, locale: str, action: Action, name: str) -> Button:
        say = self._texts.say
        return Button(action, EMOJIS[name], say(locale, f"button-{name}"), say(locale, f"button-{name}.hint"))

    def _view(self, job: Job, edit: Edit) -> Button:
        """Return the button for a view of a job's one picture; an arrow says enough."""
        say, locale, (verb, value) = self._texts.say, job.request.user.locale, edit.split()
        action = Action("zoom" if verb == "zoom" else "pan", job.id, job.pictures[0].index, value)
        if verb == "zoom":
            hint = say(locale, "button-zoom.hint", factor=value)
            return Button(action, EMOJIS[verb], say(locale, "button-zoom", factor=value), hint)
        return Button(action, ARROWS[value], hint=say(locale, f"button-pan.{value}"))

    def _pick(self, job: Job, verb: Verb, letter: str, index: int) -> Button:
        say, locale, number = self._texts.say, job.request.user.locale, str(index + 1)
        label = say(locale, "button-pick", letter=letter, number=number)
        return Button(
            Action(verb, job.id, index), "", label, say(locale, f"button-pick.{verb}", number=number)
        )
