"""`setup`: what it asks, and what it makes of the configuration file."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from bot.locales.texts import LANGUAGES, Texts
from bot.setup import config, wizard
from bot.setup.config import Config, ConfigError, DiscordConfig, TelegramConfig
from bot.setup.doctor import Finding

LAPTOP = {"device": "cpu", "name": "CPU", "free": 8e9, "total": 16e9, "bfloat16": True, "threads": 4}
CARD = LAPTOP | {
    "device": "cuda",
    "plan": "bfloat16; all stays",
    "peak": 2e10,
    "host": 0,
    "side": 1024,
    "why": "",
}


class Answers:
    """A person who types these lines and nothing more, on a machine with a device."""

    def __init__(
        self, *lines: str, device: dict[str, Any] = CARD, tokens: tuple[str, ...] = ("good",)
    ) -> None:
        self.printed: list[str] = []
        self.hidden: list[str] = []
        self._lines = iter(lines)
        self._device = device

    def outside(self) -> wizard.Outside:
        """Return the world as the questions see it."""
        return wizard.Outside(
            self._ask, self.printed.append, self._look, self._fault, self._size,
            {"discord": self._check, "telegram": self._check},
        )  # fmt: skip

    def _ask(self, question: str, is_hidden: bool) -> str:
        self.printed.append(question)
        if is_hidden:
            self.hidden.append(question)
        return next(self._lines, "")

    async def _look(self, name: str) -> dict[str, Any]:
        return self._device

    def _fault(self, name: str) -> str:
        return "no such folder" if name.startswith("/") else ""

    async def _size(self) -> int | None:
        return None

    async def _check(self, token: str) -> list[Finding]:
        return [Finding("ok" if token == "good" else "problem", "token", token)]


async def changes(person: Answers, current: Config | None = None, locale: str = "en") -> wizard.Changes:
    return await wizard.Wizard(person.outside(), Texts(), locale).run(current or Config())


@pytest.mark.parametrize("locale", LANGUAGES)
async def test_enter_keeps_everything(locale: str) -> None:
    assert await changes(Answers(), locale=locale) == {}


async def test_a_model_and_two_tokens_are_asked_for() -> None:
    person = Answers("2", "good", " good ")
    assert await changes(person) == {
        ("model", "name"): wizard.LARGE,
        ("discord", "token"): "good",
        ("telegram", "token"): "good",
    }
    assert len(person.hidden) == 2
    assert "21 GB to download, about 28 minutes" in "".join(person.printed)
    assert "bfloat16; all stays" in "".join(person.printed)


async def test_what_a_device_is_too_slow_for_is_taken_only_on_demand() -> None:
    assert await changes(Answers("2", "n", "", device=LAPTOP)) == {}
    assert await changes(Answers("2", "yes", device=LAPTOP)) == {("model", "name"): wizard.LARGE}


async def test_a_model_that_is_not_there_is_asked_for_again() -> None:
    person = Answers("/nowhere", "an/other")
    assert await changes(person) == {("model", "name"): "an/other"}
    assert "no such folder" in person.printed


async def test_a_token_that_is_refused_is_asked_for_again_and_can_be_left_out() -> None:
    assert await changes(Answers("", "bad", "good")) == {("discord", "token"): "good"}
    assert await changes(Answers("", "bad", "", "bad")) == {}


async def test_a_token_that_is_set_is_kept_or_removed_and_never_shown() -> None:
    current = Config(discord=DiscordConfig("secret-1"), telegram=TelegramConfig("secret-2"))
    person = Answers("", "-")
    assert await changes(person, current) == {("discord", "token"): ""}
    assert "secret" not in "".join(person.printed)


@pytest.fixture(params=["new", "utf-8", "utf-16"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that is not there yet, or one as an editor left it."""
    path = tmp_path / "config.toml"
    if request.param != "new":
        text = "# mine\nlog_level = 'error' # quiet\n[model]\nname = 'old'\n[limits]\nper_day = 5\n"
        path.write_text(text, request.param)
    return path


def test_only_what_was_asked_is_changed_in_the_file(file: Path) -> None:
    before = config.load(file, {}) if file.exists() else Config()
    wizard.write(file, {("model", "name"): 'new "one"', ("telegram", "token"): "t"})
    after = config.load(file, {})
    assert (after.model.name, after.telegram.token) == ('new "one"', "t")
    assert (after.log_level, after.limits) == (before.log_level, before.limits)
    assert "# mine" in file.read_text("utf-8") or before == Config()
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


@pytest.mark.skipif(os.name != "posix", reason="modes of files are Unix")
def test_only_the_owner_reads_the_file(file: Path) -> None:
    wizard.write(file, {("discord", "token"): "t"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_would_be_no_configuration_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("model = 1\n")
    with pytest.raises((ConfigError, TypeError)):
        wizard.write(file, {("discord", "token"): "t", ("web", "port"): "many"})
    assert file.read_text() == "model = 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
