"""Whatever ends the bot or the engine, every stored job ends exactly once in its message."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bot.fake import FakePlatform
from bot.types import Address, Job, User
from engine.fake import FakeEngine
from engine.types import Generate
from tests.bot.harness import ANN, TOKENS, BotHarness, StepGate, bot_harness


async def crash(home: BotHarness) -> None:
    """End a bot as a kill does: nothing is written any more. (Its lock goes when the store is closed.)"""
    await home.store._db.connections[0].close()
    await home.stop()


def pictures_shown(platform: FakePlatform) -> Counter[Address]:
    return Counter(address for address, reply in platform.shows if reply.images)


async def states(home: BotHarness) -> set[str]:
    return {job.state for job in await home.core.jobs(ANN)}


@pytest.mark.parametrize("step", [1, 2])
async def test_after_a_crash_every_job_is_drawn_once_into_its_message(tmp_path: Path, step: int) -> None:
    platform, gate = FakePlatform(), StepGate(step)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate), platform=platform) as home:
        for _ in range(10):
            await home.ask()
        await gate.reached()
        await crash(home)
    messages = set(platform.latest)
    async with bot_harness(tmp_path, platform=platform) as home:
        await home.core.idle()
        assert await states(home) == {"delivered"}
        assert len(home.engine.tasks) == 10
    assert set(platform.latest) == messages
    assert pictures_shown(platform) == dict.fromkeys(messages, 1)


async def test_after_a_crash_only_the_missing_pictures_of_a_job_are_drawn(tmp_path: Path) -> None:
    class Third(StepGate):
        async def __call__(self, task: Generate, step: int) -> None:
            if task.seed == 7:
                await super().__call__(task, step)

    gate = Third()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask(count=4)
        await gate.reached()
        await crash(home)
    async with bot_harness(tmp_path) as home:
        await home.core.idle()
        assert [task.seed for task in home.engine.tasks] == [7, 8]
        row = await home.row(job)
        assert (row.state, [one.seed for one in row.pictures]) == ("delivered", [5, 6, 7, 8])


async def test_a_finished_job_nobody_was_shown_is_shown_after_the_restart_and_not_drawn_again(
    tmp_path: Path,
) -> None:
    platform = FakePlatform()
    async with bot_harness(tmp_path, platform=platform, run=False) as home:
        jobs = [await home.ask(), await home.ask("fail:")]
        platform.fail(10**9)
        home.run()

        async def ended() -> bool:
            return await states(home) == {"finished", "failed"}

        await home.until(ended)
        await crash(home)
    platform.failures.clear()
    async with bot_harness(tmp_path, platform=platform) as home:
        await home.core.idle()
        assert home.engine.tasks == []
        assert [(await home.row(job)).state for job in jobs] == ["delivered", "failed"]
        assert (await home.message(jobs[1])).text == home.replies.failed(await home.row(jobs[1])).text
        assert await home.store.unshown() == []


async def test_a_shutdown_puts_running_jobs_back_and_a_restart_goes_on_in_order(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        jobs = [await home.ask(str(at)) for at in range(3)]
        await gate.reached()
        await home.stop()
        assert await states(home) == {"queued"}
        assert home.engine.running == 0
    platform = FakePlatform()
    async with bot_harness(tmp_path, platform=platform, run=False) as home:
        await home.settled()
        expected = home.replies.waiting(await home.row(jobs[2]), 3)
        assert (await home.message(jobs[2])).text == expected.text
        home.run()
        await home.core.idle()
        assert [task.prompt for task in home.engine.tasks] == ["0", "1", "2"]


async def test_after_the_engine_is_lost_everything_is_drawn_once(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(4 * TOKENS, gate)) as home:
        jobs = [await home.ask() for _ in range(6)] + [await home.ask(count=2)]
        await gate.reached(4)
        home.engine.lose()
        gate.open()
        await home.core.idle()
        assert await states(home) == {"delivered"}
        assert max([(await home.row(job)).attempts for job in jobs]) == 1
        assert set(pictures_shown(home.platform).values()) == {1}


async def test_a_poisonous_task_fails_alone_after_three_attempts(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, engine=Fragile()) as home:
        jobs = [await home.ask("poison" if at == 2 else "a boat") for at in range(5)]
        await home.core.idle()
        rows = [await home.row(job) for job in jobs]
        assert [row.state for row in rows] == ["delivered", "delivered", "failed", "delivered", "delivered"]
        assert (rows[2].error, rows[2].attempts) == ("lost", 3)
        assert all(row.attempts <= 1 for row in rows if row is not rows[2])
        assert (await home.usage(ANN)).spent(home.time) == 4 * 2 / 8


class Fragile(FakeEngine):
    """Dies, with everything in it, of one prompt."""

    def __init__(self) -> None:
        super().__init__(8 * TOKENS, self._step)

    async def _step(self, task: Generate, step: int) -> None:
        await asyncio.sleep(0)
        if task.prompt == "poison" and step == 2:
            self.lose()
            await asyncio.sleep(0)


async def test_a_task_lost_once_is_drawn_at_the_second_try(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask("lost once: a boat", count=3)
        await home.core.idle()
        row = await home.row(job)
        assert (row.state, row.attempts) == ("delivered", 1)


async def test_a_cancelled_job_stays_cancelled_over_a_restart(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask()
        await gate.reached()
        await home.core.cancel(ANN)
        await crash(home)
    async with bot_harness(tmp_path) as home:
        await home.core.idle()
        assert (await home.row(job)).state == "cancelled"
        assert home.engine.tasks == []


async def test_a_picture_that_a_killed_bot_wrote_and_did_not_record_is_gone_at_the_next_start(
    tmp_path: Path,
) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask()
        await gate.reached()
        await crash(home)
    file = tmp_path / "pictures" / f"{job.id}-0.png"
    file.write_bytes(b"whole")
    async with bot_harness(tmp_path, run=False):
        assert not file.exists()


async def test_jobs_of_a_platform_that_is_not_served_wait_until_it_is(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        job = await home.ask()
    async with bot_harness(tmp_path, platform=FakePlatform("other")) as home:
        await home.core.idle()
        assert (await home.row(job)).state == "queued"
    async with bot_harness(tmp_path) as home:
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"


VICTIM = """
import asyncio, sys
from pathlib import Path
from tests.bot.harness import TOKENS, StepGate, bot_harness
from engine.fake import FakeEngine

