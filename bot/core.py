"""The order of things: check, admit, wait in turn, run, deliver. Nothing else.

Knows users, jobs and the two ports; knows no chat service, no SQL and no model. Requests come in here;
`bot.jobs.runner` is where open jobs wait, run and are shown.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bot import metrics
from bot.commands.admin import Admin
from bot.commands.answers import Answers
from bot.commands.forget import forget
from bot.commands.linking import Linking
from bot.commands.operator import OperatorControls
from bot.jobs.admission import Admission
from bot.jobs.delivery import Delivery
from bot.jobs.history import History
from bot.jobs.members import Members
from bot.jobs.runner import JobRunner
from bot.jobs.shield import Shield
from bot.jobs.throughput import Throughput
from bot.policy.access import Access
from bot.policy.limits import Rule
from bot.policy.moderation import BannedWords, PictureFilter
from bot.policy.role_limits import LimitRules, RoleLimits
from bot.replies import picture_info
from bot.replies.replies import Replies
from bot.requests import followups, tasks
from bot.requests.commands import Command
from bot.storage import retention
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder, file_name
from bot.storage.retention import Retention
from bot.types import (
    Action,
    Address,
    Display,
    Fetch,
    Job,
    Kind,
    Params,
    PictureSearch,
    Refused,
    Reply,
    Request,
    User,
)
from engine.files.loras import LoraFolder
from engine.types import Engine, ModelProfile, Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """The operator's choices."""

    profile: ModelProfile
    defaults: Params
    rule: Rule = field(default_factory=Rule)
    retention: Retention = field(default_factory=Retention)
    access: Access = field(default_factory=Access)
    role_limits: tuple[RoleLimits, ...] = ()
    picture_filter: PictureFilter = field(default_factory=PictureFilter)
    loras: LoraFolder = field(default_factory=LoraFolder)


