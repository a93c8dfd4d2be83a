"""What an operator's programs see of a running bot: `/metrics` for Prometheus, and the log as JSON.

Knows what is measured, and nothing of who draws or asks.
"""

import json
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Protocol

import psutil
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.core import Core
from bot.setup.config import ConfigError, is_loopback
from engine.types import Engine, Worker

PHASES = ("stopped", "loading", "recovering", "ready", "failed", "closed")
_JOB = re.compile(r"\bjob (\d+)")


class Process(Protocol):
    """What draws in a process of its own, and how often another one had to take its place."""

    restarted: int
    replaced: int

    @property
    def pid(self) -> int | None:
        """Its process while there is one."""


class Gauges(Collector):
    """What holds at this moment, read when somebody asks."""

    def __init__(
        self,
        core: Core,
        engine: Engine,
        phase: Callable[[], str],
        workers: Callable[[], Sequence[Worker]],
        processes: Sequence[Process],
    ) -> None:
        self._core = core
        self._engine = engine
        self._phase = phase
        self._workers = workers
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge with its value."""
        jobs = GaugeMetricFamily("zimage_jobs_open", "Jobs that wait or are drawn.", labels=["state"])
        waiting, drawing = self._core.queue
        jobs.add_metric(["waiting"], waiting)
        jobs.add_metric(["drawing"], drawing)
        yield jobs
        rooms = self._engine.rooms
        yield GaugeMetricFamily("zimage_devices", "Devices that draw.", value=len(rooms))
        yield GaugeMetricFamily(
            "zimage_room_tokens", "Image tokens the devices take at once.", value=sum(rooms)
        )
        phases, now = (
            GaugeMetricFamily("zimage_engine_phase", "1: the engine is in it.", labels=["phase"]),
            self._phase(),
        )
        for phase in PHASES:
            phases.add_metric([phase], phase == now)
        yield phases
        restarts = CounterMetricFamily(
            "zimage_engine_restarts", "Engine processes that came after one that ended.", labels=["reason"]
        )
        restarts.add_metric(["lost"], sum(process.restarted for process in self._processes))
        restarts.add_metric(["grown"], sum(process.replaced for process in self._processes))
        yield restarts
        refuses = bool(self._core.refusal)
        yield GaugeMetricFamily("zimage_database_refuses", "1: the database takes nothing.", value=refuses)
        yield from self._of_workers()
        memory = GaugeMetricFamily("zimage_memory_bytes", "Resident memory.", labels=["process"])
        engines = (process.pid for process in self._processes)
        for name, pids in (
            ("bot", [os.getpid()]),
            ("engine", filter(psutil.pid_exists, filter(None, engines))),
        ):
            if sizes := [psutil.Process(pid).memory_info().rss for pid in pids]:
                memory.add_metric([name], sum(sizes))
        yield memory

    def _of_workers(self) -> Iterator[Metric]:
        workers = self._workers()
        running = GaugeMetricFamily("zimage_worker_tasks", "Tasks a worker has.", labels=["worker"])
        pictures = CounterMetricFamily(
            "zimage_worker_pictures", "Pictures a worker has drawn.", labels=["worker"]
        )
        seconds = GaugeMetricFamily(
            "zimage_worker_picture_seconds", "A usual picture there.", labels=["worker"]
        )
        for worker in workers:
            running.add_metric([worker.name], worker.running)
            pictures.add_metric([worker.name], worker.drawn)
            if worker.seconds is not None:
                seconds.add_metric([worker.name], worker.seconds)
        yield GaugeMetricFamily(
            "zimage_workers", "Machines of the cluster that are present.", value=len(workers)
        )
        yield from (running, pictures, seconds)


@asynccontextmanager
async def metrics(listen: str, present: Collector) -> AsyncIterator[str]:
    """Serve `/metrics` at `host:port` meanwhile; yield the URL.

    Who reaches that address reads it: the page's tokens are not asked for. On loopback a browser that was led
    here under another name gets nothing. Raises `ConfigError` where it cannot listen.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")

    async def show(request: web.Request) -> web.Response:
        if is_loopback(host) and not is_loopback(request.url.host or ""):
            raise web.HTTPForbidden
        body = generate_latest(REGISTRY) + generate_latest(now)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    now = CollectorRegistry()
    now.register(present)
    app = web.Application()
    app.router.add_get("/metrics", show)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, int(port)).start()
        at, number = runner.addresses[0][:2]
        yield f"http://[{at}]:{number}/metrics" if ":" in at else f"http://{at}:{number}/metrics"
    except OSError as error:
        raise ConfigError(f"metrics.listen = {listen!r}: {error.strerror}; choose another address") from None
    finally:
        await runner.cleanup()


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, the job it is of, and what failed.

    A prompt (`extra={"prompt": …}`) is shown by a hash that is the same for the same prompt until the bot
    ends, or as it is.
    """

    def __init__(self, prompts: bool) -> None:
        super().__init__()
        self._prompts = prompts
        self._key = secrets.token_bytes(16)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        message = record.getMessage()
        entry: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        if found := _JOB.search(message):
            entry["job"] = int(found[1])
        if prompt := getattr(record, "prompt", ""):
            hashed = blake2b(prompt.encode(), digest_size=6, key=self._key).hexdigest()
            entry["prompt"] = prompt if self._prompts else hashed
        if record.exc_text or record.exc_info:
            entry["error"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        return json.dumps(entry, ensure_ascii=False)
