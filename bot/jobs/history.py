"""Reads a user's own jobs. Changes nothing."""

from collections.abc import Callable
from pathlib import Path

from bot.jobs.members import Members
from bot.jobs.runner import JobRunner
from bot.policy import limits
from bot.policy.limits import Usage
from bot.requests.followups import picture_of
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Job, Kind, PictureSearch, Refused, Reply, User


class History:
    """Questions about jobs; `unit` is the cost of one picture in token-steps, `now` gives Unix seconds."""

    def __init__(
        self,
        store: JobStore,
        images: PictureFolder,
        runner: JobRunner,
        members: Members,
        unit: float,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._images = images
        self._runner = runner
        self._members = members
        self._unit = unit
        self._now = now

    async def job(self, user: User, job_id: int) -> Job:
        """Return a user's own job; raises `Refused` (`no-such-job`) for any other."""
        job = await self._store.job(job_id)
        if job is None or job.request.user.person != self._person(user):
            raise Refused("no-such-job", job=job_id)
        return job

    async def jobs(self, user: User, limit: int = 50, before: int | None = None) -> list[Job]:
        """Return a user's jobs, newest first, those with ids below `before`."""
        return await self._store.history(self._person(user), limit, before)

    async def pictures(self, user: User, search: PictureSearch, limit: int) -> list[Job]:
        """Return a user's jobs with pictures that are still there, newest first."""
        return await self._store.pictures(self._person(user), search, limit)

    async def thumbnail(self, user: User, job_id: int, index: int, side: int) -> bytes:
        """Return a picture as a small JPEG; raises `Refused` as `picture` does."""
        return await self._images.thumbnail((await self.picture(user, job_id, index)).name, side)

    async def newest(self, user: User, kind: Kind) -> Job:
        """Return a user's newest job of a kind; raises `Refused` (`no-job-yet`)."""
        job = await self._store.newest(self._person(user), kind)
        if job is None:
            raise Refused("no-job-yet")
        return job

    async def open_jobs(self, user: User) -> list[Job]:
        """Return a user's queued and running jobs in the order they came."""
        return await self._store.open_jobs(self._person(user))

    async def favourites(self, user: User, limit: int) -> list[Job]:
        """Return a user's favourites, newest first."""
        return await self._store.favourites(self._person(user), limit)

    async def waiting(self, user: User) -> tuple[list[tuple[Job, int]], int, int]:
        """Return a user's open jobs with their positions (0: being drawn), and the whole queue.

        Of that, how many jobs wait and how many are being drawn.
        """
        jobs, runner = await self.open_jobs(user), self._runner
        return [(job, runner.position(job)) for job in jobs], runner.waiting(), runner.drawing()

    async def usage(self, user: User) -> Usage:
        """Return what a user asked for in the last day, in pictures."""
        usage = await self._store.usage(self._person(user), self._now())
        return limits.in_pictures(usage, self._unit)

    async def picture(self, user: User, job_id: int, index: int) -> Path:
        """Return the file of an original picture.

        Raises `Refused`: `no-such-job`, `not-finished`, `picture-gone`.
        """
        picture = picture_of(await self.job(user, job_id), index)
        path = self._images.path(picture.file)
        if picture.deleted or not path.exists():
            raise Refused("picture-gone")
        return path

    async def input(self, user: User, job_id: int) -> bytes:
        """Return the image that a job was asked for with; raises `Refused`: `no-such-job`, `picture-gone`."""
        image = (await self.job(user, job_id)).request.image
        try:
            if image:
                return await self._images.read_input(image)
        except FileNotFoundError:
            pass
        raise Refused("picture-gone")

    async def reply(self, job: Job) -> Reply:
        """Return a job's message as it should look now, pictures loaded."""
        return await self._runner.reply(job)

    def _person(self, user: User) -> str:
        return self._members.linked(user).person
