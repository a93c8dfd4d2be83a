"""The longer texts: help, the queue, the history and what is left, line by line.

Pure functions of the texts and what is to be listed; knows no buttons.
"""

from collections.abc import Mapping, Sequence

from bot.locales.texts import Texts
from bot.policy import limits
from bot.policy.limits import Rule, Usage
from bot.replies.format import cut, introduced, seconds, title, when
from bot.requests import lora_syntax
from bot.requests.commands import COMMANDS
from bot.requests.flag_table import FLAGS
from bot.storage.accounts import Ban
from bot.storage.stats import Stats
from bot.types import Job
from engine.types import ModelProfile, Worker

EXAMPLES = 3
SHOWN_LORAS, SHOWN_TRIGGERS = 40, 60


def help_text(texts: Texts, profile: ModelProfile, locale: str, admin: bool) -> str:
    """Return what one can ask for: the model's world, examples, the commands and every flag.

    Administrators read their own commands, too, and no examples instead.
    """
    say = texts.say
    lines = [say(locale, "help-intro")]
    world, suggestions = introduced(profile, locale)
    if world:
        lines.append(world)
    examples = suggestions[: 0 if admin else EXAMPLES]
    lines += [say(locale, "help-try", example=example) for example in examples]
    lines += ["", say(locale, "help-commands")]
    for command in [entry for entry in COMMANDS if admin or not entry.admins]:
        names = dict.fromkeys((command.name, texts.words(locale, f"command-{command.name}.words")[0]))
        meaning = say(locale, f"command-{command.name}")
        lines.append(say(locale, "help-line", name=" ".join(f"/{name}" for name in names), meaning=meaning))
    lines += ["", say(locale, "help-flags")]
    for flag in FLAGS:
        if not flag.ignored:
            name, meaning = f"--{flag.names[0]}", say(locale, f"flag-{flag.names[0]}")
            allowed = "" if flag.allowed in ("", name) else f" ({flag.allowed})"
            lines.append(say(locale, "help-line", name=name, meaning=meaning + allowed))
    return "\n".join([*lines, say(locale, "help-ignored")])


def queue_text(texts: Texts, locale: str, mine: Sequence[tuple[Job, int]], waiting: int, drawing: int) -> str:
    """Return how many jobs are being drawn and wait, and the user's places; place 0 is being drawn."""
    total = texts.say(locale, "queue-total", total=waiting)
    drawn = texts.say(locale, "queue-drawing", total=drawing) if drawing else ""
    lines = [texts.say(locale, "language-gap").join(filter(None, (drawn, total)))]
    for job, place in mine:
        key = "queue-place" if place else "queue-running"
        words, place_value = title(texts, locale, job), {"place": place} if place else {}
        lines.append(texts.say(locale, key, job=str(job.id), words=words, **place_value))
    if waiting and not mine:
        lines.append(texts.say(locale, "queue-none"))
    return "\n".join(lines)


def history_text(texts: Texts, locale: str, jobs: Sequence[Job], favourites: Sequence[Job]) -> str:
    """Return one line a job, in the order given, below the favourites."""
    if not jobs:
        return texts.say(locale, "history-empty")
    lines = [texts.say(locale, "history-favourites")] if favourites else []
    lines += [_history_line(texts, locale, job) for job in favourites]
    lines.append(texts.say(locale, "history-title"))
    return "\n".join([*lines, *(_history_line(texts, locale, job) for job in jobs)])


def _history_line(texts: Texts, locale: str, job: Job) -> str:
    state, words = texts.say(locale, f"state-{_state(job)}"), title(texts, locale, job)
    line = texts.say(locale, "history-line", job=str(job.id), state=state, words=words)
    return f"⭐ {line}" if job.favourite else line


def loras_text(texts: Texts, locale: str, triggers: Mapping[str, str]) -> str:
    """Return one line a LoRA file, as it is named behind `--lora`, with its trigger words."""
    if not triggers:
        return texts.say(locale, "loras-none")
    lines = [texts.say(locale, "loras-title")]
    for name, words in list(triggers.items())[:SHOWN_LORAS]:
        key = "loras-line" if words else "loras-line-plain"
        lines.append(texts.say(locale, key, name=lora_syntax.written(name), words=cut(words, SHOWN_TRIGGERS)))
    if more := len(triggers) - SHOWN_LORAS:
        lines += [texts.say(locale, "loras-more", count=more)] if more > 0 else []
    return "\n".join(lines)


def quota_text(texts: Texts, locale: str, rule: Rule, usage: Usage, now: float) -> str:
    """Return what is used and left under each limit there is; pictures are counted to one decimal."""
    spent = round(usage.spent(now), 1)
    if rule.per_day:
        left = limits.left(rule, usage, now)
        lines = [texts.say(locale, "quota-day", spent=spent, limit=rule.per_day, left=left)]
    else:
        lines = [texts.say(locale, "quota-day-open", spent=spent)]
    if rule.per_minute:
        used = sum(time > now - limits.MINUTE for time in usage.requests)
        lines.append(texts.say(locale, "quota-minute", used=used, limit=rule.per_minute))
    if rule.waiting:
        lines.append(texts.say(locale, "quota-waiting", used=usage.waiting, limit=rule.waiting))
    return "\n".join(lines)


def stats_text(texts: Texts, locale: str, stats: Stats, waiting: int, workers: Sequence[Worker] = ()) -> str:
    """Return the last day in numbers, one fact a line, and each machine of the cluster."""
    say = texts.say
    states = [f"{say(locale, f'state-{state}')} {number}" for state, number in stats.states.items()]
    platforms = [f"{name.capitalize()} {n}" for name, n in stats.platforms.items()]
    lines = [
        say(locale, "stats-title"),
        say(locale, "stats-jobs", total=sum(stats.states.values()), states=" · ".join(states) or "–"),
        say(locale, "stats-people", people=stats.people, platforms=" · ".join(platforms) or "–"),
        say(locale, "stats-pace", pictures=f"{stats.pictures_per_hour:.1f}", waiting=waiting),
    ]
    if stats.waited is not None:
        lines.append(say(locale, "stats-waited", seconds=seconds(stats.waited)))
    if stats.drew is not None:
        lines.append(say(locale, "stats-drew", seconds=seconds(stats.drew)))
    lines.append(say(locale, "stats-losses", losses=stats.losses))
    for worker in workers:
        name = f"{worker.name} ({worker.device})" if worker.device else worker.name
        pace = "?" if worker.seconds is None else seconds(worker.seconds)
        running, drawn = worker.running, worker.drawn
        lines.append(say(locale, "stats-worker", name=name, running=running, drawn=drawn, seconds=pace))
    return "\n".join(lines)


def bans_text(texts: Texts, locale: str, bans: Mapping[str, Ban], now: float) -> str:
    """Return one line for each who is shut out: until when, and why."""
    if not bans:
        return texts.say(locale, "bans-none")
    lines = [texts.say(locale, "bans-title")]
    for name, ban in bans.items():
        until = (
            texts.say(locale, "bans-for-good")
            if ban.until is None
            else texts.say(locale, "bans-until", when=when(texts, locale, ban.until - now).strip())
        )
        lines.append(" · ".join(part for part in (name, until, ban.reason) if part))
    return "\n".join(lines)


def _state(job: Job) -> str:
    """Return the state as a user sees it: `delivered` is done, a picture may be deleted since."""
    if job.pictures and all(picture.deleted for picture in job.pictures):
        return "deleted"
    return "finished" if job.state == "delivered" else job.state
