"""Open jobs, from their place in the queue to their final reply: wait in turn, run, deliver.

Knows the engine's events and what a job looks like meanwhile. What must survive a crash is in the store; what
is only worth showing (steps, previews, positions) is kept here while a job is open.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bot import metrics
from bot.jobs import sources
from bot.jobs.delivery import Delivery, Shown
from bot.jobs.fair_queue import FairQueue, Ticket
from bot.jobs.live_job import LiveJob
from bot.jobs.places import Places
from bot.jobs.throughput import Throughput
from bot.policy.moderation import BannedWords, PictureFilter
from bot.replies import stored
from bot.replies.replies import REPEATED, Replies
from bot.requests import tasks as params
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder, dimensions
from bot.storage.retention import empty_trash
from bot.types import Address, Image, Job, JobPicture, Refused, Reply, State, User
from engine.types import Engine, EngineError, EngineLost, Picture, Progress, PromptReady

MAX_ATTEMPTS = 3
"""How often a job may go down with the engine: once beside a job that took it down, once by accident."""
FIRST_RETRY, LAST_RETRY = 0.2, 5.0
"""Seconds until a write that the store could not take is tried again, doubled each time."""

ANNOUNCED = 1.0
"""Seconds between two looks at the places of those who wait; no platform is shown more often."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class JobRunner:
    """Every open job: `enqueue` them and `run` it. `deliver` makes the delivery that reports back to it."""

    def __init__(
        self,
        store: JobStore,
        images: PictureFolder,
        engine: Engine,
        replies: Replies,
        banned_words: BannedWords,
        deliver: Callable[[Shown], Delivery],
        now: Callable[[], float],
        throughput: Throughput,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        weight_of: Callable[[User], int] = lambda user: 1,
        picture_filter: PictureFilter | None = None,
    ) -> None:
        self.delivery = deliver(self.shown)
        self.refusal = ""
        self._store = store
        self._images = images
        self._engine = engine
        self._replies = replies
        self._banned_words = banned_words
        self._now = now
        self._weight_of = weight_of
        self._picture_filter = picture_filter or PictureFilter()
        self._queue = FairQueue(engine.rooms)
        engine.watch(self._resize)
        self._throughput = throughput
        self._sleep = sleep
        self._open: dict[int, LiveJob] = {}
        self._consumers: set[asyncio.Task[bool]] = set()
        self._places = Places(self._queue)
        self._moved = asyncio.Event()

    def enqueue(self, job: Job) -> None:
        """Queue the pictures that a job still lacks and show its place."""
        count, steps = params.count(job.request), params.most_steps(job.request.params)
        drawn = {picture.index for picture in job.pictures}
        self._open[job.id] = LiveJob(job, dict.fromkeys(drawn, (steps, steps)))
        user, room, cost = job.request.user, params.room(job), max(1, job.cost // count)
        weight = self._weight_of(user)
        self._queue.put(
            Ticket(job.id, index, user.person, room, cost, weight)
            for index in range(count)
            if index not in drawn
        )
        self._offer(self._open[job.id])
        self._moved.set()

    async def cancel(self, job: Job, reason: str = "") -> bool:
        """End an open job for its user, charged for the steps done; False when it had ended already.

        `reason` is why, where the user did not ask for it: `left`.
        """
        live = self._open.get(job.id)
        charge = round(job.cost * live.done()) if live else 0
        if not await self._store.cancel(job.id, charge, self._now(), reason):
            return False
        self._remove(job)
        _count("cancelled", job.id, reason)
        return True

    async def delete_pictures(self, job: Job) -> None:
        """Delete the pictures of an ended job; its message says so."""
        await self._store.delete_pictures(job.id)
        self.show_final(job)
        await empty_trash(self._store, self._images)

    def show_final(self, job: Job, drawn: tuple[Job, bytes] | None = None) -> None:
        """Show an ended job's message anew until its platform takes it.

        For the first try `drawn` is a job that was just drawn, with the file where it is a single one.
        """
        fresh = [drawn] if drawn else []
        self.delivery.finish(job.id, job.request.address, partial(self._final, job.id, fresh))

    def show_forgotten(self, job: Job) -> None:
        """Show a forgotten job as deleted; its row is gone."""
        self.delivery.finish(job.id, job.request.address, partial(_ready, self._replies.deleted(job)))

    def position(self, job: Job) -> int:
        """Return a job's place in the queue, 1 being next; 0 when it is being drawn or has ended."""
        live = self._open.get(job.id)
        return 0 if live is None or live.tasks else self._queue.position(job.id)

    def waiting(self) -> int:
        """Return how many jobs wait."""
        return self._queue.waiting()

    def drawing(self) -> int:
        """Return how many jobs are being drawn."""
        return sum(bool(live.tasks) for live in self._open.values())

    def pause(self, paused: bool) -> None:
        """Begin nothing new, or go on; waiting messages say so."""
        self._queue.pause(paused)
        for live in self._open.values():
            if not live.begun:
                self._offer(live)

    def _resize(self) -> None:
        """Follow the engine's devices; where the last one went or the first one came, everybody is told."""
        deserted = self._queue.deserted
        self._queue.resize(self._engine.rooms)
        if self._queue.deserted != deserted:
            for live in self._open.values():
                self._offer(live)

    async def reply(self, job: Job) -> Reply:
        """Return a job's message as it should look now."""
        live = self._open.get(job.id)
        if live is not None:
            return self._current(live)
        return await stored.stored(job, self._images, self._replies)

    async def run(self) -> None:
        """Run tickets in turn until cancelled; what runs then is queued again."""
        try:
            while True:
                self._begin(await self._queue.next())
        finally:
            for task in self._consumers:
                task.cancel()
            await asyncio.gather(*self._consumers, return_exceptions=True)
            await self.delivery.close()
            try:
                await self._store.requeue()
            except sqlite3.OperationalError as error:
                log.warning("what was running is queued again at the next start: %s", error)

    async def announce(self) -> None:
        """Update the messages of waiting jobs whose place has changed, until cancelled."""
        while await self._moved.wait():
            self._moved.clear()
            for job_id in self._places.changed():
                live = self._open[job_id]
                if not live.begun:
                    self._offer(live)
            await self._sleep(ANNOUNCED)

    async def idle(self) -> None:
        """Wait until every job has ended and every final reply was taken."""
        await self._queue.drained()
        await self.delivery.drained()

    async def shown(self, job_id: int, address: Address, final: bool) -> None:
        """Record where a job's message lives now, and whether its final reply was taken."""
        live = self._open.get(job_id)
        if final:
            await self._store.shown(job_id, address)
        elif live is None or live.job.request.address != address:
            await self._store.moved(job_id, address)
            if live is not None:
                live.job = replace(live.job, request=replace(live.job.request, address=address))

    def _begin(self, ticket: Ticket) -> None:
        task = asyncio.create_task(self._consume(ticket), name=f"job {ticket.job} picture {ticket.index}")
        live = self._open[ticket.job]
        begun = live.begun
        self._consumers.add(task)
        live.tasks.add(task)
        self._throughput.task_started()
        task.add_done_callback(partial(self._end, ticket, live))
        if not begun:
            self._offer(live)
        self._moved.set()

    def _end(self, ticket: Ticket, live: LiveJob, task: "asyncio.Task[bool]") -> None:
        self._consumers.discard(task)
        live.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("job %d picture %d", ticket.job, ticket.index, exc_info=error)
        succeeded = not task.cancelled() and error is None and task.result()
        self._throughput.task_finished(ticket.cost if succeeded else 0)
        self._queue.done(ticket)

    async def _consume(self, ticket: Ticket) -> bool:
        """Run one ticket to its end; True where it succeeded. The row of a cancelled one says why already."""
        try:
            return await self._draw(self._open[ticket.job].job, ticket)
        except EngineError as error:
            await self._fail(ticket.job, error.code, str(error))
        except Refused as refused:
            await self._fail(ticket.job, "refused", refused.code)
            ended = await self._store.job(ticket.job) if refused.code == "unfit-picture" else None
            if ended is not None and ended.pictures:
                await self._stored(partial(self.delete_pictures, ended))
        except Exception:
            log.exception("job %d picture %d", ticket.job, ticket.index)
            await self._fail(ticket.job, "internal", "")
        return False

    async def _draw(self, job: Job, ticket: Ticket) -> bool:
        begun = self._now()
        source = await self._stored(lambda: sources.source(self._store, self._images, job.request))
        task = params.task(job, ticket.index, source)
        if job.request.kind == "upscale":  # it makes no prompt ready
            await self._stored(lambda: self._store.start(job.id, begun))
        try:
            async with aclosing(self._engine.run(task)) as events:
                async for event in events:
                    match event:
                        case PromptReady():
                            await self._prompt_ready(job.id, event, begun)
                        case Progress():
                            self._stepped(job.id, ticket.index, event)
                        case Picture():
                            await self._keep(job.id, ticket.index, event)
        except EngineLost as lost:
            await self._retry(job, ticket, lost)
            return False
        return True

    async def _prompt_ready(self, job_id: int, ready: PromptReady, begun: float) -> None:
        self._throughput.first_step()
        self._banned_words.check(ready.used)
        live = self._open[job_id]
        if await self._stored(lambda: sources.is_repeated(self._store, live.job, ready.used)):
            ready = replace(ready, notes=(*ready.notes, REPEATED))
        before = live.job.state, live.job.used_prompt, live.job.negative_used, live.job.notes
        if before != ("running", ready.used, ready.negative_used, ready.notes):  # it is the first picture
            await self._stored(lambda: self._store.start(job_id, begun, ready))
            if live.job.started is None:
                metrics.WAIT.observe(max(0.0, begun - live.job.created))
            live.job = replace(
                live.job,
                state="running",
                started=live.job.started or begun,
                used_prompt=ready.used,
                negative_used=ready.negative_used,
                notes=ready.notes,
            )
            if live.job.request.kind != "optimize":
                self._offer(live)
        if live.job.request.kind == "optimize" and await self._stored(
            lambda: self._store.finish(job_id, self._now())
        ):
            self._remove(live.job)
            _count("finished", job_id)

    def _stepped(self, job_id: int, index: int, progress: Progress) -> None:
        live = self._open[job_id]
        live.steps[index] = (progress.step, max(1, progress.steps))
        if progress.preview is not None and not self._picture_filter.applies(live.job.request.user):
            size = dimensions(progress.preview)
            live.preview = Image(f"{job_id}-preview.jpg", progress.preview, "image/jpeg", *size)
        self._offer(live)

    async def _keep(self, job_id: int, index: int, picture: Picture) -> None:
        self._picture_filter.check(self._open[job_id].job.request.user, picture.report)
        try:
            file = await self._images.write(job_id, index, picture.png)
        except OSError as error:
            log.error("the picture of job %d cannot be kept, it fails: %s", job_id, error)
            await self._fail(job_id, "storage", "")
            return
        row = JobPicture(
            index, file, picture.width, picture.height, picture.seed, picture.seconds, picture.report
        )
        live = self._open[job_id]
        count = params.count(live.job.request)
        try:
            job = await self._stored(lambda: self._store.add_picture(job_id, row, count, self._now()))
        except asyncio.CancelledError:
            if job_id not in self._open:  # it was cancelled; at the bot's own end the row may yet be written
                await self._images.delete([file])
            raise
        if job is None:
            await self._images.delete([file])
            return
        metrics.drawn(picture.report)
        if job.state == "finished":
            self._remove(job, (job, picture.png if count == 1 else b""))
            _count("finished", job_id)
        else:
            step, of = live.steps.get(index, (0, 1))
            live.steps[index] = (of, of)
            live.job = replace(live.job, pictures=job.pictures)
            if step < of:
                self._offer(live)

    async def _retry(self, job: Job, ticket: Ticket, lost: EngineLost) -> None:
        """Queue a ticket again that was lost with the engine, to run alone in case it is the cause."""
        metrics.LOST.inc()
        attempts = job.attempts + 1
        await self._stored(lambda: self._store.lost(job.id, attempts))
        if attempts >= MAX_ATTEMPTS:
            raise lost
        live = self._open[job.id]
        live.steps.pop(ticket.index, None)
        live.job = replace(live.job, attempts=attempts)
        self._queue.retry_alone(ticket)
        self._offer(live)

    async def _fail(self, job_id: int, code: str, detail: str) -> None:
        """End a job with an error, or as it had ended in the store already."""
        await self._stored(lambda: self._store.fail(job_id, code, detail, self._now()))
        if live := self._open.get(job_id):
            self._remove(live.job)
            _count("failed", job_id, detail if code == "refused" else code)

    async def _stored(self, write: Callable[[], Awaitable[T]]) -> T:
        """Return what the store answers, retried until it can: what is not written would be stuck or lost.

        A full disk, a lock that lasts and a share that went away pass.
        """
        pause = FIRST_RETRY
        while True:
            try:
                result = await write()
            except sqlite3.OperationalError as error:
                log.warning("the database does not take what a job has come to, trying again: %s", error)
                self.refusal = str(error)
                await self._sleep(pause)
                pause = min(2 * pause, LAST_RETRY)
            else:
                self.refusal = ""
                return result

    def _remove(self, job: Job, drawn: tuple[Job, bytes] | None = None) -> None:
        """Take an ended job out of the queue: drop what waits, stop what runs, show the final reply."""
        live = self._open.pop(job.id, None)
        self._queue.remove(job.id)
        for task in live.tasks if live else ():
            if task is not asyncio.current_task():
                task.cancel()
        self.show_final(live.job if live else job, drawn)
        self._moved.set()

    def _offer(self, live: LiveJob) -> None:
        self.delivery.offer(live.job.id, live.job.request.address, partial(self._present, live.job.id))

    async def _present(self, job_id: int) -> Reply | None:
        live = self._open.get(job_id)
        return None if live is None else self._current(live)

    async def _final(self, job_id: int, fresh: list[tuple[Job, bytes]]) -> Reply | None:
        if fresh:
            job, png = fresh.pop()
            return await stored.stored(job, self._images, self._replies, png)
        found = await self._store.job(job_id)
        return None if found is None else await self.reply(found)

    def _current(self, live: LiveJob) -> Reply:
        return stored.worded(live.job, partial(self._progress, live), self._replies)

    def _progress(self, live: LiveJob) -> Reply:
        deserted = self._queue.deserted
        if live.begun and not deserted:
            return self._replies.drawing(live.job, *live.progress(), live.preview)
        job, paused = live.job, self._queue.paused
        place, left = (
            max(1, self._queue.position(job.id)),
            self._throughput.seconds(self._queue.ahead(job.id)),
        )
        due = None if paused or deserted or left is None else round(self._now() + left)
        return self._replies.waiting(job, place, due, paused, deserted)


def _count(state: State, job: int, code: str = "") -> None:
    metrics.ENDED.labels(state, code).inc()
    log.info("job %d: %s", job, f"{state}, {code}" if code else state)


async def _ready(reply: Reply) -> Reply:
    return reply
