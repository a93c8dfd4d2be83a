"""Nothing that was accepted is lost or drawn twice, whatever dies in the middle."""

from pathlib import Path

import psutil
import pytest

from tests.running import Bot, running

JOBS = 10
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_killed_engine_costs_no_picture(tmp_path: Path) -> None:
    async with running(tmp_path) as bot:
        jobs = await _ten(bot)
        await bot.until(jobs[2], "finished", "delivered")
        bot.engine().kill()
        await _each_once(bot, jobs, tmp_path)


async def test_a_killed_bot_draws_what_it_accepted_after_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path) as bot:
        jobs = await _ten(bot)
        await bot.until(jobs[2], "finished", "delivered")
        engine = bot.engine()
        await bot.kill()
    psutil.wait_procs([engine], timeout=30)
    assert not engine.is_running(), "the orphaned engine still holds the device"
    async with running(tmp_path) as bot:
        await _each_once(bot, jobs, tmp_path)


async def _ten(bot: Bot) -> list[int]:
    return [await bot.say(f"a blue house in the snow at night --seed {seed}") for seed in range(JOBS)]


async def _each_once(bot: Bot, jobs: list[int], data: Path) -> None:
    ended = [await bot.until(number, "delivered", "failed", "cancelled") for number in jobs]
    assert [job["state"] for job in ended] == ["delivered"] * JOBS
    assert [job["seed"] for job in ended] == list(range(JOBS))
    pictures = {await bot.picture(number) for number in jobs}
    assert len(pictures) == JOBS
    files = [path.name for path in (data / "pictures").iterdir() if path.suffix == ".png"]
    assert len(files) == JOBS
