"""`python -m tests.bench_fleet` measures a fleet on this machine and prints a table; `make fleet` runs it.

A real broker on loopback; workers are processes with an engine that sleeps, so that the machine's cores limit
nothing but the messages.
"""

import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.cluster.engine import ClusterEngine
from engine.fake import FakeEngine, striped
from engine.types import EngineError, Generate, Optimize, Picture, Progress, Upscale
from tests.contracts.engine_contract import played
from tests.engine.cluster.fleet import (
    LEASE,
    ROOT,
    SMALL,
    Link,
    Server,
    begun,
    cluster,
    serving,
    until,
    workers,
    working,
)

Row = tuple[str, str]
STEPS = 8


def small(seed: int = 0, prompt: str = "a cat", **changes: Any) -> Generate:
    return Generate(prompt, width=128, height=128, seed=seed, **{"steps": STEPS, **changes})


def milliseconds(seconds: list[float]) -> str:
    """Return the median and the 95th percentile."""
    median, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    return f"{1000 * median:.1f} ms, {1000 * p95:.1f} at p95"


async def timed(work: Awaitable[Any]) -> float:
    since = time.perf_counter()
    await work
    return time.perf_counter() - since


@asynccontextmanager
async def started(
    server: Server, count: int, seconds: float, room: int = SMALL
) -> AsyncIterator[tuple[ClusterEngine, list[Any]]]:
    """A bot's engine and so many workers that take so long for each step."""
    async with cluster(server.url) as engine, workers(server.url, count, seconds, room=room) as processes:
        await until(engine, lambda: len(engine.rooms) == count)
        yield engine, processes


async def an_empty_round_trip(server: Server) -> str:
    async with started(server, 1, 0) as (engine, _):
        return milliseconds([await timed(played(engine, Optimize("a cat"))) for _ in range(300)])


async def behind_a_link_of_40_ms(server: Server) -> str:
    link = Link(server.port, 0.02)  # there and back
    async with cluster(server.url) as engine, workers(await link.open(), 1, 0.5 / STEPS, room=SMALL):
        await until(engine, lambda: bool(engine.rooms))
        empty = milliseconds([await timed(played(engine, Optimize("a cat"))) for _ in range(20)])
        seconds = await timed(asyncio.gather(*(played(engine, small(seed)) for seed in range(8))))
    await link.close()
    return f"{empty}; pictures of 0.5 s {8 / seconds:.2f} of 2 a second"


def pictures_of_half_a_second_with(count: int) -> Callable[[Server], Coroutine[Any, Any, str]]:
    async def measure(server: Server) -> str:
        async with started(server, count, 0.5 / STEPS) as (engine, _):
            await asyncio.gather(*(played(engine, small(seed)) for seed in range(count)))
            tasks = [played(engine, small(seed)) for seed in range(10 * count)]
            return f"{10 * count / await timed(asyncio.gather(*tasks)):.2f} a second"

    return measure


def pictures_of_the_small_model_with(count: int) -> Callable[[Server], Coroutine[Any, Any, str]]:
    async def measure(server: Server) -> str:
        settings = {"ZIMAGE_BOT_CLUSTER__URL": server.url, "ZIMAGE_BOT_MODEL__THREADS": "1"}
        starting = (
            asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "worker"),
                cwd=ROOT,
                env=os.environ | settings,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            for _ in range(count)
        )
        processes = await asyncio.gather(*starting)
        try:
            async with cluster(server.url, lane="v2-embedded") as engine:
                await until(engine, lambda: len(engine.rooms) == count)
                tasks = [
                    Generate("a red boat", width=256, height=256, seed=seed) for seed in range(8 * count)
                ]
                await asyncio.gather(*(played(engine, task) for task in tasks[: 2 * count]))
                seconds = await timed(asyncio.gather(*(played(engine, task) for task in tasks)))
        finally:
            for process in processes:
                process.terminate()
                await process.communicate()
        return (
            f"{len(tasks) / seconds:.2f} a second (load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores)"
        )

    return measure


