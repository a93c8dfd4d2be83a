"""Leaving the page, and what only looks like it."""

import asyncio
from pathlib import Path

from adapters.web.presence import Presence
from bot.types import User
from tests.adapters.web.site import Grace, serving

PERSON = User("web", "local", "local")


class Watched:
    """A presence and the people it said had left."""

    def __init__(self) -> None:
        self.grace = Grace()
        self.gone: list[str] = []
        self.presence = Presence(self._left, 30.0, self.grace)

    async def _left(self, person: str) -> None:
        self.gone.append(person)

    async def waited(self) -> list[str]:
        """End the grace, let everything settle, return who left."""
        self.grace.over.set()
        for _ in range(5):
            await asyncio.sleep(0)
        return self.gone


async def test_a_goodbye_without_return_is_leaving() -> None:
    watched = Watched()
    with watched.presence.page("ann", "one"):
        watched.presence.goodbye("ann", "one")
    assert await watched.waited() == ["ann"]


async def test_a_reload_is_not_leaving_whichever_comes_first() -> None:
    watched = Watched()
    watched.presence.goodbye("ann", "one")
    with watched.presence.page("ann", "two"):
        watched.presence.goodbye("ann", "one")
        assert await watched.waited() == []


async def test_closing_one_of_two_pages_is_not_leaving() -> None:
    watched = Watched()
    with watched.presence.page("ann", "one"), watched.presence.page("ann", "two"):
        watched.presence.goodbye("ann", "one")
        assert await watched.waited() == []


async def test_a_lost_connection_is_not_leaving() -> None:
    watched = Watched()
    with watched.presence.page("ann", "one"):
        pass
    assert await watched.waited() == []


async def test_a_connection_that_the_goodbye_overtook_is_nobody() -> None:
    watched = Watched()
    watched.presence.goodbye("ann", "one")
    with watched.presence.page("ann", "one"):
        pass
    assert await watched.waited() == ["ann"]


async def test_nor_is_one_whose_goodbye_was_not_the_last() -> None:
    watched = Watched()
    with watched.presence.page("ann", "two"):
        watched.presence.goodbye("ann", "one")
        with watched.presence.page("ann", "one"):
            watched.presence.goodbye("ann", "two")
            assert await watched.waited() == ["ann"]


async def test_stopping_the_server_is_nobodys_leaving() -> None:
    watched = Watched()
    watched.presence.goodbye("ann", "one")
    watched.presence.close()
    assert await watched.waited() == []


async def test_leaving_cancels_what_the_page_asked_for_and_nothing_else(tmp_path: Path) -> None:
    grace = Grace()
    async with serving(tmp_path, sleep=grace) as site:
        site.easel.hold = 2
        await site.post("/api/messages", {"text": "a cat", "message": "page-0123456789"})
        await site.post("/api/messages", {"text": "a fish", "message": "page-9876543210"})
        _, api = await site.post("/api/messages", {"text": "a house"})
        async with site.client.post("/api/leave?page=one") as answer:
            assert answer.status == 204
        await site.get("/api/hello")  # a page that is being closed may still look why its stream broke
        await grace.begun.wait()
        grace.over.set()
        while [job.state for job in await site.core.jobs(PERSON)][1:] != ["cancelled"] * 2:
            pass
        site.easel.release()
        await site.core.idle()
        assert (await site.get(f"/api/jobs/{api['job']}"))[1]["state"] == "delivered"
