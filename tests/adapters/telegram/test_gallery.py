"""The gallery of what people see, for which nothing need be drawn."""

from tests.adapters.telegram.gallery import in_words
from tests.adapters.telegram.gallery_page import page, text


async def test_the_gallery_shows_every_state_in_words_and_escapes_nothing_twice() -> None:
    shots = await in_words("zh")
    words = text(shots)
    assert {"/settings", "Cancelled", "Failed", "A chat that is not let in"} <= {shot.title for shot in shots}
    assert "(步数 · 8 ›)" in words
    assert "telegram:user:7" in words
    shown = page(shots, "zh")
    assert "步数 · 8 ›" in shown
    assert "&amp;amp;" not in shown
