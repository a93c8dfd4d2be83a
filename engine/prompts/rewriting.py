"""The optimizer a pipeline uses: a language model's rewriting where there is one and it passes, else rules.

Knows tasks, deadlines, retries and fallback. Knows nothing of tokens; the writer yields when others may
go on.
"""

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Protocol

from engine.prompts.checks import problems
from engine.prompts.complete.optimize import optimize
from engine.prompts.complete.prepare import completed, in_other_words, refusing
from engine.prompts.instructions import instructions, told_kind
from engine.prompts.small_world.lexicon import World
from engine.prompts.stopwatch import Stopwatch
from engine.prompts.text.clean import clean, is_chinese, plain, without_orders
from engine.prompts.text.contradictions import latest
from engine.prompts.text.sanitize import Rewritten, sanitize
from engine.prompts.translate.chinese import HAN
from engine.types import EngineError, Generate, Optimize, PromptReady

log = logging.getLogger(__name__)

DEADLINE = 8.0
"""Seconds a language model may compute for one prompt, both attempts together."""
PATIENCE = 30.0
"""Seconds by the clock after which it is given up, however much of them went to other people's pictures."""
ATTEMPTS = 2
USUAL_TOKENS = 150
SLOW = 2.0
"""Seconds for so many tokens from which on it is said how fast a language model writes."""
REST = 600.0
"""Seconds in which a language model that failed, or cannot meet the deadline, is not asked again."""
PRECISE_WORDS = 60
PRECISE_CHARACTERS = 100
"""A wish of this length needs no rewriting."""


class Writer(Protocol):
    """A language model, as `language.LanguageModel` is one."""

    def write(self, wish: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """Write a prompt for `wish`, yielding every few tokens; may raise `EngineError`."""

    def seconds(self, tokens: int) -> float:
        """Seconds that a prompt of so many tokens takes by its own runs; 0 before the first."""

    def give_way(self, scarce: bool) -> bool:
        """Leave before a picture computes, or where memory ran out; say whether that freed anything."""


class Optimizer:
    """Prepares prompts for one model.

    `world` is what a limited model knows: it is told by rules alone. `language` writes for a model that draws
    anything, within `deadline` seconds of computing and `patience` by the clock; `keep_language` leaves
    Chinese wishes Chinese. `usual` are terms that every guided and enhanced picture of this model has in its
    negative prompt.
    """

    def __init__(
        self,
        world: World | None = None,
        language: Writer | None = None,
        *,
        deadline: float = DEADLINE,
        patience: float = PATIENCE,
        keep_language: bool = False,
        usual: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world = world
        self._language = language if world is None else None
        self._deadline = deadline
        self._patience = patience
        self._keep_language = keep_language
        self._usual = usual
        self._clock = clock
        self._rest: tuple[float, str] = (0.0, "")
        self._told = ""

    def give_way(self, scarce: bool = False) -> bool:
        """Have the language model make room for a picture; say whether it freed anything."""
        return self._language is not None and self._language.give_way(scarce)

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
        optimized = isinstance(task, Optimize) or task.optimize
        ready, kind, negative = sanitize(task.prompt), "", task.negative_prompt
        if optimized:
            written, kind = yield from self._optimized(task.prompt, task.wording)
            ready, negative = refusing(written, negative, self._world), ""
        done = completed(
            ready,
            task.prompt,
            self._world,
            negative=negative,
            enhanced=task.enhance and (isinstance(task, Generate) or self._world is None),
            guided=isinstance(task, Optimize) or task.guidance_scale != 1,
            kind=kind,
            wording=task.wording,
            usual=self._usual,
        )
        if optimized:
            done = in_other_words(done, self._world, task.wording)
        if isinstance(task, Optimize):
            return PromptReady(task.prompt, done.text, ready.negative, done.notes)
        return PromptReady(task.original or task.prompt, done.text, done.negative, done.notes)

    def _optimized(self, wish: str, wording: int) -> Generator[None, None, tuple[Rewritten, str]]:
        """The wish rewritten, and the kind of subject where a language model told it."""
        ruled = optimize(wish, self._world, wording=wording, keep_language=self._keep_language)
        if self._language is None or not ruled.text or _is_long(ruled.text):
            return ruled, ""
        written, why = ("", ""), self._resting()
        if not why:
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
        said = latest(without_orders(plain(sanitize(wish).text)))
        chinese = self._keep_language and is_chinese(ruled.text)
        english = optimize(wish) if chinese else ruled
        watch = Stopwatch(self._clock, self._deadline, self._patience)
        for attempt in range(ATTEMPTS):
            seed = wording * ATTEMPTS + attempt
            try:
                text = yield from self._in_time(said, chinese, seed, watch)
            except EngineError as error:
                return ("", ""), self._pause("optimizer:failed", str(error))
            if text is None:
                return ("", ""), "optimizer:slow"
            kind, prompt = told_kind(text)
            prompt, _ = clean(sanitize(prompt).text)
            if not _problems(said, prompt, english, chinese):
                return (kind, prompt), ""
        return ("", ""), "optimizer:unusable"

    def _in_time(
        self, said: str, chinese: bool, seed: int, watch: Stopwatch
    ) -> Generator[None, None, str | None]:
        """What the language model writes, or None once the time has come."""
        assert self._language is not None
        with closing(self._language.write(said, chinese=chinese, seed=seed)) as writing:
            while not watch.is_over:
                try:
                    with watch.turn():
                        next(writing)
                except StopIteration as done:
                    self._judge_speed()
                    return str(done.value)
                yield
        self._judge_speed()
        return None

    def _judge_speed(self) -> None:
        assert self._language is not None
        expected = self._language.seconds(USUAL_TOKENS)
        if expected > self._deadline:
            speed = f"it needs {expected:.1f} s for {USUAL_TOKENS} tokens, and has {self._deadline:.0f}"
            self._pause("optimizer:too-slow", speed)
        elif expected > SLOW and not self._told:
            self._told = "speed"
            log.info("the language model needs %.1f s for a prompt of %d tokens", expected, USUAL_TOKENS)

    def _pause(self, code: str, why: str) -> str:
        """Leave prompts to the rules for a while; the first time it is said why."""
        if self._told != code:
            self._told = code
            log.warning("rules write the prompts, the language model rests: %s", why)
        self._rest = (self._clock() + REST, code)
        return code

    def _resting(self) -> str:
        """Why the language model is not asked just now, if so."""
        until, code = self._rest
        return code if code and self._clock() < until else ""


def _is_long(text: str) -> bool:
    return len(text.split()) > PRECISE_WORDS or len(HAN.findall(text)) > PRECISE_CHARACTERS


def _problems(wish: str, prompt: str, english: Rewritten, chinese: bool) -> tuple[str, ...]:
    denied = [term.strip() for term in english.negative.split(",") if term.strip()]
    return problems(wish, prompt, english.text, denied, chinese=chinese, secret=instructions(chinese))
