"""Facts about the message files: complete in each language, and in step with the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl
from fluent.syntax.visitor import Visitor

from bot.locales.texts import LANGUAGES, TAIWAN, Texts, answer_locale, typed
from bot.replies.keyboard import EMOJIS
from bot.requests.commands import COMMANDS
from bot.requests.flags import FLAGS
from bot.types import RefusalCode
from engine.types import ErrorCode

ROOT = Path(__file__).parents[2]
FILLED_IN = {"language", "strings", "most_steps", "most_guidance", "sentence", "hidden"}
"""Blanks of the page that are no words."""
OPTIONAL = {"when"}
"""What `Replies.refused` adds to every refusal by itself."""


class Variables(Visitor):  # type: ignore[misc]
    """The names of the variables under a node."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_VariableReference(self, node: ftl.VariableReference) -> None:  # noqa: N802
        self.names.add(node.id.name)


def variables(node: ftl.BaseNode | None) -> set[str]:
    visitor = Variables()
    if node is not None:
        visitor.visit(node)
    return visitor.names


def messages(language: str) -> dict[str, set[str]]:
    """Every key, attributes as `message.attribute`, with its variables."""
    text = (ROOT / "bot" / "locales" / f"{language}.ftl").read_text("utf-8")
    found: dict[str, set[str]] = {}
    for entry in FluentParser().parse(text).body:
        assert not isinstance(entry, ftl.Junk), f"{language}.ftl: {entry.content!r} is not Fluent"
        if isinstance(entry, ftl.Message):
            assert entry.id.name not in found, f"{language}.ftl says {entry.id.name} twice"
            found[entry.id.name] = variables(entry.value)
            found |= {f"{entry.id.name}.{part.id.name}": variables(part.value) for part in entry.attributes}
    return found


ENGLISH = messages("en")


def sources() -> Iterator[ast.AST]:
    for folder in ("bot", "adapters"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(file.read_text("utf-8"), str(file))


def calls(*names: str) -> Iterator[ast.Call]:
    """Every call of a function or method with one of these names."""
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if name in names:
                    yield node


def literals() -> Iterator[re.Pattern[str]]:
    """Every string literal of the code as a pattern; what is filled into an f-string is a wildcard."""
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+"
                    for part in node.values
                ]
                if isinstance(node.values[0], ast.Constant) and re.match(
                    r"[a-z]+-", str(node.values[0].value)
                ):
                    yield re.compile("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.compile(re.escape(node.value))


def given(call: ast.Call) -> set[str] | None:
    """The names of a call's keyword arguments; None where some are not written out."""
    names = [keyword.arg for keyword in call.keywords]
    return None if None in names else {name for name in names if name}


def test_every_language_holds_the_same_messages_with_the_same_variables() -> None:
    for language in LANGUAGES:
        assert messages(language) == ENGLISH, language


def test_every_message_is_used_in_the_code() -> None:
    used = list(literals())
    unused = [key for key in ENGLISH if not any(pattern.fullmatch(key) for pattern in used)]
    assert [key for key in unused if not key.startswith("page-")] == []


def test_the_words_of_the_page_are_those_that_its_files_name() -> None:
    page = ROOT / "adapters" / "web" / "page"
    named = {name for file in page.glob("*.js") for name in re.findall(r"strings\.(\w+)", file.read_text())}
    for file in page.glob("*.html"):
        named |= {name for name in re.findall(r"\$(\w+)", file.read_text()) if name not in FILLED_IN}
    words = {key.removeprefix("page-").replace("-", "_") for key in ENGLISH if key.startswith("page-")}
    assert words == named - {"js"}


def test_every_key_in_the_code_has_a_message_and_gets_its_values() -> None:
    for call in calls("say", "_say"):
        key = call.args[1]
        if isinstance(key, ast.Constant):
            assert key.value in ENGLISH
            names = given(call)
            assert names is None or ENGLISH[key.value] <= names, key.value


def test_every_refusal_in_the_code_has_a_message_and_brings_its_values() -> None:
    raised = set()
    for call in calls("Refused"):
        code = call.args[0]
        assert isinstance(code, ast.Constant), "a refusal's code is written out where it is raised"
        assert isinstance(code.value, str)
        raised.add(code.value)
        names = given(call)
        assert names is not None
        assert ENGLISH[f"refused-{code.value}"] - OPTIONAL <= names, code.value
    assert raised == set(get_args(RefusalCode))


def test_every_refusal_has_its_text_in_every_language_and_no_text_is_left_over() -> None:
    codes = set(get_args(RefusalCode))
    for language in LANGUAGES:
        keys = {key for key in messages(language) if key.startswith("refused-")}
        never = {key for key in keys if key.endswith("-never")}
        assert {key.removesuffix("-never") for key in never} < keys
        assert keys - never == {f"refused-{code}" for code in codes}


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("command-", {entry.name for entry in COMMANDS}),
        ("flag-", {flag.names[0] for flag in FLAGS if not flag.ignored}),
        ("error-", {*get_args(ErrorCode), "refused", "storage", "free"}),
        ("button-", {*EMOJIS, "cancel-job", "pan", "pick"}),
    ],
)
def test_the_messages_of_a_table_are_its_rows(prefix: str, names: set[str]) -> None:
    keys = {key.removeprefix(prefix) for key in ENGLISH if key.startswith(prefix) and "." not in key}
    assert keys == names


