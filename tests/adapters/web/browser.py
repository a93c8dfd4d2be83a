"""A person at the page, in a real headless Chromium. Works on any running bot by its address alone."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 90_000
"""How long anything awaited on the page may take: a slow machine loads the model for half a minute."""
expect.set_options(timeout=PATIENCE_MS)
IS_KEPT = """() => new Promise((told) => {
  const opened = indexedDB.open("drafts");
  opened.onsuccess = () => {
    const found = opened.result.transaction("drafts").objectStore("drafts").count();
    found.onsuccess = () => {
      opened.result.close();
      told(found.result > 0);
    };
  };
})"""

needs_browser = pytest.mark.skipif(
    not CHROMIUM,
    reason="no Chromium found: install it (Debian: apt-get install chromium) to run browser tests",
)


class Visitor:
    """Types, clicks and looks, as a person does."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)
        self.text = page.locator("#text")
        self.cards = page.locator("#log .turn > .card")
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)

    async def open(self, url: str) -> None:
        """Open the page and wait until it has its history."""
        await self.page.goto(url)
        await self.ready()

    async def ready(self) -> None:
        """Wait until the page has its history."""
        await self.page.locator("body[data-ready]").wait_for()

    async def attached(self) -> None:
        """Wait until an image is attached and the browser has written it down."""
        await expect(self.page.locator("#thumbnail")).to_be_visible()
        await self.page.wait_for_function(IS_KEPT)

    async def say(self, text: str) -> Locator:
        """Type a message and press Enter; return the card of its answer."""
        count = await self.page.locator("#log .turn").count()
        await self.text.fill(text)
        await self.text.press("Enter")
        return self.page.locator("#log .turn").nth(count).locator("> .card")

    async def press(self, card: Locator, verb: str, index: int = 0) -> None:
        """Click a button of a card."""
        await card.locator(f'> .body [data-verb="{verb}"][data-index="{index}"]').click()

    async def width(self, element: Locator) -> float:
        """Return how wide an element is shown, in CSS pixels."""
        box = await element.bounding_box()
        assert box is not None
        return box["width"]

    async def picture(self, card: Locator) -> str:
        """Wait for the finished picture of a card and return its address."""
        image = card.locator(".picture img").first
        await expect(image).to_be_visible()
        await self.page.wait_for_function("image => image.naturalWidth > 0", arg=await image.element_handle())
        return str(await image.get_attribute("src"))


@asynccontextmanager
async def chromium(names: str = "") -> AsyncIterator[Browser]:
    """Start a browser; `names` are rules for where a name leads, such as `MAP example.org 127.0.0.1`."""
    flags = [*FLAGS, f"--host-resolver-rules={names}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(browser: Browser, url: str, **options: Any) -> AsyncIterator[Visitor]:
    """Open the page as somebody with a browser of their own; `options` as for a Playwright context."""
    context = await browser.new_context(locale=options.pop("locale", "en-US"), **options)
    try:
        visitor = Visitor(await context.new_page())
        await visitor.open(url)
        yield visitor
    finally:
        await context.close()
