"""`python -m bot setup`: asks what draws and where to serve, and writes that into the configuration.

Knows the questions and the file. What asks the person, the machine and the platforms is handed in.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomlkit

from bot.locales.texts import Texts
from bot.replies import format
from bot.setup import config, doctor
from bot.setup.config import Config
from bot.setup.doctor import Finding

LARGE = "z-image-turbo"
OFFERED = {"1": "embedded", "2": LARGE}
"""The models that a number chooses."""
LARGE_BYTES = 20.7e9
"""Its largest form, where torch cannot say which one suits."""
BYTES_A_SECOND = 100e6 / 8
"""The connection for which the time of a download is told."""
REMOVE = "-"
TOKENS = ("discord", "telegram")
HEAD = "Every setting: docs/configuration.md"

Changes = dict[tuple[str, str], str]
"""Section and name of a setting to its new value."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What the questions need of the world.

    `ask` returns the answer to a question, and one that is `hidden` shows it to nobody. `look` finds what
    `doctor.probe` finds for a model, `fault` says what stands against a model's name, "" for nothing, `size`
    returns the bytes of the large model in the form that suits, or None. `check` asks a platform whether a
    token is good.
    """

    ask: Callable[[str, bool], str]
    show: Callable[[str], None]
    look: Callable[[str], Awaitable[dict[str, Any]]]
    fault: Callable[[str], str]
    size: Callable[[], Awaitable[int | None]]
    check: Mapping[str, Callable[[str], Awaitable[list[Finding]]]]


class Wizard:
    """The questions, in one language."""

    def __init__(self, outside: Outside, texts: Texts, locale: str) -> None:
        self._outside = outside
        self._texts = texts
        self._locale = locale

    async def run(self, current: Config) -> Changes:
        """Ask all there is to ask; return what is to be changed."""
        self._tell("setup-intro", remove=REMOVE)
        changes = await self._model(current)
        for name in TOKENS:
            changes |= await self._token(name, getattr(current, name).token)
        return changes

    async def _model(self, current: Config) -> Changes:
        seconds = (size := await self._outside.size() or LARGE_BYTES) / BYTES_A_SECOND
        duration = format.about(self._texts, self._locale, seconds)
        self._tell("setup-model", large=LARGE, gigabytes=round(size / 1e9), duration=duration)
        while answer := self._ask("setup-which", now=current.model.name):
            name = OFFERED.get(answer, answer)
            if fault := self._outside.fault(name):
                self._outside.show(fault)
                continue
            self._tell("setup-looking")
            found = await self._outside.look(name)
            chosen = replace(current, model=replace(current.model, name=name))
            findings = [
                *doctor.report_device(found, chosen),
                *doctor.plan(found, chosen),
                *doctor.speed(found, chosen),
                *doctor.checks(found),
            ]
            self._show(findings)
            if not any(finding.grade == "problem" for finding in findings) or self._agrees():
                return {} if name == current.model.name else {("model", "name"): name}
        return {}

    async def _token(self, name: str, now: str) -> Changes:
        state = self._texts.say(self._locale, "setup-set" if now else "setup-none")
        while token := self._ask(f"setup-{name}", is_hidden=True, now=state):
            if token == REMOVE:
                return {(name, "token"): ""} if now else {}
            findings = await self._outside.check[name](token)
            self._show(findings)
            if all(finding.grade != "problem" for finding in findings):
                return {(name, "token"): token}
        return {}

    def _agrees(self) -> bool:
        return self._ask("setup-anyway").casefold() in self._texts.words(self._locale, "setup-yes")

    def _show(self, findings: list[Finding]) -> None:
        for finding in findings:
            self._outside.show(str(finding))

    def _tell(self, key: str, **values: str | float) -> None:
        self._outside.show(self._texts.say(self._locale, key, **values))

    def _ask(self, key: str, is_hidden: bool = False, **values: str | float) -> str:
        return self._outside.ask(f"{self._texts.say(self._locale, key, **values)} ", is_hidden).strip()


def write(path: Path, changes: Changes) -> None:
    """Change settings in the file, or make it, readable by its owner only; the rest stays as it is.

    Raises `ConfigError` where it would be no configuration any more, and OSError; then nothing has changed.
    """
    path = path.resolve()
    text = config.decoded(path.read_bytes()) if path.exists() else ""
    document = tomlkit.parse(text) if text else tomlkit.document().add(tomlkit.comment(HEAD))
    for (section, name), value in changes.items():
        document.setdefault(section, tomlkit.table())[name] = value
    part = path.with_name(f"{path.name}.part")
    with suppress(FileNotFoundError):
        part.unlink()
    try:
        with os.fdopen(
            os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(tomlkit.dumps(document))
        config.load(part, {})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
