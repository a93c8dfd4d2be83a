"""Work in threads beside the worker's loop: encoding files, opening uploads, upscaling pictures."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from engine.pictures import codec, masks
from engine.pipeline import Redraw
from engine.types import Generate

THREADS = 2


@dataclass(frozen=True, slots=True)
class InputReady:
    """Task `number` may go on: its upload is cropped, or its picture upscaled to be drawn over."""

    number: int
    task: Generate | Redraw


@dataclass(frozen=True, slots=True)
class JobDone:
    """The job for task `number` has sent its result, or failed with `error`."""

    number: int
    error: Exception | None = None


class BackgroundJobs:
    """Runs jobs in threads and posts what they return. Methods belong to one thread, the loop's."""

    def __init__(self, post: Callable[[InputReady | JobDone], None]) -> None:
        self._post = post
        self._wanted: set[int] = set()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="background")

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a job."""
        return bool(self._wanted)

    def begin(self, number: int, job: Callable[[], InputReady | JobDone]) -> None:
        """Run `job` for task `number` unless it is dropped before its turn. It must not raise."""
        self._wanted.add(number)
        self._pool.submit(self._run, number, job)

    def wants(self, number: int) -> bool:
        """Whether somebody still waits for task `number`; the job itself may call this."""
        return number in self._wanted

    def remove(self, number: int) -> bool:
        """Forget task `number`, done or cancelled; False if it was forgotten before."""
        known = number in self._wanted
        self._wanted.discard(number)
        return known

    def end(self) -> None:
        """Begin no more jobs."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, number: int, job: Callable[[], InputReady | JobDone]) -> None:
        if self.wants(number):
            self._post(job())


def fitted(task: Generate) -> Generate:
    """Return `task` with its upload cropped to the picture's size and stored so that it opens at once."""
    if task.init_image is None:
        return task
    if task.mask:
        # Scaled as one, what is transparent would lose its colours.
        parts = (codec.fit(part, task.width, task.height) for part in masks.split(task.init_image))
        return replace(task, init_image=masks.joined(*parts))
    image = codec.fit(codec.read(task.init_image), task.width, task.height)
    return replace(task, init_image=codec.stored(image))