async def main() -> None:
    kill_after = int(sys.argv[2])
    drawn = 0

    async def pace(task, step):
        nonlocal drawn
        drawn += 1
        if drawn == kill_after:
            print("ready", flush=True)
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    async with bot_harness(Path(sys.argv[1]), engine=FakeEngine(TOKENS, pace), run=False) as home:
        for _ in range(10):
            await home.ask(count=2)
        home.run()
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a Unix signal")
@pytest.mark.parametrize("steps", [1, 6, 33])
async def test_after_kill_9_ten_jobs_end_exactly_once(tmp_path: Path, steps: int) -> None:
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(tmp_path), str(steps), stdout=subprocess.PIPE
    )
    assert victim.stdout is not None
    assert await victim.stdout.readline() == b"ready\n"
    victim.send_signal(signal.SIGKILL)
    await victim.wait()
    async with bot_harness(tmp_path) as home:
        before = {job.id: job for job in await home.core.jobs(ANN)}
        await home.core.idle()
        after = await home.core.jobs(ANN)
        assert len(after) == len(before) == 10
        assert await states(home) == {"delivered"}
        assert all(len(job.pictures) == 2 for job in after)
        again = sum(2 - len(job.pictures) for job in before.values())
        assert len(home.engine.tasks) == again


async def test_three_hundred_jobs_of_thirty_people_are_served_in_turn_and_each_shown_once(
    tmp_path: Path,
) -> None:
    people = [User("fake", f"p{at}", f"P{at}") for at in range(30)]
    async with bot_harness(tmp_path, engine=FakeEngine(4 * TOKENS), run=False) as home:
        jobs: list[Job] = [await home.ask(user.id, user, steps=1) for user in people for _ in range(10)]
        home.run()
        await home.core.idle()
        order = [task.prompt for task in home.engine.tasks]
        rounds = [order[at : at + 30] for at in range(0, 300, 30)]
        assert all(sorted(one) == sorted(user.id for user in people) for one in rounds)
        assert {(await home.row(job)).state for job in jobs} == {"delivered"}
        shown = pictures_shown(home.platform)
        assert len(shown) == 300
        assert set(shown.values()) == {1}
