"""What an operator may do to the queue: pause it, drain it, resume it, look at the last day.

Holds until the next start. Knows the queue and the rows; knows no command and no user's rights.
"""

from collections.abc import Callable, Sequence

from bot.jobs.admission import Admission
from bot.jobs.runner import JobRunner
from bot.policy.limits import DAY
from bot.requests import followups
from bot.storage.jobs import JobStore
from bot.storage.stats import JobSummary
from bot.types import Job
from engine.types import Worker


class OperatorControls:
    """The switches; `now` gives Unix seconds, `workers` the machines of the cluster, if there is one."""

    def __init__(
        self,
        store: JobStore,
        runner: JobRunner,
        admission: Admission,
        now: Callable[[], float],
        workers: Callable[[], Sequence[Worker]],
    ) -> None:
        self.workers = workers
        self._admission = admission
        self._store = store
        self._runner = runner
        self._now = now

    def pause(self) -> None:
        """Begin nothing new; requests are accepted."""
        self._runner.pause(True)

    def drain(self) -> None:
        """Accept nothing new; what waits is drawn."""
        self._admission.draining = True

    def resume(self) -> None:
        """Go on after `pause` or `drain`."""
        self._admission.draining = False
        self._runner.pause(False)

    def waiting(self) -> int:
        """Return how many jobs wait."""
        return self._runner.waiting()

    async def job(self, job_id: int) -> Job:
        """Return anybody's job; raises `Refused` (`no-such-job`)."""
        return await followups.get_job(self._store.job, job_id)

    async def past_day(self) -> list[JobSummary]:
        """Return what is counted of the last day's jobs."""
        return await self._store.past(self._now() - DAY)
