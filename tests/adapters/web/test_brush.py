"""The brush on the page: by mouse, finger and keys one paints over what is to be drawn anew."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Locator, expect

from engine.pictures import codec, masks
from engine.types import Generate
from tests.adapters.web.browser import Visitor, needs_browser, visiting
from tests.adapters.web.site import Site, serving
from tests.adapters.web.test_accessibility import violations

GOING_BACK = """() => {
  window.gone = new Promise((done) => addEventListener("popstate", () => done(), { once: true }));
}"""
pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running


async def opened(site: Site, visitor: Visitor) -> Locator:
    """Draw a picture, open it in full size and take the brush; return the canvas."""
    card = await visitor.say("a cat")
    await visitor.picture(card)
    await card.locator(".picture").click()
    await visitor.page.locator("#paint").click()
    canvas = visitor.page.locator("#brush canvas")
    await expect(canvas).to_be_focused()
    await expect(visitor.page.locator("#use")).to_be_disabled()
    return canvas


async def mask_of(site: Site, visitor: Visitor) -> Image.Image:
    """Use what is painted over, say what shall be there, and return what the engine is to draw anew."""
    await visitor.page.locator("#use").click()
    await expect(visitor.page.locator("#brush")).to_be_hidden()
    await expect(visitor.page.locator("#attachment.masked")).to_be_visible()
    await visitor.picture(await visitor.say("a dog"))
    task = site.easel.tasks[-1]
    assert isinstance(task, Generate)
    assert (task.mask, task.strength, task.prompt) == ("part", 1.0, "a dog")
    assert (task.width, task.height) == (128, 128)
    return masks.split(task.init_image or b"")[1]


async def test_what_a_mouse_paints_over_is_drawn_anew_and_undo_takes_a_stroke_back(
    site: Site, visitor: Visitor
) -> None:
    canvas, page = await opened(site, visitor), visitor.page
    box = await canvas.bounding_box()
    assert box is not None
    for share in (0.75, 0.25):
        await page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
        await page.mouse.down()
        await page.mouse.move(box["x"] + share * box["width"] + 5, box["y"] + share * box["height"] + 5)
        await page.mouse.up()
    await page.locator("#unpaint").click()
    mask = await mask_of(site, visitor)
    assert mask.getpixel((97, 97)) == masks.HIDDEN
    assert mask.getpixel((32, 32)) == 0


async def test_a_finger_paints_as_broadly_as_the_slider_says(site: Site, browser: Browser) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    async with visiting(browser, site.url, **phone) as visitor:
        canvas = await opened(site, visitor)
        await visitor.page.locator("#brush input").fill("0.4")
        box = await canvas.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        fingers = await visitor.page.context.new_cdp_session(visitor.page)
        for kind, points in (
            ("touchStart", [{"x": x, "y": y}]),
            ("touchMove", [{"x": x + 4, "y": y}]),
            ("touchEnd", []),
        ):
            await fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        left, top, right, bottom = (await mask_of(site, visitor)).getbbox() or (0, 0, 0, 0)
        assert 0.35 * 128 < bottom - top < 0.45 * 128
        assert right - left >= bottom - top


async def test_keys_paint_take_back_and_leave_and_axe_has_nothing_against_it(
    site: Site, visitor: Visitor
) -> None:
    canvas, page = await opened(site, visitor), visitor.page
    for key in (*["ArrowLeft"] * 5, "Space", *["ArrowRight"] * 12, "Space", "Backspace"):
        await canvas.press(key)
    assert await violations(visitor) == []
    mask = await mask_of(site, visitor)
    assert mask.getpixel((38, 64)) == masks.HIDDEN
    assert mask.getpixel((100, 64)) == 0
    await page.locator(".picture").first.click()
    await page.locator("#paint").click()
    await page.keyboard.press("Escape")
    await expect(page.locator("#brush")).to_be_hidden()
    await expect(page.locator("#attachment")).to_be_hidden()


async def test_what_was_painted_over_is_there_again_after_a_reload(site: Site, visitor: Visitor) -> None:
    canvas = await opened(site, visitor)
    await canvas.press("Space")
    # Closing a dialog goes back in the browser's history, and a reload before it has would be given up.
    await visitor.page.evaluate(GOING_BACK)
    await visitor.page.locator("#use").click()
    await visitor.page.evaluate("() => window.gone")
    await visitor.attached()
    await visitor.page.reload()
    await visitor.ready()
    await expect(visitor.page.locator("#attachment.masked")).to_be_visible()


async def test_a_mask_of_another_size_or_of_nothing_or_without_a_picture_is_refused(site: Site) -> None:
    picture, white = Image.new("RGB", (64, 64), "red"), Image.new("L", (64, 64), 255)

    async def answer(**images: Image.Image) -> tuple[int, str]:
        encoded = {name: base64.b64encode(codec.png(image)).decode() for name, image in images.items()}
        status, body = await site.post("/api/messages", {"text": "a dog", **encoded})
        return status, str(body.get("code"))

    assert await answer(image=picture, mask=white.resize((32, 64))) == (422, "bad-mask")
    assert await answer(image=picture, mask=white.point(lambda level: 0)) == (422, "bad-mask")
    assert (await answer(mask=white))[0] == 422
    assert (await answer(image=picture, mask=white))[0] == 200


async def test_back_closes_a_dialog_also_after_brush_and_viewer_were_closed_together(
    site: Site, visitor: Visitor
) -> None:
    canvas = await opened(site, visitor)
    await canvas.press("Space")
    await visitor.page.evaluate(GOING_BACK)
    await visitor.page.locator("#use").click()
    await visitor.page.evaluate("() => window.gone")
    await visitor.page.keyboard.press("Escape")
    await visitor.page.locator(".card .picture").first.click()
    await expect(visitor.page.locator("#viewer")).to_be_visible()
    await visitor.page.go_back()
    await expect(visitor.page.locator("#viewer")).to_be_hidden()
