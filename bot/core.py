"""The order of things: check, admit, wait in turn, run, deliver. Nothing else.

Knows people, jobs and the two ports; knows no chat service, no SQL and no model. This module is the near half
of the line, where people ask; `bot.line` is the far half, where open jobs wait, run and are shown.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bot import answers, buttons, limits, params
from bot.commands import Command
from bot.delivery import Delivery
from bot.images import ImageFolder
from bot.limits import Rule, Usage
from bot.line import Line
from bot.moderation import Words
from bot.replies import Replies
from bot.store import Store
from bot.types import Action, Address, Job, Params, Platform, Refused, Reply, Request, User
from engine.types import Engine, ModelProfile

_HOUR = 3600.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """The operator's choices; pictures older than `retention_days` are removed, 0 keeps them."""

    profile: ModelProfile
    defaults: Params
    rule: Rule = field(default_factory=Rule)
    retention_days: float = 0.0


class Core:
    """One straight line from a request to a delivered reply. Call `recover` once, then `run`."""

    def __init__(
        self,
        *,
        store: Store,
        images: ImageFolder,
        engine: Engine,
        replies: Replies,
        words: Words,
        settings: CoreSettings,
        platforms: Mapping[str, Platform],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: params.Dice = params.random_seed,
    ) -> None:
        self.profile = settings.profile
        self.rule = settings.rule
        self.standard = settings.defaults
        self.replies = replies
        self._settings = settings
        self._store = store
        self._images = images
        self._words = words
        self.now = now
        self._sleep = sleep
        self._dice = dice
        self._platforms = platforms
        deliver = partial(Delivery, platforms, clock=clock, sleep=sleep)
        self._line = Line(store, images, engine, replies, words, deliver, now)
        self._unit = params.picture_cost(self.profile, settings.defaults.steps)
        self._protected: set[asyncio.Task[Any]] = set()

    async def defaults(self, user: User) -> Params:
        """Return the parameters that hold where this person says nothing."""
        return self._settings.defaults

    async def keep_image(self, data: bytes) -> str:
        """Check and keep an attached picture; raises `Refused` (`bad-image`, `image-too-large`)."""
        return await self._images.keep(data)

    async def submit(self, request: Request) -> Job:
        """Admit a request and show its place in the line; the same event again is the same job.

        Raises `Refused` before anything is stored or shown. Once stored, a job goes on even if the caller
        is cancelled.
        """
        known = await self._store.by_event(request.user.platform, request.event_id)
        if known is not None:
            return known
        if request.kind != "upscale":
            if not request.params.prompt.strip():
                raise Refused("empty-prompt")
            self._words.check(request.params.prompt)
        return await self._protect(self._admit(request))

    async def press(self, user: User, action: Action, address: Address, event_id: str) -> Job | Reply | None:
        """Do what a button says: a new job at `address`, a private reply, or None when the message changes.

        Raises `Refused`: only the job's own person may press, at any age of the job.
        """
        known = await self._store.by_event(user.platform, event_id)
        if known is not None:
            return known
        job = await buttons.own(self._store, user, action.job)
        match action.verb:
            case "info":
                return self.replies.info(job, action.index)
            case "edit":
                return self.replies.edit(job)
            case "cancel":
                await self.cancel(user, job.id)
                return None
            case "delete":
                await self._protect(self._delete(job))
                return None
        click = buttons.Click(user, address, event_id, action.verb, action.index)
        return await self.submit(await buttons.request(self._store, self._dice, job, click))

    async def cancel(self, user: User, job_id: int | None = None) -> int:
        """Cancel a person's open job, or all of them; return how many there were."""
        jobs = [job for job in await self._store.open_jobs(user.person) if job_id in (None, job.id)]
        return sum([await self._protect(self._line.cancel(job)) for job in jobs])

    async def job(self, user: User, job_id: int) -> Job:
        """Return a person's own job; raises `Refused` (`no-such-job`) for any other."""
        job = await self._store.job(job_id)
        if job is None or job.request.user.person != user.person:
            raise Refused("no-such-job", job=job_id)
        return job

    async def jobs(self, user: User, limit: int = 50, before: int | None = None) -> list[Job]:
        """Return a person's jobs, newest first, those with ids below `before`."""
        return await self._store.history(user.person, limit, before)

    async def waiting(self, user: User) -> tuple[list[tuple[Job, int]], int]:
        """Return a person's open jobs with their positions (0: being drawn), and how many wait in all."""
        mine = await self._store.open_jobs(user.person)
        return [(job, self._line.position(job)) for job in mine], self._line.waiting()

    async def usage(self, user: User) -> Usage:
        """Return what a person asked for in the last day, in pictures."""
        return limits.in_pictures(await self._store.usage(user.person, self.now()), self._unit)

    async def picture(self, user: User, job_id: int, index: int) -> Path:
        """Return the file of an original picture.

        Raises `Refused`: `no-such-job`, `not-finished`, `picture-gone`.
        """
        picture = buttons.picture_of(await self.job(user, job_id), index)
        path = self._images.path(picture.file)
        if picture.deleted or not path.exists():
            raise Refused("picture-gone")
        return path

    async def answer(self, user: User, command: Command) -> Reply:
        """Answer a command that makes no job: help, queue, quota, history, show, info, cancel."""
        return await answers.answer(self, user, command)

    async def reply(self, job: Job) -> Reply:
        """Return the job's message as it should look now, pictures loaded."""
        return await self._line.reply(job)

    async def recover(self) -> None:
        """Pick up where the last run stopped: say last words that were not heard, and queue what is open.

        Jobs of a platform that is not served now wait for the run that serves it again.
        """
        await self._store.requeue_crashed(self.now())
        for job in await self._store.unshown():
            if job.request.address.platform in self._platforms:
                self._line.conclude(job)
        for job in await self._store.open_jobs():
            if job.request.address.platform in self._platforms:
                self._line.enter(job)

    async def run(self) -> None:
        """Hand out the line until cancelled; what runs then goes back into the line."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._line.run())
            group.create_task(self._sweep_hourly())

    async def idle(self) -> None:
        """Wait until every job has ended and every last word was taken."""
        await self._line.idle()

    async def sweep(self) -> None:
        """Remove the pictures that are older than the operator keeps them."""
        if not self._settings.retention_days:
            return
        before = self.now() - self._settings.retention_days * limits.DAY
        await self._images.delete(await self._store.expire(before))
        await self._images.sweep(before)

    async def _admit(self, request: Request) -> Job:
        source = await buttons.source_size(self._store, self._images, request)
        resolved = params.resolve(request, self.profile, source, self._dice)
        if request.kind == "imagine":
            limits.fits(self.rule, request.params.count, resolved.width, resolved.height)
        now = self.now()
        judge = partial(self._judge, now, resolved.cost)
        job, new = await self._store.admit(request, resolved, now, judge)
        if new:
            self._line.enter(job)
            await self._line.delivery.attempted(job.id)
        return job

    def _judge(self, now: float, cost: int, usage: Usage) -> None:
        limits.judge(self.rule, limits.in_pictures(usage, self._unit), now, cost / self._unit)

    async def _delete(self, job: Job) -> None:
        if job.state in ("queued", "running"):
            raise Refused("not-finished", job=job.id)
        await self._store.delete_pictures(job.id)
        await self._images.delete(picture.file for picture in job.pictures)
        self._line.conclude(job)

    async def _sweep_hourly(self) -> None:
        while True:
            await self.sweep()
            await self._sleep(_HOUR)

    async def _protect(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Finish what was begun even if the caller is cancelled: a stored job must enter the line."""
        task = asyncio.create_task(work)
        self._protected.add(task)
        task.add_done_callback(self._protected.discard)
        return await asyncio.shield(task)
