"""The optimizer a pipeline uses: a language model's rewriting where there is one and it passes, else rules.

Knows tasks, deadlines, retries and fallback. Knows nothing of tokens; the writer yields when others may
go on.
"""

import logging
import time
from collections.abc import Callable, Generator
from typing import Protocol

from engine.prompts.checks import problems
from engine.prompts.instructions import instructions, told_kind
from engine.prompts.latest import latest
from engine.prompts.lexicon import World
from engine.prompts.optimizer import optimize
from engine.prompts.prepare import completed
from engine.prompts.sanitize import Rewritten, sanitize
from engine.prompts.wording import clean, plain, without_orders
from engine.types import Generate, Optimize, PromptReady

log = logging.getLogger(__name__)

DEADLINE = 8.0
"""Seconds a language model may take for one prompt, both attempts together."""
ATTEMPTS = 2
SLOW = 2.0
"""Seconds from which on it is said how long a prompt took."""
PRECISE_WORDS = 60
"""A wish of this length needs no rewriting."""


class Writer(Protocol):
    """A language model, as `language.LanguageModel` is one."""

    def write(self, wish: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """Write a prompt for `wish`, yielding every few tokens."""


class Optimizer:
    """Prepares prompts for one model.

    `world` is what a limited model knows: it is told by rules alone. `language` writes for a model that draws
    anything, within `deadline` seconds; `keep_language` leaves Chinese wishes Chinese.
    """

    def __init__(
        self,
        world: World | None = None,
        language: Writer | None = None,
        *,
        deadline: float = DEADLINE,
        keep_language: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world = world
        self._language = language if world is None else None
        self._deadline = deadline
        self._keep_language = keep_language
        self._clock = clock

    def prepare(self, task: Generate | Optimize) -> PromptReady:
        """Prepare a task's prompt in one go."""
        work = self.steps(task)
        while True:
            try:
                next(work)
            except StopIteration as done:
                ready: PromptReady = done.value
                return ready

    def steps(self, task: Generate | Optimize) -> Generator[None, None, PromptReady]:
        """Prepare a task's prompt, yielding every few tokens of a language model; the result is returned.

        Close the generator to give the work up.
        """
        wording = task.wording
        if isinstance(task, Generate) and not task.optimize:
            ready, kind = sanitize(task.prompt), ""
        else:
            ready, kind = yield from self._optimized(task.prompt, wording)
        done = completed(
            ready,
            task.prompt,
            self._world,
            negative=task.negative_prompt if isinstance(task, Generate) else "",
            enhanced=task.enhance if isinstance(task, Generate) else self._world is None,
            guided=isinstance(task, Optimize) or task.guidance_scale != 1,
            kind=kind,
            wording=wording,
        )
        if isinstance(task, Optimize):
            return PromptReady(task.prompt, done.text, ready.negative, done.notes)
        return PromptReady(task.original or task.prompt, done.text, done.negative, done.notes)

    def _optimized(self, wish: str, wording: int) -> Generator[None, None, tuple[Rewritten, str]]:
        """The wish rewritten, and the kind of subject where a language model told it."""
        ruled = optimize(wish, self._world, wording=wording, keep_language=self._keep_language)
        if self._language is None or not ruled.text or len(ruled.text.split()) > PRECISE_WORDS:
            return ruled, ""
        written, why = yield from self._written(wish, ruled, wording)
        if why:
            return Rewritten(ruled.text, (*ruled.notes, why), ruled.negative), ""
        kind, prompt = written
        notes = (*sanitize(wish).notes, "optimized", "optimizer:language-model")
        return Rewritten(prompt, notes, ruled.negative), kind

    def _written(
        self, wish: str, ruled: Rewritten, wording: int
    ) -> Generator[None, None, tuple[tuple[str, str], str]]:
        """A checked rewriting by the language model, or the code of why there is none."""
        assert self._language is not None
        said = latest(without_orders(plain(sanitize(wish).text)))
        started = self._clock()
        for attempt in range(ATTEMPTS):
            writing = self._language.write(
                said, chinese=self._keep_language, seed=wording * ATTEMPTS + attempt
            )
            try:
                while True:
                    next(writing)
                    if self._clock() - started > self._deadline:
                        writing.close()
                        return ("", ""), "optimizer:slow"
                    yield
            except StopIteration as done:
                kind, prompt = told_kind(done.value)
            prompt, _ = clean(sanitize(prompt).text)
            if not self._problems(said, prompt, ruled):
                if (took := self._clock() - started) > SLOW:
                    log.info("the language model took %.1f s to write a prompt; rules take none", took)
                return (kind, prompt), ""
        return ("", ""), "optimizer:unusable"

    def _problems(self, wish: str, prompt: str, ruled: Rewritten) -> tuple[str, ...]:
        return problems(
            wish,
            prompt,
            optimize(wish).text if self._keep_language else ruled.text,
            [term.strip() for term in ruled.negative.split(",") if term.strip()],
            chinese=self._keep_language,
            secret=instructions(self._keep_language),
        )
