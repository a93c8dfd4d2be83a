"""The gallery shows every state in words of its own, in both languages."""

from functools import partial
from pathlib import Path

import pytest

from engine.fake import FakeEngine
from tests.adapters.discord.gallery import LOCALES, RULE, Album, said_in_words, staged
from tests.adapters.discord.gallery_page import page, text
from tests.bot.harness import StepGate


@pytest.mark.parametrize("language", LOCALES)
async def test_every_panel_and_refusal_has_its_words_on_the_page(language: str, tmp_path: Path) -> None:
    album, gate = Album(language), StepGate()
    scenes = partial(said_in_words, gate=gate)
    await staged(album, scenes, tmp_path, engine=FakeEngine(64, gate), rule=RULE)
    shown = page(album.shots, language)
    for shot in album.shots:
        assert text([shot]).splitlines()[1:], shot.title
        assert shot.title in shown
    if language == "zh":
        assert "按这些设置" in shown
