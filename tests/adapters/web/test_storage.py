"""What the web chat answers while nothing can be written, and what /healthz says of it."""

import base64
import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.web.server import WebPlatform
from bot.replies.replies import Replies
from bot.storage.database import DATABASE
from tests.adapters.web.site import LOOPBACK, PROFILE, picture_file, serving

ASK = {"text": "a red sailboat"}


async def test_an_ask_that_a_locked_database_cannot_take_is_told_to_come_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        await site.core._store._db.write("PRAGMA busy_timeout = 0")
        with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            status, answer = await site.post("/api/messages", ASK, headers={"Accept-Language": "zh-CN"})
        assert (status, answer["code"], "请稍后再试" in answer["error"]) == (503, "unavailable", True)
        assert (await site.post("/api/messages", ASK))[0] == 200


async def test_a_picture_for_which_there_is_no_room_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    async with serving(tmp_path) as site:
        body = {**ASK, "image": base64.b64encode(picture_file()).decode()}
        status, answer = await site.post("/api/messages", body)
        assert (status, answer["code"]) == (503, "unavailable")


async def test_healthz_says_that_the_database_takes_nothing_until_it_does(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        site.easel.hold = 2
        await site.core._store._db.write("PRAGMA busy_timeout = 0")
        await site.post("/api/messages", ASK)
        with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            site.easel.release()
            while (said := await site.get("/healthz"))[0] == 200:
                pass
        assert said == (503, {"ok": False, "engine": "ready", "database": "refuses"})
        await site.core.idle()
        assert (await site.get("/healthz"))[0] == 200


async def test_healthz_says_that_the_engine_has_failed(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        web = WebPlatform(LOOPBACK, tmp_path, Replies(PROFILE), engine=lambda: "failed")
        answer = await web._health(site.core, None)  # type: ignore[arg-type]
        assert (answer.status, b'"engine": "failed"' in answer.body) == (503, True)  # type: ignore[operator]
