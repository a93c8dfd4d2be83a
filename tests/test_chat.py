"""A person at the page with the real model behind it."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.adapters.web.browser import chromium, needs_browser, visiting
from tests.running import running

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_browser, pytest.mark.timeout(600)]


async def test_a_person_draws_rerolls_cancels_and_finds_it_all_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bot, chromium() as browser, visiting(browser, bot.url) as visitor:
        card = await visitor.say("/imagine a red sailboat on the sea at sunset --steps 50")
        await expect(card.get_by_role("progressbar")).to_be_visible()
        await expect(card.locator(".preview img")).to_be_visible()
        first = await visitor.picture(card)
        await visitor.press(card, "reroll")
        second = await visitor.picture(visitor.cards.nth(1))
        assert second != first

        running_card = await visitor.say("a blue house at night --steps 50 --count 4")
        await visitor.press(running_card, "cancel")
        await expect(running_card.locator('[data-verb="cancel"]')).to_have_count(0)

        await visitor.page.reload()
        await visitor.ready()
        assert await visitor.picture(visitor.cards.nth(0)) == first
        assert await visitor.picture(visitor.cards.nth(1)) == second
        assert visitor.problems == []
