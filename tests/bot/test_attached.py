"""Attached pictures: looked at for asks within limits, one at a time, and gone when no job holds them."""

import asyncio
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.storage import pictures
from bot.storage.accounts import Ban
from bot.storage.attached import UNUSED
from bot.types import Action, Refused
from engine.fake import FakeEngine
from tests.bot.harness import ANN, CHIEF, FREE, TOKENS, StepGate, bot_harness


def picture(color: str = "red", size: tuple[int, int] = (64, 64)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def inputs(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "pictures" / "inputs").iterdir())


async def unfetched() -> bytes:
    raise AssertionError("the picture was fetched")


@pytest.mark.parametrize(
    ("rule", "said", "code"),
    [
        (replace(FREE, per_minute=1), {}, "burst"),
        (replace(FREE, waiting=1), {}, "waiting"),
        (replace(FREE, queue=1), {}, "queue-full"),
        (FREE, {"prompt": "forbidden"}, "banned-words"),
        (FREE, {"prompt": " "}, "empty-prompt"),
    ],
)
async def test_a_picture_is_not_even_fetched_for_an_ask_beyond_the_limits(
    tmp_path: Path, rule: Any, said: dict[str, str], code: str
) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate), rule=rule) as home:
        await home.ask()
        with pytest.raises(Refused, match=code):
            await home.ask(fetch=unfetched, **said)
        gate.open()
        await home.core.idle()


@pytest.mark.parametrize(
    ("rule", "said", "code"),
    [
        (replace(FREE, per_day=1), {}, "per-day"),
        (replace(FREE, max_count=1), {"count": 2}, "too-many"),
        (FREE, {"kind": "upscale", "image": picture(size=(4000, 3000))}, "too-large"),
        (FREE, {"kind": "upscale", "image": picture(size=(8000, 100))}, "too-long"),
        (FREE, {"image": b"no picture"}, "bad-image"),
    ],
)
async def test_a_picture_is_not_decoded_where_its_size_says_enough(
    tmp_path: Path, rule: Any, said: dict[str, Any], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_harness(tmp_path, rule=rule) as home:
        await home.ask(steps=8)
        await home.core.idle()
        monkeypatch.setattr(pictures, "_upright_png", lambda *_: pytest.fail("the picture was decoded"))
        with pytest.raises(Refused, match=code):
            await home.ask(**{"image": picture(), "steps": 8, **said})
        assert inputs(tmp_path) == []


async def test_nor_is_it_for_who_was_shut_out_or_while_nothing_is_accepted(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        await home.told("drain", user=CHIEF)
        with pytest.raises(Refused, match="draining"):
            await home.ask(fetch=unfetched)
        await home.store.accounts.ban("fake:user:1", Ban(None, "spam"))
        with pytest.raises(Refused, match="banned"):
            await home.ask(fetch=unfetched)


async def test_pictures_are_decoded_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, under_way, most = pictures._upright_png, 0, 0

    def counted(*arguments: Any) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        png = decode(*arguments)
        under_way -= 1
        return png

    monkeypatch.setattr(pictures, "_upright_png", counted)
    async with bot_harness(tmp_path) as home:
        colors = ("red", "lime", "blue", "white", "black", "teal")
        await asyncio.gather(*(home.ask(image=picture(color, (900, 900))) for color in colors))
        assert most == 1
        assert len(inputs(tmp_path)) == len(colors)


async def test_of_twelve_at_once_only_those_within_the_limit_leave_a_picture(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate), rule=replace(FREE, waiting=2)) as home:
        asked = (home.ask(image=picture(size=(64, 64 + each))) for each in range(12))
        done = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(each, Refused) for each in done) == 10
        assert len(inputs(tmp_path)) == 2
        gate.open()
        await home.core.idle()


async def test_a_picture_whose_own_prompt_is_refused_leaves_no_file(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        with pytest.raises(Refused, match="nothing-to-redraw"):
            await home.ask("", kind="upscale", image=picture(), method="redraw")
        assert inputs(tmp_path) == []


async def test_a_refusal_keeps_the_same_picture_of_an_earlier_job(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(image=picture())
        with pytest.raises(Refused, match="nothing-to-redraw"):
            await home.ask("", kind="upscale", image=picture(), method="redraw")
        assert inputs(tmp_path) == [job.request.image]


async def test_pictures_of_asks_that_died_with_the_bot_are_swept_and_those_under_way_are_not(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(image=picture())
        await home.core.idle()
        lost, new = await home.images.keep(picture("lime")), await home.images.keep(picture("blue"))
        folder = tmp_path / "pictures" / "inputs"
        (folder / "half.part").write_bytes(b"half")
        for name in (lost, job.request.image or "", "half.part"):
            os.utime(folder / name, (1000, 1000))
        home.time += UNUSED + 1
        await home.core.sweep()
        assert set(inputs(tmp_path)) == {job.request.image, new}


async def test_forgetting_leaves_no_picture_behind(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, rule=replace(FREE, per_minute=2)) as home:
        asked = (home.ask(image=picture(size=(64, 64 + each))) for each in range(9))
        await asyncio.gather(*asked, return_exceptions=True)
        await home.core.idle()
        await home.act(Action("forget", 0, 0, "yes"), ANN)
        assert inputs(tmp_path) == []
