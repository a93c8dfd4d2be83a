"""The whole line on real input: the bot as a process, its HTTP API, the embedded model."""

import io
from pathlib import Path

import pytest
from PIL import Image

from engine.pictures import metadata
from tests.running import running

PROMPT = "a red sailboat on the sea at sunset"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_message_becomes_a_picture_with_its_parameters(tmp_path: Path) -> None:
    async with running(tmp_path) as bot:
        number = await bot.say(f"/imagine {PROMPT} --seed 7")
        job = await bot.until(number, "delivered", "failed")
        png = await bot.picture(number)
    assert job["state"] == "delivered", job
    assert PROMPT in job["used_prompt"]
    # Nothing is refused, so nothing was guided.
    assert (job["seed"], job["steps"], job["guidance_scale"]) == (7, 8, 1.0)
    image = Image.open(io.BytesIO(png))
    assert image.size == (job["width"], job["height"])
    assert image.text["parameters"].startswith(job["used_prompt"])
    found = metadata.read(png)
    assert found is not None
    assert (found.prompt, found.original, found.seed) == (job["used_prompt"], PROMPT, 7)
    assert found.guidance_scale == 1.0


async def test_a_chinese_wish_is_drawn_by_its_english_prompt(tmp_path: Path) -> None:
    async with running(tmp_path) as bot:
        number = await bot.say("/optimize 夕阳下海上的一艘红色帆船")
        job = await bot.until(number, "delivered", "failed")
        assert job["used_prompt"] == PROMPT
        drawn = await bot.until(
            (await bot.post(f"/api/jobs/{number}/actions", {"verb": "use", "index": 0}))["job"],
            "delivered",
            "failed",
        )
    assert PROMPT in drawn["used_prompt"]


async def test_pictures_survive_a_polite_restart_and_old_buttons_work(tmp_path: Path) -> None:
    async with running(tmp_path) as bot:
        first = await bot.say(f"{PROMPT} --seed 7")
        await bot.until(first, "delivered")
        before = await bot.picture(first)
    async with running(tmp_path) as bot:
        assert await bot.picture(first) == before
        again = (await bot.post(f"/api/jobs/{first}/actions", {"verb": "reroll", "index": 0}))["job"]
        assert (await bot.until(again, "delivered", "failed"))["state"] == "delivered"
        assert await bot.picture(again) != before
