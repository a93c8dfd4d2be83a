"""What stays in the conversation, what leaves it, and what ends when the page is closed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.adapters.web.browser import Visitor, needs_browser, visiting
from tests.adapters.web.site import PROFILE, Grace, Site, serving

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running


async def test_a_reload_while_a_picture_is_drawn_keeps_the_way_to_earlier_ones(
    site: Site, browser: Browser
) -> None:
    for number in range(24):
        await site.draw(f"cat {number}")
    site.easel.hold = 2
    async with visiting(browser, site.url) as visitor:
        card = await visitor.say("a fish")
        await expect(card.get_by_role("progressbar")).to_be_visible()
        await visitor.page.reload()
        await visitor.ready()
        await visitor.page.get_by_role("button", name="Earlier pictures").click()
        await expect(visitor.page.locator(".turn")).to_have_count(25)
        await expect(visitor.page.locator(".words").first).to_have_text("cat 0")
    site.easel.release()


async def test_what_was_not_known_is_said_first_with_prompts_to_draw_instead(
    site: Site, visitor: Visitor
) -> None:
    card = await visitor.say("a dragon over a castle")
    await expect(card.locator(".text")).to_contain_text("dragon → bird")
    nearer = ["a cat over a castle", "a fish over a castle"]
    await expect(card.locator(".suggestions button")).to_have_text(nearer)
    await card.locator(".suggestions button").first.click()
    await visitor.picture(visitor.cards.nth(1))
    await expect(visitor.page.locator(".words").nth(1)).to_have_text(nearer[0])


async def test_prompts_for_a_wish_of_which_nothing_is_known_are_buttons(visitor: Visitor) -> None:
    card = await visitor.say("a blorb")
    text = "This small model knows nothing of what you named. It does well with:"
    await expect(card.locator(".text")).to_have_text(text)
    await expect(card.locator(".rest")).to_contain_text("Here is your picture")
    await card.get_by_role("button", name=PROFILE.suggestions[0]).click()
    await visitor.picture(visitor.cards.nth(1))


async def test_what_was_deleted_comes_back_with_undo(site: Site, visitor: Visitor) -> None:
    card = await visitor.say("a cat")
    await visitor.picture(card)
    await visitor.press(card, "delete")
    await expect(card).to_be_hidden()
    await visitor.page.get_by_role("button", name="Undo").click()
    await visitor.picture(card)
    assert (await site.get("/api/jobs/1"))[1]["images"] != []


async def test_after_ten_seconds_what_was_deleted_is_gone(site: Site, visitor: Visitor) -> None:
    await visitor.page.clock.install()
    card = await visitor.say("a cat")
    await visitor.picture(card)
    await visitor.press(card, "delete")
    async with visitor.page.expect_response("**/actions"):
        await visitor.page.clock.fast_forward(10_000)
    await expect(visitor.page.locator(".turn")).to_have_count(0)
    await expect(visitor.page.locator("#welcome")).to_be_visible()
    assert (await site.get("/api/jobs/1"))[1]["images"] == []
    assert (await site.get("/api/history"))[1]["messages"] == []


async def test_closing_the_page_deletes_what_was_put_away(site: Site, browser: Browser) -> None:
    async with visiting(browser, site.url) as visitor:
        card = await visitor.say("a cat")
        await visitor.picture(card)
        await visitor.press(card, "delete")
        await visitor.page.goto("about:blank")
        while (await site.get("/api/jobs/1"))[1]["images"]:  # a browser that ends sends nothing any more
            pass


async def test_a_card_has_its_number_and_a_star_that_makes_it_a_favourite(
    site: Site, visitor: Visitor
) -> None:
    card = await visitor.say("a cat")
    await visitor.picture(card)
    await expect(card.locator(".number")).to_have_text("#1")
    async with visitor.page.expect_response("**/actions"):
        await card.get_by_role("button", name="Favourite").click()
    assert (await site.store.job(1)).favourite  # type: ignore[union-attr]
    await visitor.page.reload()
    await visitor.ready()
    star = visitor.cards.first.get_by_role("button", name="Favourite")
    await expect(star).to_have_attribute("aria-pressed", "true")


async def test_the_page_says_once_beforehand_that_leaving_cancels(site: Site, visitor: Visitor) -> None:
    warning = visitor.page.locator("#leaving")
    site.easel.hold = 1
    await visitor.say("a cat")
    await expect(warning).to_contain_text("If you close this page")
    await visitor.page.get_by_role("button", name="All right").click()
    await visitor.say("a fish")
    await expect(visitor.cards.nth(1)).to_be_visible()
    await expect(warning).to_be_hidden()
    site.easel.release()


async def test_who_left_finds_why_it_ended_and_a_way_to_draw_it_again(
    browser: Browser, tmp_path: Path
) -> None:
    grace = Grace()
    async with serving(tmp_path, sleep=grace) as site, visiting(browser, site.url) as visitor:
        site.easel.hold = 2
        await expect((await visitor.say("a cat")).get_by_role("progressbar")).to_be_visible()
        await visitor.page.goto("about:blank")
        await grace.begun.wait()
        grace.over.set()
        await site.core.idle()
        await visitor.open(site.url)
        card = visitor.cards.first
        await expect(card.locator(".text")).to_contain_text("You closed the page.")
        site.easel.release()
        await card.get_by_role("button", name="Try again").click()
        await visitor.picture(visitor.cards.nth(1))


async def test_with_the_switch_in_the_settings_nothing_ends_when_one_leaves(
    browser: Browser, tmp_path: Path
) -> None:
    grace = Grace()
    async with serving(tmp_path, sleep=grace) as site, visiting(browser, site.url) as visitor:
        panel = await visitor.say("/settings")
        await panel.get_by_role("switch", name="Keep drawing when I leave").click()
        site.easel.hold = 2
        card = await visitor.say("a cat")
        await expect(card.get_by_role("progressbar")).to_be_visible()
        await visitor.page.goto("about:blank")
        await visitor.open(site.url)
        assert not grace.begun.is_set()
        site.easel.release()
        await visitor.picture(visitor.cards.first)


@pytest.mark.parametrize("size", [(1280, 800), (1366, 768), (1440, 900), (390, 844)])
@pytest.mark.parametrize("count", [1, 4])
async def test_the_whole_picture_and_ones_words_are_in_the_first_view(
    site: Site, browser: Browser, size: tuple[int, int], count: int
) -> None:
    width, height = size
    async with visiting(browser, site.url, viewport={"width": width, "height": height}) as visitor:
        await visitor.page.evaluate("localStorage['warned-of-leaving'] = 'yes'")
        await visitor.picture(await visitor.say("a fish --size 256x256"))
        card = await visitor.say(f"a cat --size 256x256 --count {count}")
        await visitor.picture(card)
        view = await visitor.page.locator("#scroll").bounding_box()
        frame = await card.locator(".frame").bounding_box()
        words = await visitor.page.locator(".words").nth(1).bounding_box()
        assert view
        assert frame
        assert words
        assert words["y"] >= view["y"]
        assert frame["y"] + frame["height"] <= view["y"] + view["height"]
        assert frame["height"] >= 300
