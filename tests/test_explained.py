"""What became of somebody's words is said in their language: in every chat and on the command line."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from bot import __main__, wiring
from bot.locales.texts import answer_locale
from engine import embedded
from engine.fake import FakeEngine
from engine.models.profiles import profile
from engine.prompts import Optimizer, Target, embedded_world
from engine.types import Event, Generate, Optimize, PromptReady, Task
from tests.adapters.discord.harness import opened
from tests.adapters.discord.people import words as shown_words
from tests.adapters.telegram.chats import ANN as PERSON
from tests.adapters.telegram.harness import telegram_harness
from tests.adapters.telegram.server import telegram
from tests.bot.harness import ANN, StepGate, bot_harness

SMALL = Optimizer(embedded_world())
ENGLISH = Optimizer(target=Target("auto", reads_chinese=False))
CASES = [
    (SMALL, "一只红色的狐狸在雪地里", ["用最接近的代替：狐狸 → 猫"]),
    (SMALL, "a red boat by a windowsill", ["Left out, because it isn't known here: windowsill"]),
    (SMALL, "量子纠缠", ["都不认识。可以试试：", " / "]),
    (SMALL, "three balloons over the sea", ["one of each"]),
    (ENGLISH, "刻晴在樱花树下", ["没有画进去：刻晴"]),
    (ENGLISH, "原神刻晴", ["不懂中文", "原神刻晴"]),
]
"""Optimizers, what somebody writes, and what the answer says first."""
IN_PASSING = [
    (ENGLISH, "a cat", "Added: "),
    (SMALL, "a red boat on the sea, no bird", "Negative prompt: bird"),
    (ENGLISH, "海边的小屋，不要人", "负面提示词：person"),
]
"""What an optimized prompt says below it."""


EVERYTHING = [*CASES, *((optimizer, prompt, [words]) for optimizer, prompt, words in IN_PASSING)]
MODEL = profile(embedded.NAME)


class ByRules(FakeEngine):
    """A fake engine that prepares prompts as the real one does."""

    def __init__(self, optimizer: Optimizer, gate: StepGate | None = None) -> None:
        super().__init__(1024, *filter(None, [gate]))
        self._optimizer = optimizer

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        async with aclosing(super().run(task)) as events:
            async for event in events:
                if isinstance(event, PromptReady) and isinstance(task, Generate | Optimize):
                    event = self._optimizer.prepare(task)
                yield event


@pytest.mark.parametrize(("optimizer", "prompt", "words"), CASES)
async def test_what_is_not_drawn_as_it_was_written_is_said_before_it_is_drawn(
    tmp_path: Path, optimizer: Optimizer, prompt: str, words: list[str]
) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=ByRules(optimizer, gate), profile=MODEL) as home:
        user = replace(ANN, locale=answer_locale(prompt, "en"))
        job = await home.ask(prompt, user)
        await gate.reached()
        await home.settled()
        waiting = await home.message(job)
        gate.open()
        await home.core.idle()
        for reply in (waiting, await home.message(job)):
            assert all(each in reply.text.splitlines()[0] for each in words)


@pytest.mark.parametrize(("optimizer", "prompt", "words"), EVERYTHING)
async def test_an_optimized_prompt_says_on_telegram_and_discord_what_became_of_the_words(
    tmp_path: Path, optimizer: Optimizer, prompt: str, words: list[str]
) -> None:
    locale = {"en": "en-US", "zh": "zh-CN"}[answer_locale(prompt, "en")]
    async with (
        telegram() as server,
        telegram_harness(server, tmp_path / "t", engine=ByRules(optimizer), profile=MODEL) as here,
    ):
        sent = await here.said(f"/optimize {prompt}", PERSON | {"language_code": locale})
        assert all(each in sent["text"] for each in words)
    async with opened(tmp_path / "d", engine=ByRules(optimizer), profile=MODEL) as studio:
        message = await studio.drawn(await studio.person("Bob", locale).slash("optimize", prompt=prompt))
        shown = shown_words(message)
        assert all(each in shown for each in words)


@pytest.mark.parametrize(("optimizer", "prompt", "words"), EVERYTHING)
def test_the_command_line_prints_the_prompt_alone_and_the_rest_to_stderr(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    optimizer: Optimizer,
    prompt: str,
    words: list[str],
) -> None:
    monkeypatch.setattr("engine.prompts.ruled", lambda *_: optimizer)
    with pytest.raises(SystemExit, match="0"):
        __main__.main(["optimize", prompt])
    done = capfd.readouterr()
    assert done.out == f"{optimizer.prepare(Optimize(prompt)).used}\n"
    assert all(each in done.err for each in words)


def test_a_prompt_of_several_pictures_is_explained_once_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(wiring, "_engine", lambda *_: ByRules(SMALL))
    with pytest.raises(SystemExit, match="0"):
        __main__.main(["imagine", "一只红色的狐狸在雪地里 --count 2 --steps 1", "--out", str(tmp_path)])
    assert capfd.readouterr().err.count("狐狸 → 猫") == 1
