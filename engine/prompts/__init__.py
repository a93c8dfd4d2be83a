"""Prompts: made safe, optimized, enhanced and given a negative prompt, in Chinese and English.

Rules by default, a language model where one is handed in; no torch here. Word lists are read at first use.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from engine.embedded.vocabulary import World, embedded_world, world_in, world_of
from engine.prompts.complete.enhance import enhance
from engine.prompts.complete.negatives import merged, negatives
from engine.prompts.complete.optimize import ENGLISH, Target, optimize
from engine.prompts.complete.prepare import completed, in_other_words, refusing
from engine.prompts.llm.fallback import DEADLINE, PATIENCE, RewriterWithFallback
from engine.prompts.llm.writer import Writer
from engine.prompts.small_world.surroundings import surroundings
from engine.prompts.text.sanitize import Rewritten, sanitize
from engine.types import EngineSettings, Generate, ModelProfile, Optimize, PromptReady

__all__ = [
    "Optimizer", "Rewritten", "Target", "World", "Writer", "embedded_world", "enhance", "merged", "negatives",
    "optimize", "ruled", "sanitize", "world_in", "world_of",
]  # fmt: skip


class Optimizer:
    """Prepares prompts for one model: sanitize, optimize, enhance, negatives, in this order.

    `world` is what a limited model knows: rules alone write for it. `language` writes for a model that draws
    anything, within `deadline` seconds of computing and `patience` by the clock, in the language of
    `target`. `usual` are terms that every guided and enhanced picture of this model has in its
    negative prompt. Where there are none and nothing is refused, a picture of the guidance scale `spared` is
    written for without guidance.
    """

    def __init__(
        self,
        world: World | None = None,
        language: Writer | None = None,
        *,
        deadline: float = DEADLINE,
        patience: float = PATIENCE,
        target: Target = ENGLISH,
        usual: Sequence[str] = (),
        spared: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._world = world
        self._target = target
        self._usual = usual
        self._spared = spared
        self._rewriter = (
            RewriterWithFallback(language, deadline=deadline, patience=patience, clock=clock)
            if language is not None and world is None
            else None
        )

    def release_memory(self, out_of_memory: bool = False) -> bool:
        """Have the language model make room for a picture; return whether it freed anything."""
        return self._rewriter is not None and self._rewriter.release_memory(out_of_memory)

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

        The person's own negative prompt comes first in the result's. Close the generator to give the work up.
        """
        if isinstance(task, Generate) and task.edit:
            # An instruction is no description: nothing is rewritten, added or translated.
            clean = sanitize(task.prompt)
            return PromptReady(task.original or task.prompt, clean.text, task.negative_prompt, clean.notes)
        optimized = isinstance(task, Optimize) or task.optimize
        ready, negative = sanitize(task.prompt), task.negative_prompt
        if optimized:
            written = yield from self._optimized(task)
            ready, negative = refusing(written, negative, self._world, task.locale), ""
        unguided = {1.0} if ready.negative or negative or self._usual else {1.0, self._spared}
        done = completed(
            ready,
            task.prompt,
            self._world,
            negative=negative,
            enhanced=task.enhance and (isinstance(task, Generate) or self._world is None),
            guided=isinstance(task, Optimize) or task.guidance_scale not in unguided,
            wording=task.wording,
            usual=self._usual,
        )
        if optimized:
            done = in_other_words(done, self._world, task.wording)
        if self._world and isinstance(task, Generate) and task.mask in ("around", "beside"):
            done = replace(done, text=surroundings(done.text, self._world, task.mask == "around"))
        if isinstance(task, Optimize):
            return PromptReady(task.prompt, done.text, ready.negative, done.notes)
        return PromptReady(task.original or task.prompt, done.text, done.negative, done.notes)

    def _optimized(self, task: Generate | Optimize) -> Generator[None, None, Rewritten]:
        """The prompt rewritten."""
        ruled = optimize(task.prompt, self._world, self._target, task.locale)
        if self._rewriter is None:
            return ruled
        return (yield from self._rewriter.rewrite(task.prompt, ruled, task.wording, self._target))


def ruled(settings: EngineSettings, profile: ModelProfile, folder: Path | None = None) -> Optimizer | None:
    """Return what prepares prompts for the model in `folder` where rules alone do; else None."""
    if folder and (world := world_in(folder)):
        return Optimizer(world)
    if settings.optimizer != "rules":
        return None
    return Optimizer(target=Target(settings.prompt_language, "zh" in profile.reads), usual=profile.negatives)
