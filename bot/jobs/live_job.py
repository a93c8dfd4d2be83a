"""An open job as it is now: what is shown while it waits or runs, and lost in a crash."""

import asyncio
from dataclasses import dataclass, field

from bot.requests.tasks import count, most_steps
from bot.types import Image, Job


@dataclass(slots=True)
class LiveJob:
    """A job that waits or runs; `steps` holds (done, of) of each picture that was begun."""

    job: Job
    steps: dict[int, tuple[int, int]] = field(default_factory=dict)
    preview: Image | None = None
    tasks: set[asyncio.Task[bool]] = field(default_factory=set)

    @property
    def begun(self) -> bool:
        """Whether any of its pictures was begun: from then on its message shows steps, no place."""
        return bool(self.tasks or self.steps)

    def done(self) -> float:
        """Return the share of the job's steps that are done, in [0, 1]."""
        return sum(step / of for step, of in self.steps.values()) / count(self.job.request)

    def progress(self) -> tuple[int, int]:
        """Return (steps done, steps in all) over all pictures, as if each took as many as the longest."""
        most = most_steps(self.job.request.params)
        whole = max((of for _, of in self.steps.values()), default=most) * count(self.job.request)
        return round(self.done() * whole), whole
