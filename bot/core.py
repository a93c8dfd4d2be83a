"""The order of things: check, admit, wait in turn, run, deliver. Nothing else.

Knows people, jobs and the two ports; knows no chat service, no SQL and no model. This module is the near half
of the line, where people ask; `bot.jobs.runner` is the far half, where open jobs wait, run and are shown.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bot.commands import answers
from bot.commands.forget import forget
from bot.commands.linking import Links
from bot.commands.operator import Control
from bot.jobs.admission import Admission
from bot.jobs.delivery import Delivery
from bot.jobs.runner import Line
from bot.jobs.shield import Shelter
from bot.jobs.throughput import Pace
from bot.policy import limits
from bot.policy.access import Access
from bot.policy.limits import Rule, Usage
from bot.policy.moderation import Fitness, Words
from bot.policy.role_limits import Grant, Rules
from bot.replies import settings_panel as settings
from bot.replies.replies import Replies
from bot.requests import followups, tasks
from bot.requests.commands import Command
from bot.storage import retention
from bot.storage.attached import Fetch
from bot.storage.jobs import Store
from bot.storage.pictures import ImageFolder
from bot.storage.retention import Retention
from bot.types import Action, Address, Job, Kind, Params, Platform, Refused, Reply, Request, User
from engine.types import Engine, ModelProfile


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """The operator's choices."""

    profile: ModelProfile
    defaults: Params
    rule: Rule = field(default_factory=Rule)
    retention: Retention = field(default_factory=Retention)
    access: Access = field(default_factory=Access)
    grants: tuple[Grant, ...] = ()
    fitness: Fitness = field(default_factory=Fitness)


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
        dice: tasks.Dice = tasks.random_seed,
    ) -> None:
        self.profile = settings.profile
        self._rules = Rules(settings.rule, settings.grants)
        self.standard = settings.defaults
        self.access = settings.access
        self.people = store.people
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
        pace = Pace(clock)
        self._line = Line(
            store, images, engine, replies, words, deliver, now, pace, sleep, self._weight, settings.fitness
        )
        self.control = Control(store, self._line, now)
        self.links = Links(self.people, replies, clock)
        self._admission = Admission(store, images, words, self.profile, self.standard, self.rule, now, dice)
        self._protect = Shelter()

    async def defaults(self, user: User) -> Params:
        """Return the parameters that hold where this person says nothing."""
        mine = settings.applied(self.standard, await self.people.settings(self.people.known(user).person))
        return replace(mine, count=min(mine.count, self.rule(user).max_count or mine.count))

    @property
    def refusal(self) -> str:
        """What the store last answered to a write that it has not taken yet, empty where it takes all."""
        return self._line.refusal

    def rule(self, user: User) -> Rule:
        """Return the limits that hold for a person where they ask."""
        return self._rules.of(self.people.names(self.people.known(user)))

    async def enter(self, user: User) -> None:
        """Raise `Refused` (`banned`, `not-here`) for a person who may not ask here; asks no database."""
        user = self.people.known(user)
        self.access.check(user, self.people.names(user))
        if ban := self.people.banned(user, self.now()):
            left = None if ban.until is None else ban.until - self.now()
            raise Refused("banned", retry_after=left, reason=ban.reason)

    async def may(self, user: User, action: Action) -> Job:
        """Return the job of a button that this person may press: their own, or another's as configured.

        Raises `Refused` (`no-such-job`, `not-yours`).
        """
        user = self.people.known(user)
        job = await followups.known(self._store, action.job)
        if job.request.user.person != user.person and not self.access.permits(user, action, job):
            raise Refused("not-yours")
        return job

    async def submit(self, request: Request, fetch: Fetch | None = None) -> Job:
        """Admit a request and show its place in the line; the same event again is the same job.

        `fetch` brings a picture to start from. Raises `Refused` before anything is stored or shown. Once
        stored, a job goes on even if the caller is cancelled.
        """
        request = replace(request, user=self.people.known(request.user))
        known = await self._store.by_event(request.user.platform, request.event_id)
        if known is not None:
            return known
        await self.enter(request.user)
        if self.control.draining:
            raise Refused("draining")
        if request.kind != "upscale":
            if not request.params.prompt.strip():
                raise Refused("empty-prompt")
            self._words.check(request.params.prompt)
        return await self._protect(self._admit(request, fetch))

    async def press(self, user: User, action: Action, address: Address, event_id: str) -> Job | Reply | None:
        """Do what a button says: a new job at `address`, a private reply, or None when the message changes.

        Raises `Refused`, whatever the age of the job; `may` says who may press. Who presses owns the new job.
        """
        user = self.people.known(user)
        if action.verb == "set":
            return await self._set(user, action.value)
        if action.verb == "forget":
            return await self._forget(user, action.value)
        known = await self._store.by_event(user.platform, event_id)
        if known is not None:
            return known
        await self.enter(user)
        job = await self.may(user, action)
        match action.verb:
            case "info":
                return self.replies.info(followups.read_by(job, user), action.index)
            case "edit":
                job = followups.read_by(followups.worded(job), user)
                return self.replies.edit(job, await self.defaults(user))
            case "favourite":
                kept = {"on": True, "off": False}.get(action.value, not job.favourite)
                await self._store.set_favourite(job.id, kept)
                return self.replies.favourite(followups.read_by(job, user), kept)
            case "cancel":
                await self._protect(self._line.cancel(job))
                return None
            case "delete":
                await self._protect(self._delete(job))
                return None
        click = followups.Click(user, address, event_id, action.verb, action.index, action.value)
        return await self.submit(await followups.request(self._store, self._dice, job, click))

    async def cancel(self, user: User, job_id: int | None = None) -> int:
        """Cancel a person's open job, or all of them, the last first; return how many there were.

        In that order none of them begins or moves up in between.
        """
        person = self.people.known(user).person
        jobs = [job for job in reversed(await self._store.open_jobs(person)) if job_id in (None, job.id)]
        return sum([await self._protect(self._line.cancel(job)) for job in jobs])

    async def job(self, user: User, job_id: int) -> Job:
        """Return a person's own job; raises `Refused` (`no-such-job`) for any other."""
        job = await self._store.job(job_id)
        if job is None or job.request.user.person != self.people.known(user).person:
            raise Refused("no-such-job", job=job_id)
        return job

    async def jobs(self, user: User, limit: int = 50, before: int | None = None) -> list[Job]:
        """Return a person's jobs, newest first, those with ids below `before`."""
        return await self._store.history(self.people.known(user).person, limit, before)

    async def newest(self, user: User, kind: Kind) -> Job:
        """Return a person's newest job of a kind; raises `Refused` (`no-job-yet`)."""
        job = await self._store.newest(self.people.known(user).person, kind)
        if job is None:
            raise Refused("no-job-yet")
        return job

    async def by_event(self, user: User, event_id: str) -> Job | None:
        """Return the job that an event of the user's platform made."""
        return await self._store.by_event(user.platform, event_id)

    async def open_jobs(self, user: User) -> list[Job]:
        """Return a person's queued and running jobs in the order they came."""
        return await self._store.open_jobs(self.people.known(user).person)

    async def favourites(self, user: User, limit: int) -> list[Job]:
        """Return a person's favourites, newest first."""
        return await self._store.favourites(self.people.known(user).person, limit)

    async def waiting(self, user: User) -> tuple[list[tuple[Job, int]], int]:
        """Return a person's open jobs with their positions (0: being drawn), and how many wait in all."""
        mine = await self._store.open_jobs(self.people.known(user).person)
        return [(job, self._line.position(job)) for job in mine], self._line.waiting()

    async def usage(self, user: User) -> Usage:
        """Return what a person asked for in the last day, in pictures."""
        return limits.in_pictures(
            await self._store.usage(self.people.known(user).person, self.now()), self._admission.unit
        )

    async def picture(self, user: User, job_id: int, index: int) -> Path:
        """Return the file of an original picture.

        Raises `Refused`: `no-such-job`, `not-finished`, `picture-gone`.
        """
        picture = followups.picture_of(await self.job(user, job_id), index)
        path = self._images.path(picture.file)
        if picture.deleted or not path.exists():
            raise Refused("picture-gone")
        return path

    async def answer(self, user: User, command: Command) -> Reply:
        """Answer a command that makes no job; raises `Refused`, `unknown-command` for one that does."""
        return await answers.answer(self, user, command)

    async def settings(self, user: User) -> Reply:
        """Show a person's own defaults."""
        mine = await self.defaults(user)
        return self.replies.settings(user.locale, self.standard, mine, self.rule(user).max_count)

    async def reply(self, job: Job) -> Reply:
        """Return the job's message as it should look now, pictures loaded."""
        return await self._line.reply(job)

    async def recover(self) -> None:
        """Pick up where the last run stopped: say last words that were not heard, and queue what is open.

        Jobs of a platform that is not served now wait for the run that serves it again. Where the database
        was lost or is an older one, new jobs are numbered above every picture that is there.
        """
        if self._images.newest_job:
            await self._store.never_again(self._images.newest_job)
        await self._store.requeue_crashed(self.now())
        await self._store.fail_unreadable(self.now())
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
            group.create_task(retention.hourly(self.sweep, self._sleep))

    async def idle(self) -> None:
        """Wait until every job has ended and every last word was taken."""
        await self._line.idle()

    async def sweep(self) -> None:
        """Remove what is older than the operator keeps it, and pictures that no job holds."""
        await retention.sweep(self._store, self._images, self._settings.retention, self.now())
        await self._admission.attached.sweep(self.now())

    async def _set(self, user: User, change: str) -> Reply:
        said = settings.changed(self.standard, await self.people.settings(user.person), change)
        await self.people.set(user.person, said)
        return await self.settings(user)

    async def _forget(self, user: User, answer: str) -> Reply:
        if answer == "yes":
            await self._protect(forget(self._store, self._images, self._line, user, self.now()))
        return self.replies.forgotten(user.locale, answer == "yes")

    async def _admit(self, request: Request, fetch: Fetch | None) -> Job:
        job, new = await self._admission.admit(request, fetch)
        if new:
            self._line.enter(job)
            await self._line.delivery.attempted(job.id)
        return job

    def _weight(self, user: User) -> int:
        return 1 + self.rule(user).priority

    async def _delete(self, job: Job) -> None:
        if job.state in ("queued", "running"):
            raise Refused("not-finished", job=job.id)
        await self._store.delete_pictures(job.id)
        self._line.conclude(job)
        await retention.empty_trash(self._store, self._images)
