"""Everything that goes wrong between the bot and Discord: survived, nothing sent twice, nothing lost."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from adapters.discord import DiscordPlatform
from bot.replies.replies import Replies
from bot.setup.config import ConfigError, DiscordConfig
from tests.adapters.discord.faults import ROWS, Row
from tests.adapters.discord.harness import PROFILE, DiscordHarness, living, opened
from tests.adapters.discord.rest import running

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.where}: {row.fault}")
async def test_a_fault_comes_out_as_the_table_says(row: Row, tmp_path: Path) -> None:
    await row.trial(tmp_path)


async def test_a_refusal_after_a_lost_acknowledgement_still_reaches_only_the_asker(
    studio: DiscordHarness,
) -> None:
    studio.discord.fail("POST", "/callback", 502, late=True)
    await studio.ann.slash("imagine", prompt="something forbidden")
    assert "aren't allowed" in await studio.ann.told()
    assert studio.person("Bob").sees() == []


async def test_an_interaction_that_comes_too_late_makes_no_job(
    studio: DiscordHarness, caplog: pytest.LogCaptureFixture
) -> None:
    studio.world.deadline = -1.0
    await studio.ann.slash("imagine", prompt="a boat")
    await studio.world.until(lambda: any("/callback" in path for _, path, _ in studio.world.calls))
    studio.world.deadline = 3.0
    job = await studio.job(await studio.draw("another"))
    assert (job.id, job.request.params.prompt) == (1, "another")
    assert "too late" in caplog.text


async def test_fifty_people_at_once_are_all_acknowledged_in_time(tmp_path: Path) -> None:
    async with opened(tmp_path, hurried=False) as studio:
        people = [studio.person(f"P{number}") for number in range(50)]
        asked = await asyncio.gather(*(each.slash("imagine", prompt="a boat", steps=1) for each in people))
        await studio.world.until(lambda: all(each.answer == 5 for each in asked))


async def test_everybody_is_heard_before_anybody_is_told_more(studio: DiscordHarness) -> None:
    studio.discord.fail("POST", "/callback", 429)
    people = [studio.person("Ann"), studio.person("Bob")]
    asked = await asyncio.gather(*(each.slash("imagine", prompt="a boat", steps=1) for each in people))
    for each in asked:
        await studio.drawn(each)
    paths = [path for _, path, _ in studio.world.calls if "/callback" in path or "/webhooks/" in path]
    assert ["/callback" in path for path in paths[:3]] == [True, True, False]


async def test_what_was_begun_when_the_bot_stops_is_kept_and_done_by_the_next(tmp_path: Path) -> None:
    async with running() as small:
        async with living(small, tmp_path) as studio:
            people = [studio.person(f"P{number}") for number in range(10)]
            asked = await asyncio.gather(
                *(each.slash("imagine", prompt="a boat", steps=1) for each in people)
            )
            await small.world.until(lambda: all(each.answer for each in asked))
        async with living(small, tmp_path) as studio:
            for each in asked:
                assert (await studio.drawn(each)).files


async def test_a_bad_token_is_named_and_not_tried_again(tmp_path: Path) -> None:
    async with running() as small:
        settings = DiscordConfig("wrong", api_base=small.api_base, gateway_url=small.gateway_url)
        with pytest.raises(ConfigError, match=r"discord\.token"):
            await DiscordPlatform(settings, tmp_path, Replies(PROFILE)).run(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["no token", "\n", "токен"])
async def test_what_is_no_token_is_not_even_tried(token: str, tmp_path: Path) -> None:
    async with running() as small:
        settings = DiscordConfig(token, api_base=small.api_base, gateway_url=small.gateway_url)
        with pytest.raises(ConfigError, match=r"discord\.token"):
            await DiscordPlatform(settings, tmp_path, Replies(PROFILE)).run(None)  # type: ignore[arg-type]
        assert small.world.calls == []


async def test_a_bad_token_ends_a_program_that_serves_nobody_else_with_one_line(tmp_path: Path) -> None:
    async with running() as small:
        settings = {"DATA_DIR": str(tmp_path), "WEB__ENABLED": "false", "LOG_LEVEL": "error",
                    "DISCORD__TOKEN": "wrong", "DISCORD__API_BASE": small.api_base,
                    "DISCORD__GATEWAY_URL": small.gateway_url}  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", cwd=ROOT,
            env=os.environ | {f"ZIMAGE_BOT_{key}": value for key, value in settings.items()},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await process.communicate()
    assert process.returncode == 1
    assert "discord.token is not accepted" in said.decode().splitlines()[-1]
    assert "Traceback" not in said.decode()
    assert "wrong" not in said.decode()


async def test_a_lost_gateway_is_one_line_in_the_log_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as studio:
        studio.discord.gateway_down = True
        await studio.discord.gateway.drop()
        await studio.world.until(lambda: studio.discord.turned_away)
        studio.discord.gateway_down = False
        await studio.world.until(studio.discord.gateway.ready)
    said = [record for record in caplog.records if record.name == "discord.client"]
    assert any("reconnect" in record.getMessage() and "503" in record.getMessage() for record in said)
    assert [record for record in said if record.exc_info] == []
