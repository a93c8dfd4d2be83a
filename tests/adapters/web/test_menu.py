"""The menu, the commands behind a slash, help in plain words, and the gallery with its viewer."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.adapters.web.browser import Visitor, needs_browser, visiting
from tests.adapters.web.site import Site, serving

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running


async def choose(visitor: Visitor, name: str) -> None:
    await visitor.page.get_by_role("button", name="Menu").click()
    await visitor.page.locator("#menu").get_by_role("button", name=name, exact=True).click()


async def test_a_slash_offers_the_commands_and_the_keyboard_takes_one(visitor: Visitor) -> None:
    await visitor.text.press_sequentially("/q")
    options = visitor.page.get_by_role("option")
    await expect(options).to_have_text(["/queuesee the line", "/quotasee what you have left"])
    await visitor.text.press("ArrowDown")
    await visitor.text.press("Enter")
    await expect(visitor.page.locator(".words")).to_have_text("/quota")
    await expect(visitor.text).to_have_value("")


async def test_a_command_that_takes_more_waits_in_the_box(visitor: Visitor) -> None:
    await visitor.text.press_sequentially("/opt")
    await visitor.text.press("Tab")
    await expect(visitor.text).to_have_value("/optimize ")
    await expect(visitor.text).to_be_focused()


async def test_commands_are_offered_in_the_language_of_the_page(site: Site, browser: Browser) -> None:
    async with visiting(browser, site.url, locale="zh-CN") as visitor:
        await visitor.text.press_sequentially("/设")
        await expect(visitor.page.get_by_role("option")).to_contain_text("/设置")


@pytest.mark.parametrize("words", ["hello", "What can you do?", "你好！", "使い方"])
async def test_a_greeting_gets_help_and_no_picture(site: Site, visitor: Visitor, words: str) -> None:
    await expect(await visitor.say(words)).to_contain_text("/imagine")
    assert (await site.get("/api/history"))[1]["messages"] == []


async def test_help_and_settings_stand_in_the_menu(visitor: Visitor) -> None:
    await choose(visitor, "Help")
    await expect(visitor.cards.first).to_contain_text("/imagine")
    await choose(visitor, "Settings")
    await expect(visitor.cards.nth(1).get_by_role("switch", name="Keep drawing when I leave")).to_be_visible()


async def test_the_language_chosen_in_the_menu_holds_for_page_and_answers(
    site: Site, browser: Browser
) -> None:
    async with visiting(browser, site.url) as visitor:
        await visitor.page.get_by_role("button", name="Menu").click()
        await visitor.page.get_by_label("Language").select_option(label="中文")
        await expect(visitor.page.locator("html")).to_have_attribute("lang", "zh-CN")
        await visitor.ready()
        await expect(await visitor.say("/queue")).to_contain_text("现在没有人在排队")


async def test_the_theme_chosen_in_the_menu_is_there_after_a_reload(visitor: Visitor) -> None:
    await visitor.page.get_by_role("button", name="Menu").click()
    await visitor.page.get_by_label("Theme").select_option("dark")
    await visitor.page.reload()
    await visitor.ready()
    ground = await visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(20, 21, 25)"


async def test_question_mark_lists_the_shortcuts_and_slash_goes_to_the_box(visitor: Visitor) -> None:
    await visitor.page.locator("#scroll").focus()
    await visitor.page.keyboard.press("?")
    await expect(visitor.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await visitor.page.keyboard.press("Escape")
    await visitor.page.locator("#scroll").focus()
    await visitor.page.keyboard.press("/")
    await expect(visitor.text).to_be_focused()


async def test_the_gallery_finds_pictures_by_words_shape_and_star(site: Site, visitor: Visitor) -> None:
    await site.draw("a red cat")
    await site.draw("一条鱼 --ar 16:9")
    await site.draw("a dog --count 2")
    await site.post("/api/jobs/1/actions", {"verb": "favourite"})
    await choose(visitor, "Gallery")
    pictures = visitor.page.locator("#pictures button")
    await expect(pictures).to_have_count(4)
    await visitor.page.get_by_label("Search in prompts").fill("鱼")
    await expect(pictures).to_have_count(1)
    await visitor.page.get_by_label("Search in prompts").fill("")
    await visitor.page.get_by_label("Any shape").select_option("wide")
    await expect(pictures).to_have_count(1)
    await visitor.page.get_by_label("Any shape").select_option("")
    await visitor.page.get_by_role("switch", name="Favourites").check()
    await expect(pictures).to_have_count(1)
    await visitor.page.get_by_label("Search in prompts").fill("zebra")
    await expect(visitor.page.locator("#none")).to_have_text("No pictures found.")


async def test_the_gallery_finds_pictures_by_their_date(site: Site, visitor: Visitor) -> None:
    await site.draw("a cat")
    await visitor.page.clock.set_fixed_time(time.time() + 3 * 24 * 3600)
    await choose(visitor, "Gallery")
    pictures, days = visitor.page.locator("#pictures button"), visitor.page.get_by_label("Any time")
    await expect(pictures).to_have_count(1)
    await days.select_option("1")
    await expect(pictures).to_have_count(0)
    await days.select_option("7")
    await expect(pictures).to_have_count(1)


async def test_a_swipe_of_a_finger_goes_on_in_the_viewer(site: Site, browser: Browser) -> None:
    for words in ("a cat", "a dog"):
        await site.draw(words)
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    async with visiting(browser, site.url, **phone) as visitor:
        await visitor.page.locator("#open-menu").tap()
        await visitor.page.locator("#menu [name=gallery]").tap()
        await expect(visitor.page.get_by_label("Search in prompts")).not_to_be_focused()
        await visitor.page.locator("#pictures button").first.tap()
        await expect(visitor.page.locator("#shown")).to_have_text("a dog")
        fingers = await visitor.page.context.new_cdp_session(visitor.page)
        for kind, points in (
            ("touchStart", [{"x": 300, "y": 300}]),
            ("touchMove", [{"x": 200, "y": 300}]),
            ("touchMove", [{"x": 100, "y": 300}]),
            ("touchEnd", []),
        ):
            await fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        await expect(visitor.page.locator("#shown")).to_have_text("a cat")


async def test_the_viewer_goes_on_by_key_and_back_closes_it_and_then_the_gallery(
    site: Site, visitor: Visitor
) -> None:
    for words in ("a cat", "a dog"):
        await site.draw(words)
    await choose(visitor, "Gallery")
    await visitor.page.locator("#pictures button").first.click()
    viewer = visitor.page.get_by_role("dialog", name="Picture in full size")
    await expect(viewer.locator("#shown")).to_have_text("a dog")
    await visitor.page.keyboard.press("ArrowRight")
    await expect(viewer.locator("#shown")).to_have_text("a cat")
    await expect(viewer.locator("#download")).to_have_attribute("download", "a-cat-1-0.png")
    await visitor.page.go_back()
    await expect(viewer).to_be_hidden()
    await expect(visitor.page.locator("#gallery")).to_be_visible()
    await visitor.page.go_back()
    await expect(visitor.page.locator("#gallery")).to_be_hidden()


async def test_prompt_and_seed_are_copied_and_a_button_of_the_viewer_draws(
    site: Site, browser: Browser
) -> None:
    allowed = ["clipboard-read", "clipboard-write"]
    async with visiting(browser, site.url, permissions=allowed) as visitor:
        await visitor.picture(await visitor.say("a cat --seed 7"))
        await visitor.cards.first.locator(".picture").click()
        copied = "navigator.clipboard.readText()"
        await visitor.page.get_by_role("button", name="Copy seed").click()
        await expect(visitor.page.locator("#copy-seed")).to_have_text("Copied")
        assert await visitor.page.evaluate(copied) == "7"
        await visitor.page.get_by_role("button", name="Copy prompt").click()
        await expect(visitor.page.locator("#copy-prompt")).to_have_text("Copied")
        assert await visitor.page.evaluate(copied) == "a picture of a cat, at sunset"
        await visitor.page.locator('#does [data-verb="reroll"]').click()
        await visitor.picture(visitor.cards.nth(1))
        await expect(visitor.page.locator("#viewer")).to_be_hidden()
