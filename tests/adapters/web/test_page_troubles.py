"""What a person sees on the page when something is wrong between it and the bot."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from bot.core import Core
from bot.setup.config import WebConfig
from tests.adapters.web.browser import Visitor, needs_browser, visiting
from tests.adapters.web.site import GUARDED, LOOPBACK, TOKEN, Site, serving

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running


ANSWERS = {
    "a page of a proxy": (502, "<html>502 Bad Gateway</html>", "cannot be reached"),
    "a limit of a proxy": (413, "<html>413</html>", "server in front of the bot"),
    "another page": (200, "<html>Log in to the Wi-Fi</html>", "Something went wrong on the way"),
    "half an answer": (200, '{"job": 1', "Something went wrong on the way"),
    "plain text": (500, "500 Internal Server Error", "Something went wrong on the way"),
    "a sentence of the bot": (422, json.dumps({"error": "Too much of that."}), "Too much of that."),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_whatever_answers_the_page_says_a_sentence(site: Site, browser: Browser, answer: str) -> None:
    status, body, sentence = ANSWERS[answer]
    async with visiting(browser, site.url) as visitor:
        await visitor.page.route("**/api/messages", lambda route: route.fulfill(status=status, body=body))
        await visitor.say("a cat")
        await expect(visitor.page.locator(".error")).to_contain_text(sentence)


async def test_a_fault_of_ours_is_a_sentence_on_the_page(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with visiting(browser, site.url, locale="zh-CN") as visitor:
        monkeypatch.setattr(Core, "submit", broken)
        await visitor.say("a cat")
        await expect(visitor.page.locator(".error")).to_contain_text("我们这边出了点问题")


async def test_a_picture_too_large_is_refused_before_it_is_sent(site: Site, browser: Browser) -> None:
    async with visiting(browser, site.url) as visitor:
        await visitor.page.evaluate(
            """() => {
                const file = new File([new Uint8Array(20_000_001)], "large.png", { type: "image/png" });
                const files = new DataTransfer();
                files.items.add(file);
                document.querySelector("#file").files = files.files;
                document.querySelector("#file").dispatchEvent(new Event("change"));
            }"""
        )
        assert "the limit is 20 MB" in await visitor.text.evaluate("text => text.validationMessage")


async def test_an_open_page_follows_a_server_that_starts_again(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        port = int(site.url.rsplit(":", 1)[1])
        site.easel.hold = 3
        context = await browser.new_context(locale="en-US")
        visitor = Visitor(await context.new_page())
        await visitor.open(site.url)
        card = await visitor.say("a cat")
        await expect(card.get_by_role("progressbar")).to_be_visible()
    async with serving(tmp_path, WebConfig(port=port)) as site:
        assert await visitor.picture(card) == "api/jobs/1/images/0.png"
    await context.close()


async def test_who_is_not_let_in_by_a_changed_token_is_asked_for_the_new_one(
    browser: Browser, tmp_path: Path
) -> None:
    async with serving(tmp_path, GUARDED) as site:
        port = int(site.url.rsplit(":", 1)[1])
        context = await browser.new_context(locale="en-US")
        visitor = Visitor(await context.new_page())
        await visitor.open(f"{site.url}/?token={TOKEN}")
        assert visitor.page.url == f"{site.url}/"
    async with serving(tmp_path, WebConfig(port=port, token="a token that is new")) as site:
        await _enter(visitor.page, "a token that is new")
        await visitor.ready()
    await context.close()


async def test_a_wrong_token_is_said_beside_the_field(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        context = await browser.new_context(locale="en-US")
        page = await context.new_page()
        await page.goto(site.url)
        await _enter(page, "not the token")
        await expect(page.get_by_role("alert")).to_have_text("That token isn't right.")
        await _enter(page, TOKEN)
        await expect(page.get_by_role("heading", name="What shall I draw?")).to_be_visible()
        await context.close()


async def test_a_proxied_page_without_a_token_says_what_to_set(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path, LOOPBACK) as site:
        context = await browser.new_context(extra_http_headers={"X-Forwarded-For": "203.0.113.9"})
        page = await context.new_page()
        await page.goto(site.url)
        await expect(page.get_by_role("alert")).to_contain_text("set web.token")
        await expect(page.locator("form")).to_be_hidden()
        await context.close()


async def _enter(page: Page, token: str) -> None:
    await page.get_by_label("Enter your token").fill(token)
    await page.get_by_role("button", name=re.compile("Open")).click()
