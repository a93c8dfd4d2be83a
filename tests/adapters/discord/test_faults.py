"""Everything that goes wrong between the bot and Discord: survived, nothing sent twice, nothing lost."""

import asyncio
import os
import sys
from pathlib import Path

import discord
import pytest

from adapters.discord import DiscordPlatform, DiscordSettings
from bot.config import ConfigError
from engine.fake import FakeEngine
from tests.adapters.discord.rest import CUT, running
from tests.adapters.discord.studio import Studio, living, opened
from tests.bot.house import Gate

ROOT = Path(__file__).parents[3]
QUARTER = 901.0


async def alone(studio: Studio) -> None:
    """One message, one picture, delivered: whatever happened on the way."""
    await studio.core.idle()
    (message,) = studio.ann.sees()
    assert len(message.files) == 1
    assert (await studio.newest()).state == "delivered"


@pytest.mark.parametrize("status", [429, 500, 502, 503, CUT])
@pytest.mark.parametrize("late", [False, True], ids=["refused", "lost answer"])
async def test_a_fault_under_an_edit_by_token_is_survived(studio: Studio, status: int, late: bool) -> None:
    studio.discord.fail("PATCH", "/webhooks/", status, late=late)
    await studio.draw()
    await alone(studio)


@pytest.mark.parametrize("status", [429, 500, 502, 503, CUT])
async def test_a_fault_under_an_edit_by_the_bot_is_survived(tmp_path: Path, status: int) -> None:
    gate = Gate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        asked = await studio.ann.slash("imagine", prompt="a boat", steps=2)
        await gate.reached()
        await studio.world.until(lambda: asked.original and asked.original.custom_ids)
        studio.world.shift += QUARTER
        studio.discord.fail("PATCH", "/channels/", status)
        gate.open()
        await studio.drawn(asked)
        await alone(studio)


@pytest.mark.parametrize("status", [429, 502, 503])
@pytest.mark.parametrize("late", [False, True], ids=["refused", "lost answer"])
async def test_a_fault_under_the_acknowledgement_is_survived(studio: Studio, status: int, late: bool) -> None:
    studio.discord.fail("POST", "/callback", status, late=late)
    await studio.draw()
    await alone(studio)


async def test_a_refusal_after_a_lost_acknowledgement_still_reaches_only_the_asker(studio: Studio) -> None:
    studio.discord.fail("POST", "/callback", 502, late=True)
    await studio.ann.slash("imagine", prompt="something forbidden")
    assert "aren't allowed" in await studio.ann.told()
    assert studio.person("Bob").sees() == []


async def test_a_token_that_dies_early_hands_over_to_the_bot(studio: Studio) -> None:
    studio.discord.fail("PATCH", "/webhooks/", 401, times=100)
    await studio.draw()
    await alone(studio)


async def test_a_message_sent_again_after_a_lost_answer_stands_once(studio: Studio) -> None:
    first = await studio.draw(seed=5)
    studio.discord.fail("POST", r"/channels/\d+/messages", 502, late=True)
    await studio.ann.react(first, "✉️")
    dm = studio.world.dm(studio.ann.person)
    await studio.world.until(lambda: sum("/messages" in path and method == "POST"
                                         for method, path, _ in studio.world.calls) >= 2)  # fmt: skip
    assert len([each for each in studio.world.messages.values() if each.channel is dm]) == 1


async def test_an_interaction_that_comes_too_late_makes_no_job(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    studio.world.deadline = -1.0
    await studio.ann.slash("imagine", prompt="a boat")
    await studio.world.until(lambda: any("/callback" in path for _, path, _ in studio.world.calls))
    studio.world.deadline = 3.0
    job = await studio.job(await studio.draw("another"))
    assert (job.id, job.request.params.prompt) == (1, "another")
    assert "too late" in caplog.text


async def test_an_event_that_comes_twice_is_one_job(studio: Studio) -> None:
    await studio.draw()
    session = next(iter(studio.discord.gateway.sessions.values()))
    name, event = next(told for told in session.events if told[0] == "INTERACTION_CREATE")
    await studio.discord.gateway.tell(name, event)
    await studio.draw("another")
    assert await studio.store.job(3) is None
    assert len(studio.ann.sees()) == 2


async def test_a_dropped_gateway_is_resumed_and_what_was_missed_is_done(studio: Studio) -> None:
    gateway = studio.discord.gateway
    assert gateway.compressed == {"zlib-stream"}
    await gateway.drop()
    message = await studio.draw()
    assert message.files
    assert (gateway.identified, gateway.resumed) == (1, 1)


async def test_an_invalid_session_begins_anew(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(self: discord.Client, shard_id: int | None, *, initial: bool = False) -> None:
        """The library waits five seconds here, for Discord's sake."""

    monkeypatch.setattr(discord.Client, "before_identify_hook", at_once)
    gateway = studio.discord.gateway
    await gateway.drop(forget=True)
    await studio.world.until(gateway.ready)
    assert (await studio.draw()).files
    assert (gateway.identified, gateway.resumed) == (2, 0)


async def test_rest_that_is_down_at_the_start_is_waited_for(tmp_path: Path) -> None:
    async with running() as small:
        small.down = True
        async with living(small, tmp_path, ready=False) as studio:
            await small.world.until(lambda: small.turned_away >= 3)
            small.down = False
            await small.world.until(small.gateway.ready)
            assert (await studio.draw()).files


async def test_a_gateway_that_is_down_at_the_start_is_waited_for(tmp_path: Path) -> None:
    async with running() as small:
        small.gateway_down = True
        async with living(small, tmp_path, ready=False) as studio:
            await small.world.until(lambda: small.turned_away >= 2)
            small.gateway_down = False
            await small.world.until(small.gateway.ready)
            assert (await studio.draw()).files


async def test_fifty_people_at_once_are_all_acknowledged_in_time(tmp_path: Path) -> None:
    async with opened(tmp_path, hurried=False) as studio:
        people = [studio.person(f"P{number}") for number in range(50)]
        asked = await asyncio.gather(*(each.slash("imagine", prompt="a boat", steps=1) for each in people))
        await studio.world.until(lambda: all(each.answer == 5 for each in asked))


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
        settings = DiscordSettings("wrong", small.api_base, small.gateway_url)
        with pytest.raises(ConfigError, match=r"discord\.token"):
            await DiscordPlatform(settings, tmp_path).run(None)  # type: ignore[arg-type]


async def test_a_bad_token_ends_the_program_with_one_line_and_code_two(tmp_path: Path) -> None:
    async with running() as small:
        settings = {"DATA_DIR": str(tmp_path), "WEB__PORT": "0", "LOG_LEVEL": "error",
                    "DISCORD__TOKEN": "wrong", "DISCORD__API_BASE": small.api_base,
                    "DISCORD__GATEWAY_URL": small.gateway_url}  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", cwd=ROOT,
            env=os.environ | {f"ZIMAGE_BOT_{key}": value for key, value in settings.items()},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await process.communicate()
    assert process.returncode == 2
    assert "discord.token is not accepted" in said.decode().splitlines()[-1]
    assert "Traceback" not in said.decode()
    assert "wrong" not in said.decode()
