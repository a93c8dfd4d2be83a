"""The page, used by a person in a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, expect

from tests.adapters.web.browser import Visitor, needs_browser, visiting
from tests.adapters.web.site import PROFILE, Grace, Site, picture_file, serving

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running


async def test_a_prompt_shows_progress_then_the_picture_then_a_reroll(site: Site, visitor: Visitor) -> None:
    site.easel.hold = 4
    card = await visitor.say("a red sailboat on the sea")
    await expect(visitor.page.locator(".words")).to_have_text("a red sailboat on the sea")
    await expect(card.get_by_role("progressbar", name="Progress")).to_have_attribute("value", "3")
    await expect(card.locator(".preview img")).to_be_visible()
    assert await visitor.width(card.locator(".preview img")) >= 256
    site.easel.release()
    first = await visitor.picture(card)
    await expect(card.get_by_role("progressbar")).to_be_hidden()
    await visitor.press(card, "reroll")
    assert await visitor.picture(visitor.cards.nth(1)) != first


async def test_small_pictures_are_shown_at_twice_their_size_or_larger(visitor: Visitor) -> None:
    card = await visitor.say("a cat")
    await visitor.picture(card)
    assert await visitor.width(card.locator(".picture img")) >= 256


async def test_a_running_job_and_a_waiting_one_can_be_cancelled(site: Site, visitor: Visitor) -> None:
    site.easel.hold = 2
    running, waiting = await visitor.say("a cat"), await visitor.say("a fish")
    await expect(running.get_by_role("progressbar")).to_be_visible()
    await visitor.press(waiting, "cancel")
    await visitor.press(running, "cancel")
    for card in (running, waiting):
        await expect(card.locator('[data-verb="cancel"]')).to_have_count(0)
    _, history = await site.get("/api/history")
    states = [(await site.get(f"/api/jobs/{entry['job']}"))[1]["state"] for entry in history["messages"]]
    assert states == ["cancelled", "cancelled"]


async def test_a_reload_shows_the_history_and_cancels_nothing(site: Site, visitor: Visitor) -> None:
    done = await visitor.say("a cat")
    picture = await visitor.picture(done)
    site.easel.hold = 5
    await visitor.say("a fish")
    await expect(visitor.cards.nth(1).get_by_role("progressbar")).to_have_attribute("value", "4")
    await visitor.page.reload()
    await visitor.ready()
    await expect(visitor.page.locator(".words")).to_have_text(["a cat", "a fish"])
    assert await visitor.picture(visitor.cards.nth(0)) == picture
    await expect(visitor.cards.nth(1).get_by_role("progressbar")).to_have_attribute("value", "4")
    site.easel.release()
    await visitor.picture(visitor.cards.nth(1))


async def test_the_connection_comes_back_by_itself(site: Site, visitor: Visitor) -> None:
    site.web.hub.close()
    card = await visitor.say("a cat")
    await visitor.picture(card)
    await expect(visitor.page.locator("#connection")).to_be_hidden()


async def test_the_controls_reach_the_job(site: Site, visitor: Visitor) -> None:
    await visitor.page.get_by_label("Steps").fill("3")
    await visitor.page.get_by_label("CFG").fill("2.5")
    await visitor.page.get_by_role("switch", name="Enhance").uncheck()
    await visitor.picture(await visitor.say("a cat"))
    _, job = await site.get("/api/jobs/1")
    assert (job["steps"], job["guidance_scale"]) == (3, 2.5)
    assert job["used_prompt"] == "a picture of a cat"


async def test_a_suggestion_is_drawn_at_a_click(visitor: Visitor) -> None:
    await expect(visitor.page.locator("#world")).to_have_text(PROFILE.world)
    await visitor.page.get_by_role("button", name=PROFILE.suggestions[1]).click()
    await visitor.picture(visitor.cards.first)
    await expect(visitor.page.locator("#welcome")).to_be_hidden()


async def test_what_the_model_is_stands_behind_its_name_when_the_welcome_is_gone(visitor: Visitor) -> None:
    await visitor.picture(await visitor.say("a cat"))
    await expect(visitor.page.locator("#about")).to_be_hidden()
    await visitor.page.get_by_role("button", name=PROFILE.name, exact=True).click()
    await expect(visitor.page.locator("#about")).to_be_visible()
    await expect(visitor.page.locator("#about")).to_contain_text(PROFILE.world)


async def test_an_attached_picture_shows_itself_and_can_be_taken_back(site: Site, visitor: Visitor) -> None:
    file: FilePayload = {"name": "wish.png", "mimeType": "image/png", "buffer": picture_file()}
    await visitor.page.locator("#file").set_input_files([file])
    await expect(visitor.page.get_by_alt_text("Attached picture")).to_be_visible()
    await visitor.page.get_by_role("button", name="Remove the attached picture").click()
    await expect(visitor.page.locator("#attachment")).to_be_hidden()
    await visitor.page.locator("#file").set_input_files([file])
    await expect(visitor.page.get_by_alt_text("Attached picture")).to_be_visible()
    await visitor.picture(await visitor.say("a cat"))
    assert site.easel.tasks[0].init_image is not None  # type: ignore[union-attr]


async def test_a_refusal_stands_next_to_the_words_and_gives_them_back(visitor: Visitor) -> None:
    await visitor.say("a cat --nonsense")
    await expect(visitor.page.locator(".error")).to_contain_text("nonsense")
    await visitor.page.get_by_role("button", name="Put it back into the text box").click()
    await expect(visitor.text).to_have_value("a cat --nonsense")
    visitor.problems.clear()  # Chromium reports every 422 on the console


async def test_edit_puts_the_words_into_the_text_box(visitor: Visitor) -> None:
    card = await visitor.say("a cat")
    await visitor.press(card, "edit")
    await expect(visitor.text).to_have_value("a cat")
    await expect(visitor.text).to_be_focused()


async def test_info_is_a_notice_one_can_dismiss(visitor: Visitor) -> None:
    card = await visitor.say("a cat --seed 7")
    await visitor.press(card, "info")
    await expect(card.locator(".notice")).to_contain_text("7")
    await card.get_by_role("button", name="Dismiss").click()
    await expect(card.locator(".notice")).to_have_count(0)


async def test_what_a_button_of_a_high_card_answers_is_in_view(site: Site, browser: Browser) -> None:
    async with visiting(browser, site.url, viewport={"width": 390, "height": 700}) as visitor:
        card = await visitor.say("a dragon --count 4")
        await visitor.picture(card)
        await visitor.press(card, "info")
        await expect(card.locator(".notice .text")).to_be_in_viewport()


async def test_what_a_button_of_an_older_card_begins_comes_into_view(site: Site, browser: Browser) -> None:
    async with visiting(browser, site.url, viewport={"width": 390, "height": 700}) as visitor:
        older = await visitor.say("a cat")
        await visitor.picture(older)
        await visitor.picture(await visitor.say("a dog"))
        await visitor.press(older, "reroll")
        await expect(visitor.cards.nth(2).locator(".picture")).to_be_in_viewport()


async def test_a_picture_opens_in_full_size_and_escape_closes_it(visitor: Visitor) -> None:
    card = await visitor.say("a cat")
    address = await visitor.picture(card)
    await card.locator(".picture").click()
    await expect(visitor.page.locator("#viewer")).to_be_visible()
    await expect(visitor.page.get_by_role("link", name="Download")).to_have_attribute("href", address)
    await visitor.page.keyboard.press("Escape")
    await expect(visitor.page.locator("#viewer")).to_be_hidden()


async def test_a_command_is_answered_and_the_answer_can_be_dismissed(visitor: Visitor) -> None:
    card = await visitor.say("/help")
    await expect(card).to_be_visible()
    await card.get_by_role("button", name="Dismiss").click()
    await expect(visitor.page.locator(".turn")).to_have_count(0)


async def test_several_pictures_each_open_by_themselves(visitor: Visitor) -> None:
    card = await visitor.say("a cat --count 4")
    await visitor.picture(card)
    await expect(card.locator(".picture")).to_have_count(4)


@pytest.mark.parametrize("width", [320, 390])
async def test_a_phone_never_scrolls_sideways(site: Site, browser: Browser, width: int) -> None:
    phone = PHONE | {"viewport": {"width": width, "height": 700}}
    async with visiting(browser, site.url, **phone) as visitor:
        await visitor.picture(await visitor.say(f"a cat called {'w' * 80} --count 4"))
        await visitor.picture(await visitor.say("a fish"))
        assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        assert await visitor.page.evaluate("document.querySelector('main').scrollWidth") <= width


async def test_every_control_has_a_name(visitor: Visitor) -> None:
    card = await visitor.say("a cat")
    await visitor.picture(card)
    nameless = await visitor.page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, a[href], img, progress')]
            .filter(el => el.checkVisibility() && !el.getAttribute('aria-label') && !el.labels?.length
                && !el.textContent.trim() && !el.title && !el.hasAttribute('alt')).map(el => el.outerHTML)"""
    )
    assert nameless == []
    await expect(visitor.page.get_by_role("log", name="Conversation")).to_be_visible()


