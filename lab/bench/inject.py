"""How pictures with injected faults end: recovered, drawn again, refused or lost, never black.

Runs every fault through the worker's own loop and compares each picture with its undisturbed twin.
"""

import logging
import queue
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.diffusers.pipeline import GenericPipeline
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec
from engine.runtime.messages import Failed, Report, RunTask, TaskEvent
from engine.runtime.worker import Worker
from engine.types import Generate, Picture
from lab.bench.faults import FAULTS, GENERIC
from lab.judge.judge import held_out_scenes, load_judge, truth
from lab.render.scene import Scene

TASKS, SIDE, STEPS = 20, 256, 4
SAME = 2
"""Largest difference in levels of 255 between a picture with a step done again and its twin."""
ENDS = ("same", "near", "drawn anew", "refused", "lost", "black")
STRENGTH = 0.6
Array = NDArray[np.uint8]


@dataclass
class Tally:
    """What became of the runs of one fault; adherence is the share of named things the judge finds."""

    fault: str
    ends: Counter[str] = field(default_factory=Counter)
    adherence: list[float] = field(default_factory=list)
    twins: list[float] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return the figures to show."""
        row: dict[str, Any] = {"fault": self.fault, "runs": self.ends.total()}
        row |= {kind: self.ends[kind] for kind in ENDS}
        for name, values in (("adherence", self.adherence), ("of twins", self.twins)):
            row[name] = round(float(np.mean(values)), 3) if values else None
        return row


class Stage:
    """A worker on this thread, one task at a time."""

    def __init__(self, pipeline: ZImagePipeline | GenericPipeline) -> None:
        self.pipeline: Any = pipeline
        self._reports: list[Report] = []
        self._begin()

    def draw(self, task: Generate, fault: AbstractContextManager[object]) -> Picture | Failed:
        """Return how the task ended while the fault was in place; after a loss another worker goes on."""
        self._inbox.put(RunTask(0, task))
        with fault:
            is_alive = self._worker.turn()
            while is_alive and self._worker.busy:
                is_alive = self._worker.turn()
        if not is_alive:
            self._begin()
        last = self._reports[-1]
        self._reports.clear()
        if isinstance(last, TaskEvent) and isinstance(last.event, Picture):
            return last.event
        assert isinstance(last, Failed)
        return last

    def _begin(self) -> None:
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._worker: Worker[Any] = Worker(self.pipeline, self._inbox, self._reports.append)


@dataclass(frozen=True)
class Twin:
    """A task, the picture it makes undisturbed, and what the judge finds of it."""

    task: Generate
    scene: Scene
    picture: Picture
    score: float


class Twins:
    """The undisturbed pictures of a stage, drawn on first use."""

    def __init__(self, stage: Stage, scenes: Sequence[Scene]) -> None:
        self._stage = stage
        self._scenes = scenes
        self._drawn: dict[tuple[int, bool], Twin] = {}

    def of(self, which: int, from_picture: bool) -> Twin:
        """Return the twin of a scene, or of the same drawn over that one."""
        key = (which, from_picture)
        if key not in self._drawn:
            scene, start = self._scenes[which], None
            task = Generate(
                scene.prompt, width=SIDE, height=SIDE, steps=STEPS, seed=which, optimize=False, enhance=False
            )
            if from_picture:
                start = self.of(which, from_picture=False).picture.png
                task = replace(task, init_image=start, strength=STRENGTH)
            picture = self._stage.draw(task, nullcontext())
            assert isinstance(picture, Picture), picture
            self._drawn[key] = Twin(task, scene, picture, *_adherence([_levels(picture)], [scene]))
        return self._drawn[key]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep hundreds of provoked warnings out of the log."""
    engine = logging.getLogger("engine")
    level = engine.level
    engine.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        engine.setLevel(level)


@_quiet()
def inject(
    pipeline: ZImagePipeline, runs: int, seed: int = 0, generic: GenericPipeline | None = None
) -> list[dict[str, Any]]:
    """Return one row per fault and one for all; `runs` in all, spread evenly over the faults.

    With `generic`, which draws with a transformer, that pipeline's faults follow.
    """
    rng, scenes = Random(seed), held_out_scenes(min(TASKS, runs), seed=51)
    stages = [(Stage(pipeline), FAULTS)]
    if generic is not None:
        stages.append((Stage(generic), GENERIC))
    strikes = [
        (name, strike, stage, twins)
        for stage, faults in stages
        for twins in [Twins(stage, scenes)]
        for name, strike in faults.items()
    ]
    tallies = {name: Tally(name) for name, *_ in strikes}
    for run in range(runs):
        name, strike, stage, twins = strikes[run % len(strikes)]
        twin = twins.of(run // len(strikes) % len(scenes), strike.from_picture)
        _count(tallies[name], stage.draw(twin.task, strike.fault(stage.pipeline, rng)), twin)
        _untile(stage.pipeline)
    rows = [tally.row() for tally in tallies.values()]
    return [*rows, {"fault": "all"} | {key: sum(row[key] for row in rows) for key in ("runs", *ENDS)}]


def _untile(pipeline: Any) -> None:
    """Have the next pictures decoded as their twins were."""
    model = pipeline.pipe.vae if isinstance(pipeline, GenericPipeline) else pipeline.vae.model
    model.disable_tiling()


def _count(tally: Tally, end: Picture | Failed, twin: Twin) -> None:
    if isinstance(end, Failed):
        tally.ends["lost" if end.code == "lost" else "refused"] += 1
        return
    drawn = _levels(end)
    if drawn.max() < 8 or drawn.std() < 1:
        tally.ends["black"] += 1
        return
    anew = any("drawn again" in action for action in end.report["guards"])
    off = int(np.abs(drawn.astype(int) - _levels(twin.picture)).max())
    tally.ends["drawn anew" if anew else "same" if off <= SAME else "near"] += 1
    tally.adherence += _adherence([drawn], [twin.scene])
    tally.twins.append(twin.score)


def _adherence(pictures: Sequence[Array], scenes: Sequence[Scene]) -> list[float]:
    verdicts = load_judge().verdicts(list(pictures))
    return [
        float(np.mean([word == truth(scene)[head] for head, word in seen.items()]))
        for seen, scene in zip(verdicts, scenes, strict=True)
    ]


def _levels(picture: Picture) -> Array:
    return np.asarray(codec.read(picture.png))
