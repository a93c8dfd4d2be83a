"""The page for who sees it large, hears it, or has no mouse; axe finds nothing in any of its states."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from tests.adapters.web.browser import Visitor, needs_browser, visiting
from tests.adapters.web.site import GUARDED, PROFILE, Site, serving

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running


OPTIONS = {
    "resultTypes": ["violations"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},
}


async def violations(visitor: Visitor) -> list[str]:
    """Return what axe has against the page as it is now: the rule and the elements."""
    found = await Axe().run(visitor.page, options=OPTIONS)
    return [
        f"{rule['id']} ({rule['impact']}): {[node['html'][:160] for node in rule['nodes']]}"
        for rule in found.response["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_has_nothing_against_any_state_of_the_page(
    site: Site, browser: Browser, scheme: str
) -> None:
    async with visiting(browser, site.url, color_scheme=scheme, reduced_motion="reduce") as visitor:
        page, found = visitor.page, list[str]()
        found += await violations(visitor)
        site.easel.hold = 3
        card = await visitor.say("a cat --count 4")
        await expect(page.locator("#leaving")).to_be_visible()
        await expect(card.get_by_role("progressbar")).to_be_visible()
        found += await violations(visitor)
        site.easel.release()
        await visitor.picture(card)
        await visitor.press(card, "info")
        await expect(card.locator(".notice")).to_be_visible()
        await (await visitor.say("/settings")).get_by_label("Steps").wait_for()
        await visitor.text.fill("a dog")
        await page.get_by_role("button", name="Optimize").click()
        await expect(page.locator("#undo")).to_be_visible()
        found += await violations(visitor)
        await page.get_by_role("button", name="More controls").click()
        await expect(page.locator("#aspect")).to_be_visible()
        found += await violations(visitor)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Menu").click()
        found += await violations(visitor)
        await page.get_by_role("button", name="Gallery", exact=True).click()
        await expect(page.locator("#pictures button")).to_have_count(4)
        found += await violations(visitor)
        await page.locator("#pictures button").first.click()
        await expect(page.locator("#does button").first).to_be_visible()
        found += await violations(visitor)
        assert found == []


async def test_axe_has_nothing_against_the_page_that_asks_for_a_token(
    browser: Browser, tmp_path: Path
) -> None:
    async with serving(tmp_path, GUARDED) as site:
        context = await browser.new_context()
        visitor = Visitor(await context.new_page())
        await visitor.page.goto(site.url)
        assert await violations(visitor) == []
        await context.close()


async def test_the_text_box_has_the_focus_at_load_and_after_sending(visitor: Visitor) -> None:
    await expect(visitor.text).to_be_focused()
    await visitor.picture(await visitor.say("a cat"))
    await expect(visitor.text).to_be_focused()


FOCUSED = """(() => { const { id, dataset, className, name, tagName } = document.activeElement;
    return id || dataset.verb || className || name || tagName; })()"""


async def reached(visitor: Visitor, *keys: str) -> list[str]:
    """Press keys; return what has the focus after each."""
    found = []
    for key in keys:
        await visitor.page.keyboard.press(key)
        found.append(str(await visitor.page.evaluate(FOCUSED)))
    return found


async def test_at_most_five_tabs_lead_from_the_text_to_any_control_and_arrows_go_on(visitor: Visitor) -> None:
    await visitor.text.fill("a cat")
    tabs = ["Tab"] * 5
    assert await reached(visitor, *tabs) == ["optimize", "attach", "steps", "cfg", "send"]
    await visitor.page.get_by_role("button", name="Optimize").click()
    await expect(visitor.page.locator("#undo")).to_be_visible()
    await visitor.text.focus()
    arrows = ["ArrowRight"] * 3
    assert await reached(visitor, "Tab", *arrows) == ["optimize", "undo", "reword", "optimize"]
    assert await reached(visitor, "Tab", *arrows) == ["attach", "more", "enhance", "attach"]


async def test_from_the_text_back_it_is_few_tabs_to_suggestions_and_menu(visitor: Visitor) -> None:
    assert await reached(visitor, "Shift+Tab", "ArrowRight", "Shift+Tab", "Shift+Tab") == [
        "chip", "chip", "open-menu", "model"
    ]  # fmt: skip


async def test_the_menu_opens_by_a_key_and_five_tabs_reach_everything_in_it(visitor: Visitor) -> None:
    await visitor.page.locator("#scroll").focus()
    places = ["m", "ArrowDown", "ArrowDown", "ArrowDown", "Tab", "Tab"]
    assert await reached(visitor, *places) == ["gallery", "settings", "help", "keys", "language", "theme"]


async def test_every_button_of_a_card_is_reached_from_the_box_with_few_keys(visitor: Visitor) -> None:
    card = await visitor.say("a cat --count 4")
    await visitor.picture(card)
    await visitor.text.press("Alt+ArrowUp")
    await expect(card).to_be_focused()
    assert await reached(visitor, "Tab", "ArrowRight", "Tab", "Tab", "ArrowRight") == [
        "picture", "picture", "star", "upscale", "upscale"
    ]  # fmt: skip


async def test_gallery_and_viewer_are_walked_by_keys_alone(site: Site, visitor: Visitor) -> None:
    for words in ("a cat", "a dog", "a fish"):
        await site.draw(words)
    await visitor.page.locator("#scroll").focus()
    await visitor.page.keyboard.press("g")
    pictures = visitor.page.locator("#pictures button")
    await expect(pictures).to_have_count(3)
    tabs = ["Tab"] * 5
    assert (await reached(visitor, *tabs, "ArrowLeft"))[-2:] == ["picture", "picture"]
    await expect(pictures.nth(2)).to_be_focused()
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.page.locator("#does button").first).to_be_visible()
    keys = ["Tab", "ArrowDown", "Tab", "ArrowDown"]
    assert await reached(visitor, *keys) == ["reroll", "vary", "paint", "copy-prompt"]
    await visitor.page.keyboard.press("ArrowLeft")
    await expect(visitor.page.locator("#shown")).to_have_text("a dog")


async def test_at_400_percent_nothing_is_cut_off_and_the_picture_is_seen(
    site: Site, browser: Browser
) -> None:
    async with visiting(browser, site.url, viewport={"width": 320, "height": 256}) as visitor:
        card = await visitor.say("a cat")
        await visitor.picture(card)
        assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= 320
        await card.locator(".picture").scroll_into_view_if_needed()
        await expect(card.locator(".picture")).to_be_in_viewport()


async def test_models_that_can_be_chosen_stand_there_too(tmp_path: Path, browser: Browser) -> None:
    async def models() -> list[dict[str, object]]:
        cards = {"6 GB": "0.7 GiB", "8 GB": "whole"}
        large = {"name": "large", "does": "draws", "size": 6.7e9, "cards": cards, "is_here": False}
        small = {"name": "small", "does": "draws", "size": 3e8, "cards": {"6 GB": ""}, "is_here": True}
        return [{"name": "writer", "does": "writes prompts"}, large, small]

    async with serving(tmp_path, models=models) as site, visiting(browser, site.url) as visitor:
        await visitor.page.get_by_role("button", name=PROFILE.name, exact=True).click()
        rows = visitor.page.locator("#about tbody tr")
        await expect(rows.nth(0).locator("td")).to_have_text(["large", "6.7 GB", "8 GB", "–"])
        await expect(rows.nth(1).locator("td")).to_have_text(["small", "0.3 GB", "–", "✓"])
        assert await violations(visitor) == []
