"""Facts about the longer texts: help, the line, the history and what is left."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bot.policy.limits import Rule, Usage
from bot.replies.replies import Replies
from engine.files.loras import LoraFolder
from engine.types import ModelProfile
from tests.bot.harness import bot_harness
from tests.bot.jobs import job, picture

PROFILE = ModelProfile("small", 128, 256, ("a red cat", "a blue dog"), "It draws cats and dogs.")


FITS = 3500
"""Characters that a message of Telegram's and an embed of Discord's hold, with room for their escapes."""


@pytest.fixture(scope="module")
def replies() -> Replies:
    return Replies(PROFILE)


def test_help_names_the_world_every_command_and_fits_a_message(replies: Replies) -> None:
    for locale in ("en", "zh"):
        text = replies.help(locale).text
        assert len(text) < FITS
        assert all(
            word in text
            for word in ("It draws cats and dogs.", "a red cat", "/imagine", "/quota", "--strength")
        )


def test_the_help_of_administrators_names_their_commands_and_still_fits(replies: Replies) -> None:
    for locale in ("en", "zh"):
        own, admins = replies.help(locale).text, replies.help(locale, admin=True).text
        assert "/drain" not in own
        assert "/drain" in admins
        assert len(admins) < FITS


def test_the_line_shows_ones_own_places_and_cancels(replies: Replies) -> None:
    reply = replies.queue("en", [(job(), 0), (replace(job(), id=18), 3)], 5, 1)
    assert reply.text.splitlines() == [
        "1 job is being drawn. 5 jobs are waiting.",
        "#17 · being drawn · a cat",
        "#18 · number 3 in line · a cat",
    ]
    assert [button.label for row in reply.actions for button in row] == ["Cancel #17", "Cancel #18"]
    assert replies.queue("en", [], 0).text == "Nobody is waiting."


def test_each_of_ten_jobs_in_line_has_its_cancel(replies: Replies) -> None:
    reply = replies.queue("en", [(replace(job(), id=number), number) for number in range(1, 11)], 10)
    assert [len(row) for row in reply.actions] == [3, 3, 3, 1]


def test_the_history_is_one_short_line_a_job(replies: Replies) -> None:
    gone = job("x " * 100, pictures=(picture(deleted=True),))
    lines = replies.history(
        "en", [job(), gone, job("", kind="upscale", state="failed", pictures=())]
    ).text.splitlines()
    assert lines[1] == "#17 · done · a cat"
    assert lines[2].startswith("#17 · deleted · x x")
    assert lines[2].endswith("…")
    assert lines[3] == "#17 · failed · (enlarged picture)"
    assert replies.history("en", [job()], [job(favourite=True)]).text.splitlines() == [
        "⭐ Your favourites:",
        "⭐ #17 · done · a cat",
        "Your latest:",
        "#17 · done · a cat",
    ]
    assert replies.history("zh", [job("")]).text.splitlines()[1] == "#17 · 已完成 · （描述已不再保存）"
    assert replies.history("en", []).text == "Nothing yet. Tell me what to draw!"


def test_the_quota_names_what_is_left_under_each_limit(replies: Replies) -> None:
    usage = Usage((995.0,), ((900.0, 2.0), (950.0, 0.5)), 1, 3)
    assert replies.quota("en", Rule(), usage, 1000.0).text.splitlines() == [
        "Pictures in the last 24 hours: 2.5 of 200, 197 left.",
        "Requests in the last minute: 1 of 10.",
        "Your jobs in line: 1 of 10.",
    ]
    assert (
        replies.quota("en", Rule(0, 0, 0, 0), usage, 1000.0).text
        == "Pictures in the last 24 hours: 2.5, no limit."
    )


async def test_loras_are_listed_as_they_are_named_behind_the_flag_with_their_trigger_words(
    tmp_path: Path,
) -> None:
    weights = {"weight": np.zeros(1, np.float32)}
    save_file(weights, tmp_path / "ink.safetensors", {"trigger_word": "inkstyle"})
    save_file(weights, tmp_path / "old film.safetensors")
    async with bot_harness(tmp_path / "data", loras=LoraFolder(tmp_path)) as bot:
        text = (await bot.told("loras")).text
    assert text.splitlines()[1:] == ["ink · say: inkstyle", '"old film"']


async def test_without_lora_files_that_is_said(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as bot:
        assert (await bot.told("loras")).text == "There are no styles (LoRA files) here."
