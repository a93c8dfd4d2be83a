"""The whole program on several machines' worth of processes: `make fleet`, some minutes.

A bot, three workers with the embedded model and a broker with TLS; worker, bot and broker are killed while
people wait. Not part of `make test`, where the same faults are tried with an engine that sleeps.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from bot.setup import cluster_files
from bot.storage.jobs import JobStore
from tests.engine.cluster.fleet import Server, needs_broker, serving
from tests.running import ROOT, Bot, first_line, launch

pytestmark = [needs_broker, pytest.mark.timeout(600)]
JOBS = 70


class Fleet:
    """A broker and the settings by which a bot or a worker joins it."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.workers: list[Process] = []

    def settings(self, user: str) -> dict[str, str]:
        credentials = self.folder / "credentials" / f"{user}.toml"
        url = f"tls://localhost:{self.server.port}"
        return {"CLUSTER__URL": url, "CLUSTER__CREDENTIALS": str(credentials), "MODEL__THREADS": "1"}

    async def join(self, user: str) -> Process:
        """Start a worker and wait until it takes tasks."""
        settings = {f"ZIMAGE_BOT_{key}": value for key, value in self.settings(user).items()}
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "worker"),
            cwd=ROOT,
            env=os.environ | settings,
            stdout=PIPE,
            start_new_session=True,
        )
        self.workers.append(worker)
        assert (await first_line(worker)).startswith("ready: tls://")
        return worker


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    folder = tmp_path / "broker"
    cluster_files.init(folder, ["localhost"], ["bot"], ["one", "two", "three", "four"])
    text = (folder / "nats.conf").read_text("utf-8")
    text = text.replace('"store_dir": "jetstream"', '"store_dir": "js"')
    text = text.replace(f'"port": {cluster_files.WEBSOCKET}', f'"port": {Server(folder).port}')
    async with serving(folder, text=text) as server:
        fleet = Fleet(folder, server)
        yield fleet
        for worker in fleet.workers:
            if worker.returncode is None:
                worker.terminate()
                assert await asyncio.wait_for(worker.wait(), 60) == 0


async def test_whoever_is_killed_every_job_ends_once(fleet: Fleet, tmp_path: Path) -> None:
    data, settings = tmp_path / "data", fleet.settings("bot") | {"LIMITS__QUEUE": "0", "LIMITS__PER_DAY": "0"}
    first, *_ = await asyncio.gather(*(fleet.join(user) for user in ("one", "two", "three")))
    async with AsyncExitStack() as stack:
        process = await launch(data, settings)
        bot = await talking(process, stack)
        jobs = [await bot.say(f"a red boat, number {number}") for number in range(JOBS)]
        await bot.until(jobs[5], "delivered")
        first.kill()
        await first.wait()
        await bot.until(jobs[15], "delivered")
        await bot.kill()
        process = await launch(data, settings)
        bot = await talking(process, stack)
        await bot.until(jobs[25], "delivered")
        await fleet.server.restart()
        await bot.until(jobs[35], "delivered")
        await fleet.server.restart(wiped=True)
        states = Counter(
            [(await bot.until(job, "delivered", "failed", "cancelled"))["state"] for job in jobs]
        )
        assert states == {"delivered": JOBS}
        process.terminate()
        await process.communicate()
    async with JobStore.open(data) as store:
        ended = [await store.job(job) for job in jobs]
    assert [len(job.pictures) for job in ended if job is not None] == [1] * JOBS


async def test_two_workers_that_are_asked_to_leave_one_by_one_lose_nothing(
    fleet: Fleet, tmp_path: Path
) -> None:
    one = await fleet.join("one")
    async with AsyncExitStack() as stack:
        process = await launch(tmp_path / "data", fleet.settings("bot"))
        bot = await talking(process, stack)
        jobs = [await bot.say(f"a blue bird, number {number}") for number in range(12)]
        await bot.until(jobs[2], "delivered")
        await fleet.join("two")
        one.terminate()
        assert await asyncio.wait_for(one.wait(), 60) == 0
        states = [(await bot.until(job, "delivered", "failed", "cancelled"))["state"] for job in jobs]
        assert states == ["delivered"] * 12
        process.terminate()
        await process.communicate()


async def talking(process: Process, stack: AsyncExitStack) -> Bot:
    """Wait until a bot serves, and return it; it ends with the stack at the latest."""
    stack.callback(lambda: process.kill() if process.returncode is None else None)
    line = await first_line(process)
    assert line.startswith("ready: "), line
    url = line.removeprefix("ready: ")
    return Bot(process, url, await stack.enter_async_context(aiohttp.ClientSession(url)))
