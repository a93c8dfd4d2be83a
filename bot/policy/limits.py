"""Who may ask for how much: pure functions of a rule, the usage derived from job rows, and the time.

Knows no database and no clock. Charges are in pictures: 1.0 is one picture of the model's native size at the
default number of steps; a larger or slower one counts for more, an optimized prompt for a fraction.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.types import Refused

MINUTE = 60.0
DAY = 86_400.0
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Rule:
    """The operator's limits; 0 means no limit.

    `per_minute` requests and `per_day` pictures of one person in a rolling window, `waiting` unfinished jobs
    of one person, `queue` of everybody, `max_count` pictures in a job, `max_megapixels` in a picture.
    Somebody of `priority` 1 gets two turns while those of 0 get one, and so on.
    """

    per_minute: int = 10
    per_day: int = 200
    waiting: int = 10
    queue: int = 500
    max_count: int = 4
    max_megapixels: float = 4.2
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a person has asked for so far: request times of the last minute, (time, pictures) of the last day.

    `waiting` counts the person's unfinished jobs, `queue` everybody's. Both lists are in order of time.
    """

    requests: tuple[float, ...] = ()
    charges: tuple[tuple[float, float], ...] = ()
    waiting: int = 0
    queue: int = 0

    def spent(self, now: float) -> float:
        """Return the pictures charged in the day before `now`."""
        return math.fsum(pictures for time, pictures in self.charges if now - DAY < time <= now)


def in_pictures(usage: Usage, unit: float) -> Usage:
    """Return usage whose charges, in token-steps, are divided by `unit`, the cost of one picture."""
    return replace(usage, charges=tuple((time, charge / unit) for time, charge in usage.charges))


def judge(rule: Rule, usage: Usage, now: float, pictures: float = 1.0) -> None:
    """Raise `Refused` when one more request that costs `pictures` breaks the rule.

    Refusals carry `limit`, `left` (what may still be asked for) and, where time alone helps, `retry_after`.
    """
    if rule.per_minute and (retry := _burst(rule.per_minute, usage.requests, now)):
        raise Refused("burst", retry_after=retry, limit=rule.per_minute, left=0)
    if rule.waiting and usage.waiting >= rule.waiting:
        raise Refused("waiting", limit=rule.waiting, left=0)
    if rule.queue and usage.queue >= rule.queue:
        raise Refused("queue-full", limit=rule.queue, left=0)
    if rule.per_day and usage.spent(now) + pictures > rule.per_day + _ROUNDING:
        raise Refused(
            "per-day",
            retry_after=_day(rule.per_day, usage, now, pictures),
            limit=rule.per_day,
            left=left(rule, usage, now),
        )


def left(rule: Rule, usage: Usage, now: float) -> int:
    """Return how many whole pictures may still be asked for today under a rule with `per_day`."""
    return max(0, math.floor(rule.per_day - usage.spent(now) + _ROUNDING))


def fits(rule: Rule, count: int, width: int, height: int) -> None:
    """Raise `Refused` when a job of `count` pictures of this size (in pixels) is too much at any time."""
    if rule.max_count and count > rule.max_count:
        raise Refused("too-many", count=count, limit=rule.max_count)
    megapixels = width * height / 1e6
    if rule.max_megapixels and megapixels > rule.max_megapixels:
        raise Refused("too-large", megapixels=round(megapixels, 1), limit=rule.max_megapixels)


def _burst(per_minute: int, requests: Sequence[float], now: float) -> float | None:
    recent = [time for time in requests if now - MINUTE < time <= now]
    if len(recent) < per_minute:
        return None
    return recent[-per_minute] + MINUTE - now


def _day(per_day: int, usage: Usage, now: float, pictures: float) -> float | None:
    """Return the seconds until enough charges have left the window; None when that never helps."""
    if pictures > per_day:
        return None
    spent = usage.spent(now)
    for time, charge in usage.charges:
        if not now - DAY < time <= now:
            continue
        spent -= charge
        if spent + pictures <= per_day + _ROUNDING:
            return time + DAY - now
    return None
