"""Slash commands over a real socket: what they make, what they refuse, and who sees it."""

import io
from pathlib import Path

import pytest
from PIL import Image

from bot.limits import Rule
from engine.metadata import Parameters, read, write
from tests.adapters.discord.people import words
from tests.adapters.discord.studio import Studio, opened
from tests.adapters.discord.world import ATTACH, EVERYTHING, SEND


def png(side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, "PNG")
    return file.getvalue()


async def test_a_command_becomes_a_picture_in_the_message_that_acknowledged_it(studio: Studio) -> None:
    asked = await studio.ann.slash("imagine", prompt="a boat", steps=2, seed=5)
    message = await studio.drawn(asked)
    assert asked.answer == 5
    assert message is asked.original
    assert message.text.startswith(f"<@{studio.ann.person.id}> Here is your picture")
    assert len(message.files) == 1
    assert message.files[0].startswith(b"\x89PNG")
    assert message.custom_ids == [f"zi:{verb}:1:0" for verb in
                                  ("reroll", "vary", "upscale", "edit", "info", "delete")]  # fmt: skip


async def test_options_and_flags_in_the_text_mean_the_same(studio: Studio) -> None:
    await studio.draw("a boat", aspect="16:9", seed=7, cfg=2.5, negative="text", enhance=False, optimize=False)
    await studio.draw("a boat --ar 16:9 --seed 7 --cfg 2.5 --enhance off --optimize off --no text")
    one, two = await studio.store.job(1), await studio.store.job(2)
    assert one is not None
    assert two is not None
    assert one.request.params == two.request.params
    assert (one.request.params.aspect, one.request.params.negative_prompt) == ("16:9", "text")