@pytest.mark.parametrize("language", [*LANGUAGES, TAIWAN])
def test_no_two_commands_share_a_name_and_each_name_is_one_that_discord_takes(language: str) -> None:
    texts = Texts()
    commands = [word for entry in COMMANDS for word in texts.words(language, f"command-{entry.name}.words")]
    options = [texts.name(language, key) for key in ENGLISH if key.endswith(".name")]
    assert len(commands) == len(set(commands))
    for name in (*commands, *options):
        assert re.fullmatch(r"[\w-]{1,32}", name)
        assert name == name.lower()


def test_no_word_stands_for_commands_of_two_languages() -> None:
    words = [word for entry in COMMANDS for word in entry.words]
    assert len(words) == len(set(words))


def test_a_typed_word_of_a_value_means_one_thing() -> None:
    words = [word for name in ("on", "off", "auto", "random") for word in typed(f"typed-{name}")]
    assert len(words) == len(set(words))


def test_a_language_is_named_by_its_file() -> None:
    texts = Texts()
    for language in LANGUAGES:
        assert texts.say(language, "language-tag").partition("-")[0] == language


@pytest.mark.parametrize(
    ("text", "locale", "answered"),
    [("夕焼けの海", "en", "ja"), ("一只猫", "en", "zh"), ("東京", "ja", "ja"), ("一只猫", "zh-TW", "zh-TW"),
     ("a cat", "fr", "fr")],
)  # fmt: skip
def test_a_text_is_answered_in_the_language_its_script_gives_away(
    text: str, locale: str, answered: str
) -> None:
    assert answer_locale(text, locale) == answered


def test_no_command_description_is_too_long_for_a_command_menu() -> None:
    texts = Texts()
    for language in LANGUAGES:
        assert all(len(texts.say(language, f"command-{entry.name}")) <= 100 for entry in COMMANDS)


def test_numbers_are_written_without_thousands_separators_and_still_counted() -> None:
    texts = Texts()
    assert texts.say("en", "refused-prompt-too-long", length=12512, limit=2000).startswith(
        "Your text has 12512 "
    )
    assert texts.say("en-GB", "waiting", ahead=1) == "In line: 1 job is ahead of you."
    assert texts.say("zh-TW", "waiting", ahead=1) == "排队中，前面还有 1 个任务。"


def test_a_missing_message_or_value_is_an_error() -> None:
    with pytest.raises(LookupError):
        Texts().say("en", "no-such-message")
    with pytest.raises(LookupError, match="limit"):
        Texts().say("zh", "refused-too-many", count=1)