async def test_shift_enter_is_a_new_line(visitor: Visitor) -> None:
    await visitor.text.fill("a cat")
    await visitor.text.press("Shift+Enter")
    await visitor.text.press_sequentially("in the snow")
    await expect(visitor.text).to_have_value("a cat\nin the snow")
    await expect(visitor.page.locator(".turn")).to_have_count(0)


async def test_a_chinese_browser_gets_a_chinese_page(site: Site, browser: Browser) -> None:
    async with visiting(browser, site.url, locale="zh-CN") as visitor:
        await expect(visitor.page.get_by_label("提示词", exact=True)).to_be_visible()
        await expect(visitor.page.locator("html")).to_have_attribute("lang", "zh-CN")


async def test_leaving_the_page_for_good_cancels_what_it_asked_for(browser: Browser, tmp_path: Path) -> None:
    grace = Grace()
    async with serving(tmp_path, sleep=grace) as site, visiting(browser, site.url) as visitor:
        site.easel.hold = 2
        await expect((await visitor.say("a cat")).get_by_role("progressbar")).to_be_visible()
        await visitor.page.goto("about:blank")
        await grace.begun.wait()
        grace.over.set()
        await site.core.idle()
        assert (await site.get("/api/jobs/1"))[1]["state"] == "cancelled"


