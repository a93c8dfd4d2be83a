"""A language model's rewriting where it is in time and passes the checks, else the one by rules.

Knows deadlines, retries and rest after a failure. Knows nothing of tokens; the writer yields when others may
go on.
"""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing

from engine.prompts.complete.optimize import Target, optimize
from engine.prompts.data import HAN
from engine.prompts.llm.checks import is_talk, problems
from engine.prompts.llm.deadline import Deadline
from engine.prompts.llm.instructions import instructions
from engine.prompts.llm.writer import NotReady, Writer
from engine.prompts.text.clean import clean, is_chinese, plain, without_orders
from engine.prompts.text.contradictions import latest
from engine.prompts.text.sanitize import Rewritten, sanitize
from engine.types import EngineError

log = logging.getLogger(__name__)

DEADLINE = 8.0
"""Seconds a language model may compute for one prompt, both attempts together."""
PATIENCE = 30.0
"""Seconds by the clock after which it is given up, however much of them went to other people's pictures."""
ATTEMPTS = 2
USUAL_TOKENS = 150
SLOW = 2.0
"""Seconds for so many tokens from which on it is logged how fast a language model writes."""
REST = 600.0
"""Seconds in which a language model that failed, or cannot meet the deadline, is not asked again."""
PRECISE_WORDS = 60
PRECISE_CHARACTERS = 100
"""A prompt of this length, as it was written, needs no rewriting."""


class RewriterWithFallback:
    """Rewrites prompts with `writer`, within `deadline` seconds of computing and `patience` by the clock."""

    def __init__(
        self,
        writer: Writer,
        *,
        deadline: float = DEADLINE,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._deadline = deadline
        self._patience = patience
        self._clock = clock
        self._rest: tuple[float, str] = (0.0, "")
        self._logged = ""

    def release_memory(self, out_of_memory: bool) -> bool:
        """Have the language model make room for a picture; return whether it freed anything."""
        return self._writer.release_memory(out_of_memory)

    def rewrite(
        self, prompt: str, ruled: Rewritten, wording: int, target: Target
    ) -> Generator[None, None, Rewritten]:
        """Return the prompt rewritten, or `ruled`, by rules, with a note why."""
        if (ruled.negative and not ruled.text) or _is_precise(prompt):
            return ruled
        written, why = "", self._resting()
        if not why:
            written, why = yield from self._written(prompt, ruled, wording, target)
        if why:
            return Rewritten(ruled.text, (*ruled.notes, why), ruled.negative)
        notes = (*sanitize(prompt).notes, "optimized", "optimizer:language-model")
        return Rewritten(written, notes, ruled.negative)

    def _written(
        self, prompt: str, ruled: Rewritten, wording: int, target: Target
    ) -> Generator[None, None, tuple[str, str]]:
        """A checked rewriting by the language model, or the code of why there is none."""
        source = latest(without_orders(plain(sanitize(prompt).text)))
        chinese = target.keeps_chinese and is_chinese(ruled.text)
        deadline = Deadline(self._clock, self._deadline, self._patience)
        for attempt in range(ATTEMPTS):
            seed = wording * ATTEMPTS + attempt
            try:
                text = yield from self._in_time(source, chinese, seed, deadline)
            except NotReady:
                return "", "optimizer:loading"
            except EngineError as error:
                return "", self._pause("optimizer:failed", str(error))
            if text is None:
                return "", "optimizer:slow"
            written, codes = judged(source, text, chinese)
            if not codes:
                return written, ""
        return "", "optimizer:unusable"

    def _in_time(
        self, prompt: str, chinese: bool, seed: int, deadline: Deadline
    ) -> Generator[None, None, str | None]:
        """What the language model writes, or None once the time has come."""
        with closing(self._writer.write(prompt, chinese=chinese, seed=seed)) as writing:
            while not deadline.is_over:
                try:
                    with deadline.turn():
                        next(writing)
                except StopIteration as done:
                    self._judge_speed()
                    return str(done.value)
                yield
        self._judge_speed()
        return None

    def _judge_speed(self) -> None:
        expected = self._writer.seconds(USUAL_TOKENS)
        if expected > self._deadline:
            speed = f"it needs {expected:.1f} s for {USUAL_TOKENS} tokens, and has {self._deadline:.0f}"
            self._pause("optimizer:too-slow", speed)
        elif expected > SLOW and not self._logged:
            self._logged = "speed"
            log.info("the language model needs %.1f s for a prompt of %d tokens", expected, USUAL_TOKENS)

    def _pause(self, code: str, why: str) -> str:
        """Leave prompts to the rules for a while; the first time the reason is logged."""
        if self._logged != code:
            self._logged = code
            log.warning("rules write the prompts, the language model rests: %s", why)
        self._rest = (self._clock() + REST, code)
        return code

    def _resting(self) -> str:
        """Why the language model is not asked just now, if so."""
        until, code = self._rest
        return code if code and self._clock() < until else ""


def _is_precise(prompt: str) -> bool:
    return len(prompt.split()) > PRECISE_WORDS or len(HAN.findall(prompt)) > PRECISE_CHARACTERS


def judged(prompt: str, text: str, chinese: bool) -> tuple[str, tuple[str, ...]]:
    """Clean what a language model wrote for a prompt; return it with codes of what is wrong with it."""
    written, _ = clean(sanitize(text).text)
    denied = [term.strip() for term in optimize(prompt).negative.split(",") if term.strip()]
    codes = problems(prompt, written, denied, chinese=chinese, secret=instructions(chinese))
    return written, (*codes, *(("talk",) if is_talk(prompt, text) else ()))
