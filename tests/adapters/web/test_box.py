"""The text box: Optimize, the controls behind the button, and what survives a reload."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, expect

from engine.types import Generate, Optimize
from tests.adapters.web.browser import Visitor, needs_browser, visiting
from tests.adapters.web.site import Site, picture_file, serving

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]

FILE = FilePayload(name="photo.png", mimeType="image/png", buffer=picture_file())


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as running:
        yield running


async def optimize(visitor: Visitor, text: str) -> None:
    await visitor.text.fill(text)
    await visitor.page.get_by_role("button", name="Optimize").click()
    await expect(visitor.text).to_have_value(f"a picture of {text}, at sunset")


async def test_optimize_puts_the_precise_prompt_into_the_box_and_says_what_was_added(
    visitor: Visitor,
) -> None:
    await optimize(visitor, "a cat")
    line = visitor.page.locator("#optimized")
    await expect(line).to_contain_text("Added a time of day.")
    await expect(line).to_contain_text("Your words: a cat")
    await expect(visitor.page.locator(".turn")).to_have_count(0)


async def test_optimize_says_what_stands_for_what_in_the_box(visitor: Visitor) -> None:
    await optimize(visitor, "a dragon")
    await expect(visitor.page.locator("#optimized")).to_contain_text("small model knows: dragon → bird.")


async def test_what_was_optimized_in_the_box_is_drawn_as_it_stands(site: Site, visitor: Visitor) -> None:
    await optimize(visitor, "a cat")
    await visitor.text.press("Enter")
    await visitor.picture(visitor.cards.first)
    drawn = site.easel.tasks[-1]
    assert isinstance(drawn, Generate)
    assert (drawn.prompt, drawn.optimize) == ("a picture of a cat, at sunset", False)


async def test_undo_brings_the_words_and_the_values_back(visitor: Visitor) -> None:
    await optimize(visitor, "a cat")
    await visitor.page.get_by_role("button", name="Undo").click()
    await expect(visitor.text).to_have_value("a cat")
    await expect(visitor.page.locator("#optimized")).to_be_hidden()


async def test_another_wording_replaces_the_first_and_undo_still_means_ones_own_words(
    visitor: Visitor,
) -> None:
    await optimize(visitor, "a cat")
    await visitor.page.get_by_role("button", name="Reword").click()
    await expect(visitor.text).to_have_value("a picture of a cat, at sunset, wording 1")
    await visitor.page.get_by_role("button", name="Undo").click()
    await expect(visitor.text).to_have_value("a cat")


async def test_words_typed_meanwhile_are_never_overwritten(site: Site, visitor: Visitor) -> None:
    site.easel.hold = 1
    for _ in range(3):
        await visitor.say("a fish")
    await visitor.text.fill("a cat")
    await visitor.page.get_by_role("button", name="Optimize").click()
    await visitor.text.fill("a dog")
    await expect(visitor.page.locator("#optimized")).to_be_hidden()
    await expect(visitor.text).to_have_value("a dog")
    site.easel.release()


async def test_a_failure_to_optimize_is_said_and_leaves_the_words(visitor: Visitor) -> None:
    await visitor.text.fill("a cat --nonsense")
    await visitor.page.get_by_role("button", name="Optimize").click()
    await expect(visitor.page.locator("#optimized .error")).to_contain_text("--nonsense")
    await expect(visitor.text).to_have_value("a cat --nonsense")
    visitor.problems.clear()  # Chromium reports every 422 on the console


async def test_optimizing_when_one_sends_can_be_switched_off(site: Site, visitor: Visitor) -> None:
    await visitor.page.get_by_role("button", name="More controls").click()
    await visitor.page.get_by_role("switch", name="Optimize when I send").uncheck()
    await visitor.picture(await visitor.say("a cat"))
    drawn = site.easel.tasks[-1]
    assert isinstance(drawn, Generate)
    assert not drawn.optimize


async def test_the_values_behind_the_button_reach_the_job(site: Site, visitor: Visitor) -> None:
    await visitor.page.get_by_role("button", name="More controls").click()
    await visitor.page.get_by_label("Aspect ratio").select_option("16:9")
    await visitor.page.get_by_role("combobox", name="Pictures").select_option("2")
    await visitor.page.get_by_label("Not in the picture").fill("text")
    await visitor.page.get_by_label("Seed").fill("7")
    await expect(visitor.page.locator("#more")).to_have_attribute("data-set", "4")
    await visitor.picture(await visitor.say("a cat"))
    drawn = site.easel.tasks[0]
    assert isinstance(drawn, Generate)
    assert (drawn.width > drawn.height, drawn.negative_prompt, drawn.seed) == (True, "text", 7)
    assert len(site.easel.tasks) == 2


async def test_the_lora_files_that_are_there_can_be_named(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "ink.safetensors").touch()
    async with serving(tmp_path, loras=tmp_path) as site, visiting(browser, site.url) as visitor:
        await visitor.page.get_by_role("button", name="More controls").click()
        await visitor.page.get_by_label("LoRA").fill("ink:0.8")
        await visitor.picture(await visitor.say("a cat"))
        drawn = site.easel.tasks[0]
        assert isinstance(drawn, Generate)
        assert drawn.loras == (("ink", 0.8),)


async def test_edit_fills_words_values_and_the_attached_picture(site: Site, visitor: Visitor) -> None:
    await visitor.page.locator("#file").set_input_files([FILE])
    await expect(visitor.page.locator("#thumbnail")).to_be_visible()
    card = await visitor.say("a cat --seed 7 --no text --strength 0.4 --spoiler")
    await expect(visitor.page.locator("#attachment")).to_be_hidden()
    await visitor.press(card, "edit")
    await expect(visitor.text).to_have_value("a cat --spoiler on")
    await expect(visitor.page.locator("#thumbnail")).to_be_visible()
    values = [
        await visitor.page.locator(f"#{name}").input_value() for name in ("seed", "negative", "strength")
    ]
    assert values == ["7", "text", "0.4"]


async def test_a_variation_is_edited_in_ones_own_words(visitor: Visitor) -> None:
    await visitor.picture(await visitor.say("一只猫"))
    await visitor.press(visitor.cards.first, "vary")
    await visitor.picture(visitor.cards.nth(1))
    await visitor.press(visitor.cards.nth(1), "edit")
    await expect(visitor.text).to_have_value("一只猫")
    await expect(visitor.page.locator("#auto")).to_be_checked()


async def test_draft_values_and_attachment_survive_a_reload(visitor: Visitor) -> None:
    await visitor.page.locator("#file").set_input_files([FILE])
    await visitor.attached()
    await visitor.page.get_by_label("Steps").fill("3")
    await visitor.text.fill("a cat in the")
    await visitor.page.reload()
    await visitor.ready()
    await expect(visitor.text).to_have_value("a cat in the")
    await expect(visitor.page.locator("#steps")).to_have_value("3")
    await expect(visitor.page.locator("#thumbnail")).to_be_visible()


async def test_what_went_into_the_box_is_no_part_of_the_conversation(site: Site, visitor: Visitor) -> None:
    await optimize(visitor, "a cat")
    assert isinstance(site.easel.tasks[0], Optimize)
    await visitor.page.reload()
    await visitor.ready()
    await expect(visitor.page.locator(".turn")).to_have_count(0)
