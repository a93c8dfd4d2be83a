"""Facts about banned words."""

import pytest

from bot.moderation import Words
from bot.types import Refused


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
        Words([entry]).check(text)
    assert (refused.value.code, refused.value.values) == ("banned-words", {})


@pytest.mark.parametrize(
    ("entry", "text"), [("gore", "category gores"), ("gor*", "category"), ("/^gore$/", "a gore")]
)
def test_other_words_pass(entry: str, text: str) -> None:
    Words([entry, "另外"]).check(text)


@pytest.mark.parametrize("entry", ["/(/", "", "**", " "])
def test_an_unusable_entry_is_an_error_that_names_it(entry: str) -> None:
    with pytest.raises(ValueError, match="banned word") as error:
        Words(["fine", entry])
    assert repr(entry.strip()) in str(error.value)
