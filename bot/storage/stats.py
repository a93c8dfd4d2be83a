"""What the bot did in the last day, in numbers: pure functions of job rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bot.types import State

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A job of the last day, as far as it is counted; times are Unix seconds."""

    platform: str
    person: str
    state: State
    created: float
    started: float | None
    finished: float | None
    pictures: int
    losses: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts and medians; `waited` and `drew` are seconds, None where nothing was drawn.

    `losses` are jobs that were begun again because the engine had gone away.
    """

    states: dict[State, int]
    platforms: dict[str, int]
    people: int
    pictures_per_hour: float
    waited: float | None
    drew: float | None
    losses: int


def counted(day: Sequence[JobSummary], now: float) -> Stats:
    """Return the numbers of a day of jobs; the hours count from the first of them, one at least."""
    hours = max(HOUR, now - min((job.created for job in day), default=now)) / HOUR
    drawn = [job for job in day if job.pictures and job.finished is not None]
    waits = [max(0.0, job.started - job.created) for job in day if job.started is not None]
    draws = [max(0.0, job.finished - job.started) for job in drawn if job.finished and job.started]
    return Stats(
        states=dict(Counter("finished" if job.state == "delivered" else job.state for job in day)),
        platforms=dict(Counter(job.platform for job in day).most_common()),
        people=len({job.person for job in day}),
        pictures_per_hour=sum(job.pictures for job in drawn) / hours,
        waited=median(waits) if waits else None,
        drew=median(draws) if draws else None,
        losses=sum(job.losses for job in day),
    )