async def a_worker_killed(server: Server) -> str:
    async with started(server, 2, 0.25) as (engine, [one, other]):
        first = asyncio.Event()
        task = small(steps=4)
        runs = [asyncio.create_task(begun(engine, replace(task, seed=seed), first)) for seed in range(2)]
        await first.wait()
        await one.kill()
        seconds = await timed(asyncio.gather(*runs))
        made = sum(isinstance(event, Picture) for run in runs for event in run.result())
        assert other.process.returncode is None
        return f"both done {seconds:.1f} s later, {made} pictures (lease {LEASE:.0f} s, picture 1 s)"


async def a_worker_frozen(server: Server) -> str:
    async with started(server, 2, 0.25) as (engine, [one, _]):
        first = asyncio.Event()
        runs = [asyncio.create_task(begun(engine, small(seed, steps=4), first)) for seed in range(2)]
        await first.wait()
        one.signal(signal.SIGSTOP)
        seconds = await timed(asyncio.gather(*runs))
        one.signal(signal.SIGCONT)
        made = sum(isinstance(event, Picture) for run in runs for event in run.result())
        return f"both done {seconds:.1f} s later, {made} pictures"


async def a_worker_asked_to_leave_with_8_running(server: Server) -> str:
    async with started(server, 1, 0.05, 8 * SMALL) as (engine, [one]):
        first = asyncio.Event()
        runs = [asyncio.create_task(begun(engine, small(seed, steps=40), first)) for seed in range(8)]
        await first.wait()
        await asyncio.sleep(0.5)
        status = await one.leave()
        done = sum(run.done() and not run.exception() for run in runs)
        for run in runs:
            run.cancel()
        return f"{done} of 8 done, exit status {status}"


async def a_task_that_ends_workers_beside_8_others(server: Server) -> str:
    async with started(server, 4, 0.02) as (engine, _):
        since = time.perf_counter()
        poison = asyncio.create_task(played(engine, small(prompt="poison")))
        others = await asyncio.gather(*(played(engine, small(seed)) for seed in range(8)))
        try:
            await poison
        except EngineError as error:
            return (
                f"fails after {time.perf_counter() - since:.1f} s ({error}), {len(others)} of 8 others done"
            )
        raise AssertionError


def the_broker_killed_with_30_open(wiped: bool) -> Callable[[Server], Coroutine[Any, Any, str]]:
    async def measure(server: Server) -> str:
        async with started(server, 3, 0.02) as (engine, _):
            runs = [asyncio.create_task(played(engine, small(seed))) for seed in range(36)]
            while sum(run.done() for run in runs) < 6:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            since = time.perf_counter()
            await server.restart(wiped=wiped)
            outcomes = await asyncio.gather(*runs)
            made = sum(isinstance(event, Picture) for outcome in outcomes for event in outcome)
            return f"{made} of 36 pictures, the last after {time.perf_counter() - since:.1f} s"

    return measure


async def a_cancel_until_the_place_is_free(server: Server) -> str:
    fake = FakeEngine(SMALL, lambda task, step: asyncio.sleep(0.01))
    seconds = []
    async with cluster(server.url) as engine, working(server.url, fake):
        for seed in range(40):
            first = asyncio.Event()
            run = asyncio.create_task(begun(engine, small(seed, steps=50), first))
            await first.wait()
            since = time.perf_counter()
            run.cancel()
            while fake.running:  # noqa: ASYNC110
                await asyncio.sleep(0)
            seconds.append(time.perf_counter() - since)
            await asyncio.gather(run, return_exceptions=True)
    return milliseconds(seconds)