class Core:
    """From a request to a delivered reply. Call `recover` once, then `run`."""

    def __init__(
        self,
        *,
        store: JobStore,
        images: PictureFolder,
        engine: Engine,
        replies: Replies,
        banned_words: BannedWords,
        settings: CoreSettings,
        platforms: Mapping[str, Display],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_seed: tasks.SeedSource = tasks.random_seed,
        workers: Callable[[], Sequence[Worker]] = tuple,
    ) -> None:
        self._settings = settings
        self._store = store
        self._images = images
        self._replies = replies
        self._platforms = platforms
        self._now = now
        self._sleep = sleep
        self._new_seed = new_seed
        self._members = members = Members(
            store.accounts,
            settings.access,
            LimitRules(settings.rule, settings.role_limits),
            settings.defaults,
            now,
        )
        self.kept_updates = store.kept_updates
        self.database = store.accounts.database
        self.loras = settings.loras
        self._runner = JobRunner(
            store,
            images,
            engine,
            replies,
            banned_words,
            partial(Delivery, platforms, clock=clock, sleep=sleep),
            now,
            Throughput(clock),
            sleep,
            members.weight,
            settings.picture_filter,
        )
        self._admission = Admission(
            store, images, banned_words, settings.profile, settings.defaults, members.limits, now, new_seed
        )
        self._history = History(store, images, self._runner, members, self._admission.unit, now)
        admin = Admin(
            store.accounts, replies, OperatorControls(store, self._runner, self._admission, now, workers), now
        )
        linking = Linking(store.accounts, replies, clock)
        self._answers = Answers(
            members, self._history, replies, admin, linking, settings.loras, self.cancel, now
        )
        self._protect = Shield()

    @property
    def edits(self) -> bool:
        """Whether the model changes pictures as words say."""
        return self._settings.profile.edits

    @property
    def refusal(self) -> str:
        """What the store last answered to a write that it has not taken yet, empty where it takes all."""
        return self._runner.refusal

    @property
    def queue(self) -> tuple[int, int]:
        """How many jobs wait, and how many are being drawn."""
        return self._runner.waiting(), self._runner.drawing()

    async def submit(self, request: Request, fetch: Fetch | None = None) -> Job:
        """Admit a request and show its place in the queue; the same event again is the same job.

        `fetch` brings a picture to start from. Raises `Refused` before anything is stored or shown. Once
        stored, a job goes on even if the caller is cancelled.
        """
        event = request.user.platform, request.event_id
        known = await self._store.by_event(*event) if fetch else None
        if known is not None:
            return known
        request = replace(request, user=self._members.linked(request.user))
        try:
            self._members.check_access(request.user)
            return await self._protect(self._admit(request, fetch))
        except Refused as refused:
            known = await self._store.by_event(*event)
            if known is None:
                metrics.REFUSED.labels(refused.code).inc()
                raise
            return known

    async def press(self, user: User, action: Action, address: Address, event_id: str) -> Job | Reply | None:
        """Do what a button says: a new job at `address`, a private reply, or None when the message changes.

        Raises `Refused`, whatever the age of the job; `job_for_action` says who may press.
        Who presses owns the new job.
        """
        user = self._members.linked(user)
        if action.verb == "set":
            await self._members.change(user, action.value)
            return await self._answers.settings(user)
        if action.verb == "forget":
            if is_sure := action.value == "yes":
                await self._protect(forget(self._store, self._images, self._runner, user, self._now()))
            return self._replies.forgotten(user.locale, is_sure)
        known = await self._store.by_event(user.platform, event_id)
        if known is not None:
            return known
        self._members.check_access(user)
        job = await self.job_for_action(user, action)
        match action.verb:
            case "info":
                return self._replies.info(followups.localized_for(job, user), action.index)
            case "edit":
                job = followups.localized_for(followups.require_prompt(job), user)
                return self._replies.edit(job, await self._members.defaults(user))
            case "favourite":
                kept = {"on": True, "off": False}.get(action.value, not job.favourite)
                await self._store.set_favourite(job.id, kept)
                return self._replies.favourite(followups.localized_for(job, user), kept)
            case "cancel":
                await self._protect(self._runner.cancel(job))
                return None
            case "delete":
                if job.state in ("queued", "running"):
                    raise Refused("not-finished", job=job.id)
                await self._protect(self._runner.delete_pictures(job))
                return None
        click = followups.Click(user, address, event_id, action.verb, action.index, action.value)
        request = await followups.request(self._store.job, self._new_seed, job, click)
        return await self._protect(self._admit(request))

    async def cancel(self, user: User, job_id: int | None = None, reason: str = "") -> int:
        """Cancel a user's open job, or all of them, the last first; return how many there were.

        In that order none of them begins or moves up in between. `reason` is why, where they did not ask.
        """
        person = self._members.linked(user).person
        jobs = [job for job in reversed(await self._store.open_jobs(person)) if job_id in (None, job.id)]
        return sum([await self._protect(self._runner.cancel(job, reason)) for job in jobs])

    async def answer(self, user: User, command: Command) -> Reply:
        """Answer a command that makes no job; raises `Refused`, `unknown-command` for one that does."""
        return await self._answers.answer(user, command)

    def check_access(self, user: User) -> None:
        """Raise `Refused` (`banned`, `not-here`) for a user who may not ask here; reads no database."""
        self._members.check_access(user)

    def administers(self, user: User) -> bool:
        """Say whether a user is an administrator here."""
        return self._members.access.administers(user)

    async def defaults(self, user: User) -> Params:
        """Return the parameters that hold where a user says nothing."""
        return await self._members.defaults(user)

    async def job_for_action(self, user: User, action: Action) -> Job:
        """Return the job of a button that this user may press: their own, or another's as configured.

        Raises `Refused` (`no-such-job`, `not-yours`).
        """
        user = self._members.linked(user)
        job = await followups.get_job(self._store.job, action.job)
        if job.request.user.person != user.person and not self._members.access.permits(user, action, job):
            raise Refused("not-yours")
        return job

    async def job(self, user: User, job_id: int) -> Job:
        """Return a user's own job; raises `Refused` (`no-such-job`) for any other."""
        return await self._history.job(user, job_id)

    async def jobs(self, user: User, limit: int = 50, before: int | None = None) -> list[Job]:
        """Return a user's jobs, newest first, those with ids below `before`."""
        return await self._history.jobs(user, limit, before)

    async def pictures(self, user: User, search: PictureSearch, limit: int) -> list[Job]:
        """Return a user's jobs with pictures that are still there, newest first."""
        return await self._history.pictures(user, search, limit)

    async def thumbnail(self, user: User, job_id: int, index: int, side: int) -> bytes:
        """Return a picture of a user's own as a JPEG of at most `side` pixels; raises as `picture` does."""
        return await self._history.thumbnail(user, job_id, index, side)

    async def open_jobs(self, user: User) -> list[Job]:
        """Return a user's queued and running jobs in the order they came."""
        return await self._history.open_jobs(user)

    async def newest(self, user: User, kind: Kind) -> Job:
        """Return a user's newest job of a kind; raises `Refused` (`no-job-yet`)."""
        return await self._history.newest(user, kind)

    async def picture(self, user: User, job_id: int, index: int) -> Path:
        """Return the file of an original picture of a user's own.

        Raises `Refused`: `no-such-job`, `not-finished`, `picture-gone`.
        """
        return await self._history.picture(user, job_id, index)

    async def input(self, user: User, job_id: int) -> bytes:
        """Return the image that a user's own job was asked for with, as PNG.

        Raises `Refused`: `no-such-job`, `picture-gone`.
        """
        return await self._history.input(user, job_id)

    async def reply(self, job: Job) -> Reply:
        """Return a job's message as it should look now, pictures loaded."""
        return await self._runner.reply(job)

    def typed(self, job: Job) -> str:
        """Return what the user typed, as far as the job keeps it; nothing where they pressed a button."""
        return followups.typed(job, self._settings.defaults)

    def describe(self, user: User, picture: bytes) -> Reply:
        """Return the parameters in an encoded picture; raises `Refused` (`no-parameters`)."""
        return picture_info.describe(self._replies.texts, user.locale, picture)

    async def rename_group(self, before: str, name: str) -> None:
        """Know a group by its name of before, too: it goes on under another, both as in the configuration."""
        await self._store.accounts.rename_group(before, name)

    async def recover(self) -> None:
        """Go on where the last run stopped: show final replies that no platform took, and queue what is open.

        Jobs of a platform that is not served now wait for the run that serves it again. Where the database
        was lost or is an older one, new jobs are numbered above every picture that is there. A file that the
        last run wrote and did not record is removed: its job may yet be cancelled.
        """
        if self._images.newest_job:
            await self._store.never_again(self._images.newest_job)
        await self._store.requeue_crashed(self._now())
        await self._store.fail_unreadable(self._now())
        for job in await self._store.unshown():
            if job.request.address.platform in self._platforms:
                self._runner.show_final(job)
        open_jobs = await self._store.open_jobs()
        await self._images.delete(
            file_name(job.id, index)
            for job in open_jobs
            for index in range(tasks.count(job.request))
            if index not in {picture.index for picture in job.pictures}
        )
        for job in open_jobs:
            if job.request.address.platform in self._platforms:
                self._runner.enqueue(job)

    async def run(self) -> None:
        """Run jobs in turn until cancelled; what runs then is queued again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._runner.run())
            group.create_task(self._runner.announce())
            group.create_task(retention.hourly(self.sweep, self._sleep))

    async def idle(self) -> None:
        """Wait until every job has ended and every final reply was taken."""
        await self._runner.idle()

    async def sweep(self) -> None:
        """Remove what is older than the operator keeps it, and pictures that no job holds."""
        await retention.sweep(self._store, self._images, self._settings.retention, self._now())
        await self._admission.attached.sweep(self._now())

    async def _admit(self, request: Request, fetch: Fetch | None = None) -> Job:
        job, new = await self._admission.admit(request, fetch)
        if new:
            log.info("job %d: accepted", job.id, extra={"prompt": request.params.prompt})
            metrics.ACCEPTED.labels(request.user.platform, request.kind).inc()
            self._runner.enqueue(job)
            await self._runner.delivery.attempted(job.id)
        return job
