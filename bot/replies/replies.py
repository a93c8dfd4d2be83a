"""Job to reply: every sentence and every button a user sees, in their language.

Knows all states of a job and what is worth saying in each; knows no platform, so `text`, `prompt` and `note`
are plain text, and whoever shows them escapes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.locales.texts import Texts
from bot.policy.limits import Rule, Usage
from bot.replies import format, lists, settings_panel
from bot.replies.keyboard import Keyboard
from bot.replies.refusals import EXPLAINED
from bot.requests import flags
from bot.requests.tasks import edited, has_picture, picture_variation
from bot.storage.accounts import Ban
from bot.storage.stats import Stats
from bot.types import Image, Job, Params, Refused, Reply, User
from engine.lru import LruDict
from engine.types import ModelProfile, Worker

# Codes of what a user's words or pictures cannot become: trying again would fail again.
_FINAL_ERRORS = ("bad_input", "refused")
_EXPLAINED_ERRORS = ("bad_input", "model_missing", "numerics")
REPEATED = "repeated"
"""The note on an optimized prompt that was asked for in another wording and came out the same."""


class Replies:
    """The replies of one bot."""

    def __init__(self, profile: ModelProfile) -> None:
        self.profile = profile
        self.texts = Texts()
        self._known: LruDict[int, tuple[Job, tuple[str, str, str]]] = LruDict()
        self._keys = Keyboard(self.texts, profile.inpaints)

    def waiting(
        self,
        job: Job,
        position: int,
        eta: float | None = None,
        paused: bool = False,
        deserted: bool = False,
    ) -> Reply:
        """Show a job in line; `position` 1 is next, `eta` the Unix time when it should be done.

        `paused` says that the operator has stopped the queue, `deserted` that no machine is there to draw.
        """
        text = self._say(job, "waiting", ahead=max(0, position - 1))
        note = self._small_print(job) if job.request.params.pasted else ""
        reason = "paused" if paused else "deserted" if deserted else ""
        note = "\n".join(filter(None, (reason and self._say(job, reason), note)))
        return Reply(
            text,
            format.cut(format.original(job)),
            note,
            actions=self._keys.open(job),
            eta=eta,
            job=job.id,
            final=False,
        )

    def drawing(self, job: Job, step: int, steps: int, preview: Image | None) -> Reply:
        """Show a running job: `step` of `steps` over all its pictures, the used prompt once it is known."""
        missed, prompt, note = self._lasting(job)
        return Reply(
            missed + self._working(job, step, steps),
            prompt,
            note,
            self._described(job, [preview] if preview else []),
            self._keys.open(job),
            progress=(step, steps),
            spoiler=job.request.params.spoiler,
            job=job.id,
            final=False,
        )

    def finished(self, job: Job, images: Sequence[Image]) -> Reply:
        """Show what was made: one picture, several as the one grid in `images`, or an optimized prompt."""
        if job.request.kind == "optimize":
            return self._optimized(job)
        return Reply(
            self._missed_first(job, self._made(job)),
            format.cut(format.used(job)),
            self._small_print(job),
            self._described(job, images),
            self._keys.pictures(job),
            spoiler=job.request.params.spoiler,
            suggestions=self._near(job),
            job=job.id,
        )

    def failed(self, job: Job) -> Reply:
        """Say why a job failed, that it cost nothing, and what can be done."""
        reason = self._say(job, self._error_key(job))
        note = job.error_detail if job.error in _EXPLAINED_ERRORS else ""
        return Reply(
            self._say(job, "error-free", reason=reason),
            format.cut(format.original(job)),
            format.cut(note),
            actions=self._keys.failed(job, job.error not in _FINAL_ERRORS),
            job=job.id,
        )

    def cancelled(self, job: Job) -> Reply:
        """Say that a job was cancelled, why where the user did not ask for it, and what it cost."""
        text = self._say(job, "cancelled-waiting" if job.started is None else "cancelled-running")
        if job.error == "left":
            text = self._say(job, "cancelled-left") + self._say(job, "language-gap") + text
        return Reply(
            text,
            format.cut(format.original(job)),
            actions=self._keys.failed(job, again=True),
            job=job.id,
        )

    def plain(self, job: Job, images: Sequence[Image]) -> Reply:
        """Show a job of which something cannot be worded."""
        return Reply(self._say(job, "plain", job=str(job.id)), images=tuple(images), job=job.id)

    def deleted(self, job: Job) -> Reply:
        """Say that a job's pictures are deleted."""
        return Reply(self._say(job, "deleted"), job=job.id)

    def gone(self, job: Job) -> Reply:
        """Say that nobody deleted a job's pictures, but their files are gone or broken."""
        return Reply(self._say(job, "refused-picture-gone"), job=job.id)

    def info(self, job: Job, index: int) -> Reply:
        """Show all parameters of picture `index`, to its user only."""
        lines = [self._say(job, "info-job", job=str(job.id))]
        if job.request.kind != "optimize":
            values = {"picture": index + 1, "count": self._count(job)}
            lines = [self._say(job, "info-title", job=str(job.id), **values), *self._parameters(job, index)]
        return Reply(
            self._missed_first(job, "\n".join(lines)),
            format.cut(format.used(job), format.SHOWN_PROMPT_IN_FULL),
            self._small_print(job),
            private=True,
        )

    def edit(self, job: Job, defaults: Params) -> Reply:
        """Offer the job's command to be changed: the user's words, or the optimized ones.

        A model that edits takes an instruction for the picture instead, where there is one.

        `defaults` are those of whoever will send it: what they say already need not be written out.
        """
        if self.profile.edits and has_picture(job):
            return Reply(self._say(job, "edit-words"), private=True, prefill=f"/edit {job.id} ")
        command = f"/imagine {flags.render(edited(job), defaults)}"
        return Reply(self._say(job, "edit"), private=True, prefill=command)

    def refused(self, refused: Refused, locale: str) -> Reply:
        """Say why a request cannot be met, what is allowed, and when to try again."""
        key, never = f"refused-{refused.code}", f"refused-{refused.code}-never"
        if refused.retry_after is None and self.texts.has(never):
            key = never
        when = format.when(self.texts, locale, refused.retry_after)
        reason = str(refused.values.get("reason", ""))
        note = self.texts.say(locale, "ban-reason", reason=reason) if reason else ""
        return Reply(self.texts.say(locale, key, **refused.values, when=when), note=note, private=True)

    def help(self, locale: str, admin: bool = False) -> Reply:
        """Show what one can say; an administrator's commands to administrators only."""
        return Reply(lists.help_text(self.texts, self.profile, locale, admin), private=True)

    def settings(self, locale: str, operator_defaults: Params, user_params: Params, max_count: int) -> Reply:
        """Show a user's own defaults over the operator's, each with its options."""
        return Reply(
            self.texts.say(locale, "settings"),
            actions=self._keys.reset(locale) if user_params != operator_defaults else (),
            choices=settings_panel.choices(self.texts, locale, operator_defaults, user_params, max_count),
            private=True,
        )

    def forget(self, locale: str) -> Reply:
        """Ask whether everything about the user shall be deleted."""
        text = self.texts.say(locale, "forget")
        return Reply(text, actions=self._keys.forget(locale), private=True)

    def forgotten(self, locale: str, done: bool) -> Reply:
        """Say that everything is deleted, or that nothing is."""
        return Reply(self.texts.say(locale, "forget-done" if done else "forget-kept"), private=True)

    def link(self, locale: str, code: str) -> Reply:
        """Show a one-time code, and the command to enter it with."""
        command = f"/link {code}"
        return Reply(self.texts.say(locale, "link-code"), command, private=True)

    def linked(self, locale: str, other: User) -> Reply:
        """Say whom the user is one with from now on."""
        known = {"name": other.name, "platform": other.platform.capitalize()}
        return Reply(self.texts.say(locale, "link-done", **known), private=True)

    def unlinked(self, locale: str) -> Reply:
        """Say that the accounts are separate again."""
        return Reply(self.texts.say(locale, "link-off"), private=True)

    def operated(self, locale: str, key: str, waiting: int) -> Reply:
        """Say what an operator did to the line and how many jobs wait in it."""
        total = self.texts.say(locale, "queue-total", total=waiting)
        return Reply(f"{self.texts.say(locale, key)}\n{total}", private=True)

    def stats(self, locale: str, stats: Stats, waiting: int, workers: Sequence[Worker] = ()) -> Reply:
        """Show the last day in numbers, and the machines of the cluster."""
        return Reply(lists.stats_text(self.texts, locale, stats, waiting, workers), private=True)

    def banned(self, locale: str, name: str, days: int | None) -> Reply:
        """Say that somebody is shut out."""
        if days is None:
            return Reply(self.texts.say(locale, "banned-for-good", name=name), private=True)
        return Reply(self.texts.say(locale, "banned", name=name, days=days), private=True)

    def bans(self, locale: str, bans: Mapping[str, Ban], now: float) -> Reply:
        """List who is shut out, until when and why."""
        return Reply(lists.bans_text(self.texts, locale, bans, now), private=True)

    def unbanned(self, locale: str, name: str) -> Reply:
        """Say that somebody may come in again."""
        return Reply(self.texts.say(locale, "unbanned", name=name), private=True)

    def favourite(self, job: Job, kept: bool) -> Reply:
        """Say that a job is a favourite from now on, or no longer."""
        key = "favourite-on" if kept else "favourite-off"
        return Reply(self._say(job, key, job=str(job.id)), private=True)

    def queue(self, locale: str, jobs: Sequence[tuple[Job, int]], waiting: int, drawing: int = 0) -> Reply:
        """Show the line: the user's jobs with their positions (0: being drawn), and all others."""
        text = lists.queue_text(self.texts, locale, jobs, waiting, drawing)
        actions = self._keys.cancels(locale, [job for job, _ in jobs])
        return Reply(text, actions=actions, private=True)

    def cancelled_jobs(
        self, locale: str, count: int, jobs: Sequence[tuple[Job, int]], waiting: int, drawing: int
    ) -> Reply:
        """Say how many jobs were cancelled, and show those of the user that are left."""
        text = self.texts.say(locale, "cancelled-jobs", count=count)
        if not jobs:
            return Reply(text, private=True)
        left = self.queue(locale, jobs, waiting, drawing)
        return replace(left, text=f"{text}\n{left.text}")

    def history(self, locale: str, jobs: Sequence[Job], favourites: Sequence[Job] = ()) -> Reply:
        """List jobs, newest first as given, below the favourites."""
        return Reply(lists.history_text(self.texts, locale, jobs, favourites), private=True)

    def quota(self, locale: str, rule: Rule, usage: Usage, now: float) -> Reply:
        """Show what is used and what is left under each limit."""
        return Reply(lists.quota_text(self.texts, locale, rule, usage, now), private=True)

    def loras(self, locale: str, triggers: Mapping[str, str]) -> Reply:
        """List the LoRA files, each with its trigger words."""
        return Reply(lists.loras_text(self.texts, locale, triggers), private=True)

    def about(self, locale: str, seconds: float) -> str:
        """Return "about 2 minutes", for platforms that cannot count down to `Reply.eta` themselves."""
        return format.about(self.texts, locale, seconds)

    def _say(self, job: Job, key: str, /, **values: str | float) -> str:
        return self.texts.say(job.request.user.locale, key, **values)

    def _small_print(self, job: Job) -> str:
        return format.small_print(self.texts, job)

    def _lasting(self, job: Job) -> tuple[str, str, str]:
        """Return what stays the same from step to step: the lines on top, the prompt, the small print."""
        known = self._known.get(job.id)
        if known is None or known[0] is not job:
            parts = self._missed_first(job, " ")[:-1], format.cut(format.used(job)), self._small_print(job)
            known = self._known[job.id] = job, parts
        return known[1]

    def _missed_first(self, job: Job, text: str) -> str:
        """Return the text below what of the user's words could not be drawn."""
        return "\n".join(filter(None, (self._missed(job), text)))

    def _missed(self, job: Job) -> str:
        return format.missed(self.texts, self.profile, format.ready(job), job.request.user.locale)

    def _near(self, job: Job) -> tuple[str, ...]:
        return format.near(self.profile, format.ready(job), job.request.user.locale)

    def _working(self, job: Job, step: int, steps: int) -> str:
        count = self._count(job)
        if job.request.kind != "imagine":
            return self._say(job, f"working-{job.request.kind}")
        if step == 0:
            return self._say(job, "working-start")
        if step >= steps:
            return self._say(job, "working-finish")
        if count == 1:
            return self._say(job, "working-one", step=step, steps=steps)
        return self._say(job, "working-many", count=count, percent=100 * step // steps)

    def _made(self, job: Job) -> str:
        seconds = format.seconds(format.took(job))
        if job.request.kind == "upscale":
            return self._say(job, "finished-upscale", width=job.width, height=job.height, seconds=seconds)
        count, steps = len(job.pictures), format.steps(job)
        if count == 1:
            return self._say(job, "finished-one", steps=steps, seed=format.seeds(job), seconds=seconds)
        return self._say(
            job, "finished-many", count=count, steps=steps, seed=format.seeds(job), seconds=seconds
        )

    def _optimized(self, job: Job) -> Reply:
        changed = format.used(job) != format.original(job)
        repeated = REPEATED in job.notes
        key = "finished-optimize" if changed else "finished-optimize-same"
        text = self._say(job, "finished-optimize-repeated" if repeated else key)
        return Reply(
            # A prompt of which nothing is known stays as it is, but it is not fine.
            self._missed_first(job, text) if changed or repeated else self._missed(job) or text,
            format.cut(format.used(job), format.SHOWN_PROMPT_IN_FULL),
            self._small_print(job),
            actions=self._keys.prompt(job, changed, more=not repeated),
            suggestions=self._near(job),
            job=job.id,
        )

    def _error_key(self, job: Job) -> str:
        if job.error == "refused" and job.error_detail in EXPLAINED:
            return f"refused-{job.error_detail}"
        key = f"error-{job.error}"
        return key if self.texts.has(key) else "error-internal"

    def _parameters(self, job: Job, index: int) -> list[str]:
        request, params = job.request, job.request.params
        picture = next((made for made in job.pictures if made.index == index), None)
        width, height = (picture.width, picture.height) if picture else (job.width, job.height)
        if request.kind == "upscale":
            lines = [self._say(job, "info-upscale", width=width, height=height)]
        else:
            seed, guidance = str(picture.seed if picture else job.seed), str(format.guidance(job))
            sizes = {"width": width, "height": height, "steps": format.steps(job)}
            lines = [self._say(job, "info-picture", **sizes, guidance=guidance, seed=seed)]
        if negative := job.negative_used or params.negative_prompt:
            lines.append(self._say(job, "info-negative", words=format.cut(negative)))
        if edited := format.edit_note(self.texts, job):
            lines.append(edited)
        if loras := flags.value(params, "lora"):
            lines.append(self._say(job, "info-loras", loras=loras))
        if noise := picture_variation(job, index):
            values = {"prompt": str(noise.prompt_noise), "latent": str(noise.latent_noise)}
            lines.append(self._say(job, "info-variation", seed=str(noise.seed), **values))
        lines.append(self._say(job, "info-model", name=self.profile.name))
        if picture:
            lines.append(self._say(job, "info-seconds", seconds=format.seconds(picture.seconds)))
        return lines

    def _count(self, job: Job) -> int:
        return job.request.params.count if job.request.kind == "imagine" else 1

    def _described(self, job: Job, images: Sequence[Image]) -> tuple[Image, ...]:
        words = format.cut(format.original(job) or format.used(job))
        return tuple(image if image.alt else replace(image, alt=words) for image in images)
