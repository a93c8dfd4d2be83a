"""What Discord refuses for good ends in words or elsewhere, never in endless tries; and who else answers."""

import asyncio
from pathlib import Path

import pytest

from adapters.discord import button_presses
from adapters.discord.platform import REMEDIES
from adapters.discord.sync import FILE
from bot.setup.config import ConfigError
from engine.fake import FakeEngine
from tests.adapters.discord.fake_discord import Wrong
from tests.adapters.discord.faults import QUARTER, HeavyEngine, gated
from tests.adapters.discord.harness import DiscordHarness, living, opened
from tests.adapters.discord.people import words
from tests.adapters.discord.rest import running
from tests.bot.harness import StepGate

HOUR = 3600.0


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (Wrong(400, 20009, "Explicit content cannot be sent"), "explicit"),
        (Wrong(400, 50035, "Invalid Form Body"), "does not take this picture"),
        (Wrong(400, 200000, "Message was blocked by automatic moderation"), "does not take this picture"),
        (Wrong(413, 40005, "Request entity too large"), "does not take this picture"),
        (Wrong(413, 0, ""), "does not take this picture"),
    ],
)
async def test_a_picture_that_discord_refuses_is_replaced_by_words(
    studio: DiscordHarness, refusal: Wrong, told: str
) -> None:
    studio.world.refused_files = refusal
    message = await studio.draw()
    assert told in words(message)
    assert "/show 1" in words(message)
    assert message.files == []


async def test_a_picture_that_is_too_large_after_all_is_sent_smaller(tmp_path: Path) -> None:
    async with opened(tmp_path, engine=HeavyEngine(64)) as studio:
        studio.world.most_bytes = 2**20
        message = await studio.draw()
        assert 0 < len(message.files[0]) <= 2**20


def by_dm(studio: DiscordHarness) -> list[int]:
    """Return how many files each direct message to Ann has."""
    dm = studio.world.dm(studio.ann.person)
    return [len(each.files) for each in studio.world.messages.values() if each.channel is dm]


async def test_an_archived_thread_is_opened_again(tmp_path: Path) -> None:
    async with gated(tmp_path) as (studio, gate):
        studio.world.channel.archived = True
        gate.open()
        await studio.core.idle()
        assert not studio.world.channel.archived
        assert studio.ann.sees()[0].files


async def test_a_locked_thread_is_left_for_a_direct_message(tmp_path: Path) -> None:
    async with gated(tmp_path) as (studio, gate):
        studio.world.channel.archived = studio.world.channel.locked = True
        gate.open()
        await studio.core.idle()
        assert by_dm(studio) == [1]


async def test_a_message_whose_picture_went_elsewhere_says_where(tmp_path: Path) -> None:
    async with gated(tmp_path) as (studio, gate):
        studio.world.refused_files = Wrong(403, 50013, "Missing Permissions")
        studio.world.spares = studio.world.dm(studio.ann.person)
        gate.open()
        await studio.core.idle()
        [message] = [each for each in studio.ann.sees() if each.channel is studio.world.channel]
        assert "direct message" in message.text
        assert by_dm(studio) == [1]


async def test_an_answer_for_ones_own_eyes_goes_by_direct_message_once_its_token_is_dead(
    tmp_path: Path,
) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        studio.world.channel.hides = True
        await studio.ann.slash("imagine", prompt="a boat", steps=2)
        await gate.reached()
        studio.world.shift += QUARTER
        gate.open()
        await studio.core.idle()
        assert by_dm(studio) == [1]


@pytest.mark.parametrize("hours", [-8, 8])
async def test_a_clock_that_is_hours_off_changes_nothing(tmp_path: Path, hours: int) -> None:
    async with opened(tmp_path, clock_off=hours * HOUR) as studio:
        studio.world.channel.hides = True
        assert (await studio.draw()).files
        assert not [path for _, path, _ in studio.world.calls if path.startswith("/channels/")]


async def test_a_clock_that_jumps_ahead_costs_no_answer(tmp_path: Path) -> None:
    gate = StepGate()
    async with opened(tmp_path, engine=FakeEngine(64, gate)) as studio:
        studio.world.channel.hides = True
        asked = await studio.ann.slash("imagine", prompt="a boat", steps=2)
        message = await studio.ann.answered(asked)
        await gate.reached()
        studio.platform._outbox._now = lambda: studio.world.now() + 8 * HOUR
        gate.open()
        assert (await studio.finished(message)).files


async def test_only_the_faster_of_two_programs_with_one_token_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        running() as discord,
        living(discord, tmp_path / "a") as first,
        living(discord, tmp_path / "b") as second,
    ):
        await first.draw()
        await first.draw("another")
        await asyncio.gather(first.core.idle(), second.core.idle())
        assert len(first.ann.sees()) == 2
    assert "another program answered first" in caplog.text


async def test_a_button_of_another_database_is_left_to_the_program_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(button_presses, "OTHERS_FIRST", 0.0)
    async with running() as discord:
        async with living(discord, tmp_path / "a") as first:
            message = await first.draw()
        async with living(discord, tmp_path / "b") as second:
            await second.draw()
            second.ann = first.ann
            await second.ann.press(message, "reroll")
            assert "no job" in await second.ann.told()
            assert len(second.ann.sees()) == 3


async def test_buttons_of_an_older_version_still_work(studio: DiscordHarness) -> None:
    message = await studio.draw()
    for item in message.items:
        item["custom_id"] = item["custom_id"].replace(f"zi-{studio.core.database}:", "zi:")
    asked = await studio.ann.press(message, "reroll")
    assert (await studio.drawn(asked)).files


async def test_commands_that_were_emptied_elsewhere_are_there_after_the_next_start(tmp_path: Path) -> None:
    async with running() as discord:
        async with living(discord, tmp_path):
            assert (tmp_path / FILE).exists()
        discord.world.commands.clear()
        async with living(discord, tmp_path) as studio:
            assert (await studio.draw()).files


async def test_commands_that_discord_has_are_not_registered_again(tmp_path: Path) -> None:
    async with running() as discord:
        for _ in range(2):
            async with living(discord, tmp_path):
                pass
        assert len([method for method, _, _ in discord.world.calls if method == "PUT"]) == 1


async def test_a_command_that_the_bot_does_not_have_makes_it_tell_discord_its_own(
    studio: DiscordHarness,
) -> None:
    old = {"id": str(studio.world.id()), "name": "paint", "type": 1, "options": []}
    studio.world.commands.append(old)
    await studio.ann.slash("paint")
    await studio.ann.told()
    assert "paint" not in [command["name"] for command in studio.world.commands]


@pytest.mark.parametrize("code", sorted(REMEDIES))
async def test_a_close_code_that_no_retry_cures_is_one_line(tmp_path: Path, code: int) -> None:
    async with running() as discord:
        discord.gateway.closes_with = code
        with pytest.raises(ConfigError) as caught:
            async with living(discord, tmp_path):
                pass
    assert str(caught.value) == REMEDIES[code]