async def test_settings_change_what_the_controls_show(visitor: Visitor) -> None:
    panel = await visitor.say("/settings")
    await panel.get_by_label("Steps").select_option("4")
    await expect(visitor.page.locator("#steps")).to_have_value("4")
    await panel.locator('[data-choice="enhance"] input').click()
    await expect(visitor.page.locator("#enhance")).not_to_be_checked()
    await visitor.press(panel, "set")
    await expect(visitor.page.locator("#steps")).to_have_value("8")
    await expect(panel.get_by_label("Steps")).to_have_value("8")


async def test_a_spoiler_is_covered_until_it_is_clicked(visitor: Visitor) -> None:
    card = await visitor.say("a cat --spoiler")
    await visitor.picture(card)
    await expect(card.locator(".frame")).to_have_class("frame covered")
    await card.locator(".picture").click()
    await expect(card.locator(".frame")).to_have_class("frame")
    await expect(visitor.page.locator("#viewer")).to_be_hidden()


async def test_who_is_forgotten_finds_an_empty_page(site: Site, visitor: Visitor) -> None:
    await visitor.picture(await visitor.say("a cat"))
    question = await visitor.say("/forget")
    await question.locator('[data-value="yes"]').click()
    await expect(visitor.cards).to_have_count(1)
    assert (await site.get("/api/history"))[1]["messages"] == []


async def test_a_waiting_picture_says_when_it_is_expected(site: Site, visitor: Visitor) -> None:
    await visitor.picture(await visitor.say("a cat"))
    site.easel.hold = 1
    for wish in ("a fish", "a bird"):
        await visitor.say(wish)
    waiting = await visitor.say("a dog")
    await expect(waiting.locator(".eta")).to_contain_text("Expected")
