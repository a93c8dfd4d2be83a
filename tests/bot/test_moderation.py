"""Facts about banned words and unfit pictures."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from bot.policy.moderation import BannedWords, PictureFilter
from bot.types import Refused
from engine.fake import FakeEngine, striped
from engine.types import EngineError, Event, Progress, Task
from tests.bot.harness import ANN, TOKENS, StepGate, bot_harness


class Previewing(FakeEngine):
    """A fake engine with a preview at every step."""

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        async with aclosing(super().run(task)) as events:
            async for event in events:
                yield replace(event, preview=striped("x", 16, 16)) if isinstance(event, Progress) else event


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("gore", "Some GORE here"),
        ("gore", "ｇｏｒｅ"),
        ("gore", "go\u200bre"),
        ("gore", "go\ufe0fre"),
        ("gore", "血腥gore画面"),
        ("bad thing", "a bad \n thing"),
        ("*gor*", "gory"),
        ("gor*", "gory"),
        ("/gor[ey]/", "GORY"),
        ("血腥", "很 血 腥 的画面"),
        ("*血腥*", "血\u3000腥"),
        ("straße", "STRASSE"),
    ],
)
def test_a_banned_word_is_found_however_it_is_written(entry: str, text: str) -> None:
    with pytest.raises(Refused) as refused:
        BannedWords([entry]).check(text)
    assert (refused.value.code, refused.value.values) == ("banned-words", {})


@pytest.mark.parametrize(
    ("entry", "text"), [("gore", "category gores"), ("gor*", "category"), ("/^gore$/", "a gore")]
)
def test_other_words_pass(entry: str, text: str) -> None:
    BannedWords([entry, "另外"]).check(text)


@pytest.mark.parametrize("entry", ["/(/", "", "**", " "])
def test_an_unusable_entry_is_an_error_that_names_it(entry: str) -> None:
    with pytest.raises(ValueError, match="banned word") as error:
        BannedWords(["fine", entry])
    assert repr(entry.strip()) in str(error.value)


async def test_an_unfit_picture_fails_uncharged_leaves_no_file_and_was_never_previewed(
    tmp_path: Path,
) -> None:
    picture_filter = PictureFilter({"nsfw": 0.8})
    async with bot_harness(tmp_path, engine=Previewing(TOKENS), picture_filter=picture_filter) as home:
        bad, good = await home.ask("unfit: boat", enhance=False, count=2), await home.ask()
        await home.core.idle()
        row = await home.row(bad)
        assert (row.state, row.error, row.error_detail) == ("failed", "refused", "unfit-picture")
        assert "isn't shown here" in (await home.message(bad)).text
        assert len((await home.usage(ANN)).charges) == 1
        assert [path.name for path in (tmp_path / "pictures").glob("*.png")] == [f"{good.id}-0.png"]
        assert [bool(reply.images) for _, reply in home.platform.shows].count(True) == 1


async def test_where_people_are_exempt_every_picture_is_shown_with_its_previews(tmp_path: Path) -> None:
    picture_filter = PictureFilter({"nsfw": 0.8}, frozenset(["fake:age-restricted"]))
    gate = StepGate(step=2)
    async with bot_harness(tmp_path, engine=Previewing(TOKENS, gate), picture_filter=picture_filter) as home:
        job = await home.ask("unfit: boat", user=replace(ANN, groups=("fake:age-restricted",)))
        await gate.reached()
        assert (await home.core.reply(await home.row(job))).images != ()
        gate.open()
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"


@pytest.mark.parametrize(
    ("scores", "raised"),
    [
        ({"nsfw": 0.79}, None),
        ({"nsfw": 0.8}, Refused),
        ({"nsfw": float("nan")}, Refused),
        ({"porn": 0.0}, EngineError),
        ({}, EngineError),
    ],
)
def test_a_label_without_a_usable_score_lets_nothing_pass(
    scores: dict[str, float], raised: type[Exception] | None
) -> None:
    picture_filter = PictureFilter({"nsfw": 0.8})
    with pytest.raises(raised) if raised else nullcontext():
        picture_filter.check(ANN, {"scores": scores})