async def a_preview_of_60_kb(server: Server) -> str:
    sent: dict[int, float] = {}

    class Previewing(FakeEngine):
        async def run(self, task: Any) -> Any:
            async with aclosing(super().run(task)) as events:
                async for event in events:
                    if isinstance(event, Progress):
                        event = replace(event, preview=bytes(60_000))
                        sent[event.step] = time.perf_counter()
                    yield event

    seconds = []
    fake = Previewing(SMALL, lambda task, step: asyncio.sleep(0.02))
    async with (
        cluster(server.url) as engine,
        working(server.url, fake),
        aclosing(engine.run(small(steps=50))) as events,
    ):
        async for event in events:
            if isinstance(event, Progress):
                seconds.append(time.perf_counter() - sent[event.step])
    return milliseconds(seconds)


async def twenty_mb_there_and_24_back(server: Server) -> str:
    class Large(FakeEngine):
        async def run(self, task: Any) -> Any:
            made = striped("a picture", 64, 64) + bytes(24_000_000)
            yield Picture(made, 64, 64, 0, 0.0)

    upload = striped("an upload", 64, 64) + os.urandom(20_000_000)
    async with cluster(server.url) as engine, working(server.url, Large()):
        await until(engine, lambda: bool(engine.rooms))
        return f"{await timed(played(engine, Upscale(upload))):.2f} s"


async def two_bots_with_20_pictures_each(server: Server) -> str:
    ended: list[str] = []

    async def bot(engine: ClusterEngine, name: str) -> None:
        """Have 20 pictures drawn, as many at once as a bot's queue hands out: two for each worker."""
        handed_out = asyncio.Semaphore(2 * len(engine.rooms))

        async def one(seed: int) -> None:
            async with handed_out:
                await played(engine, small(seed))
                ended.append(name)

        await asyncio.gather(*map(one, range(20)))

    async with (
        cluster(server.url, user="a") as a,
        cluster(server.url, user="b") as b,
        workers(server.url, 2, 0.01, room=SMALL),
    ):
        for engine in (a, b):
            await until(engine, lambda engine=engine: len(engine.rooms) == 2)  # type: ignore[misc]
        await asyncio.gather(bot(a, "a"), bot(b, "b"))
    return f"{ended[:20].count('a')} and {ended[:20].count('b')} of the first 20"


MEASURED: dict[str, Callable[[Server], Coroutine[Any, Any, str]]] = {
    "an empty round trip": an_empty_round_trip,
    "behind a link of 40 ms": behind_a_link_of_40_ms,
    **{f"pictures of 0.5 s, {n} workers": pictures_of_half_a_second_with(n) for n in (1, 2, 3)},
    **{f"the small model on one thread, {n} workers": pictures_of_the_small_model_with(n) for n in (1, 2, 3)},
    "a worker killed (SIGKILL)": a_worker_killed,
    "a worker frozen (SIGSTOP)": a_worker_frozen,
    "a worker asked to leave (SIGTERM) with 8 running": a_worker_asked_to_leave_with_8_running,
    "a task that ends its worker, beside 8 others": a_task_that_ends_workers_beside_8_others,
    "the broker killed with 30 tasks open": the_broker_killed_with_30_open(wiped=False),
    "the broker killed and its disk wiped, with 30 open": the_broker_killed_with_30_open(wiped=True),
    "a cancel, until the place is free": a_cancel_until_the_place_is_free,
    "a preview of 60 KB, from worker to bot": a_preview_of_60_kb,
    "20 MB to a worker and 24 MB back": twenty_mb_there_and_24_back,
    "two bots with 20 pictures each, 2 workers": two_bots_with_20_pictures_each,
}


async def main(wanted: str) -> None:
    """Measure what has `wanted` in its name."""
    sys.stdout.write("| what | measured |\n|---|---|\n")
    for name, measure in MEASURED.items():
        if wanted in name:
            with tempfile.TemporaryDirectory() as folder:
                async with serving(Path(folder)) as server:
                    sys.stdout.write(f"| {name} | {await measure(server)} |\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:])))
