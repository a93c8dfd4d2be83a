"""What open pages are told, in which order, and whose it is."""

import time
from pathlib import Path

import pytest

from adapters.web.events import Hub
from bot.types import Action, Button, Reply
from tests.adapters.web.site import serving

WAITING = Reply("In line", actions=((Button(Action("cancel", 1), "", "Cancel"),),), final=False)


def test_the_newest_state_of_a_message_is_its_persons_alone() -> None:
    hub = Hub()
    hub.show("ann", "page-0123456789", WAITING)
    assert hub.latest("bob", "page-0123456789") is None
    hub.show("bob", "page-0123456789", Reply("Done"))
    shown = hub.latest("ann", "page-0123456789")
    assert shown is not None
    assert shown.reply == WAITING


async def test_versions_rise_when_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as site:
        await site.draw("a cat")
        before = (await site.get("/api/history"))[1]["messages"][0]
        earlier = time.time() - 3 * 86400
        monkeypatch.setattr(time, "time", lambda: earlier)
        after = (await site.get("/api/history"))[1]["messages"][0]
    assert (after["run"], after["version"] > before["version"]) == (before["run"], True)


async def test_each_run_of_the_server_counts_for_itself(tmp_path: Path) -> None:
    runs = []
    for _ in range(2):
        async with serving(tmp_path) as site:
            await site.draw("a cat")
            runs.append((await site.get("/api/history"))[1]["messages"][0]["run"])
    assert runs[0] != runs[1]
