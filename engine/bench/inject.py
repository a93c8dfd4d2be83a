"""What becomes of pictures into which faults are put: recovered, drawn anew or refused, and never black.

Runs every fault through the worker's own loop and compares each picture with its undisturbed twin. Knows
nothing of how a fault is made or mended.
"""

import logging
import queue
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import pixels
from engine.bench.faults import FAULTS
from engine.embedded.judge import held_out_scenes, load_judge, truth
from engine.embedded.scene import Scene
from engine.messages import Emitted, Failed, Report, Take
from engine.types import Generate, Picture
from engine.worker import Worker
from engine.zimage.pipeline import ZImagePipeline

TASKS, SIDE, STEPS = 20, 128, 4
SAME = 2
"""Largest difference in levels of 255 between a picture with a step done again and its twin."""
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
        kinds = ("same", "near", "drawn anew", "refused", "black")
        shown: dict[str, Any] = {"fault": self.fault, "runs": self.ends.total()}
        shown |= {kind: self.ends[kind] for kind in kinds}
        for name, values in (("adherence", self.adherence), ("of twins", self.twins)):
            shown[name] = round(float(np.mean(values)), 3) if values else None
        return shown


class Stage:
    """A worker on this thread, one task at a time."""

    def __init__(self, pipeline: ZImagePipeline) -> None:
        self.pipeline = pipeline
        self._reports: list[Report] = []
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._worker = Worker(pipeline, self._inbox, self._reports.append)
        self._number = 0

    def draw(self, task: Generate, fault: AbstractContextManager[None]) -> Picture | Failed:
        """Return how the task ended while the fault was in place."""
        self._number += 1
        self._inbox.put(Take(self._number, task))
        with fault:
            self._worker.turn()
            while self._worker.busy:
                self._worker.turn()
        last = self._reports[-1]
        self._reports.clear()
        if isinstance(last, Emitted) and isinstance(last.event, Picture):
            return last.event
        assert isinstance(last, Failed)
        return last


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
def inject(pipeline: ZImagePipeline, runs: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return one row per fault and one for all; `runs` in all, spread evenly over the faults."""
    rng, stage = Random(seed), Stage(pipeline)
    scenes = held_out_scenes(min(TASKS, runs), seed=51)
    twins = [_levels(_picture(stage.draw(_task(scene, i), nullcontext()))) for i, scene in enumerate(scenes)]
    scores = _adherence(twins, scenes)
    tallies = {name: Tally(name) for name in FAULTS}
    for run, name in zip(range(runs), _endless(list(FAULTS)), strict=False):
        which = run // len(FAULTS) % len(scenes)
        end = stage.draw(_task(scenes[which], which), FAULTS[name](pipeline, rng))
        _count(tallies[name], end, twins[which], scenes[which], scores[which])
        pipeline.vae.model.disable_tiling()
    rows = [tally.row() for tally in tallies.values()]
    return [*rows, _sum(rows)]


def _count(tally: Tally, end: Picture | Failed, twin: Array, scene: Scene, score: float) -> None:
    if isinstance(end, Failed):
        tally.ends["refused"] += 1
        return
    drawn = _levels(end)
    if drawn.max() < 8 or drawn.std() < 1:
        tally.ends["black"] += 1
        return
    anew = any("drawn again" in action for action in end.report["guards"])
    off = int(np.abs(drawn.astype(int) - twin).max())
    tally.ends["drawn anew" if anew else "same" if off <= SAME else "near"] += 1
    tally.adherence += _adherence([drawn], [scene])
    tally.twins.append(score)


def _adherence(pictures: Sequence[Array], scenes: Sequence[Scene]) -> list[float]:
    verdicts = load_judge().verdicts(list(pictures))
    return [
        float(np.mean([word == truth(scene)[head] for head, word in seen.items()]))
        for seen, scene in zip(verdicts, scenes, strict=True)
    ]


def _task(scene: Scene, seed: int) -> Generate:
    return Generate(
        scene.prompt, width=SIDE, height=SIDE, steps=STEPS, seed=seed, optimize=False, enhance=False
    )


def _picture(end: Picture | Failed) -> Picture:
    assert isinstance(end, Picture), end
    return end


def _levels(picture: Picture) -> Array:
    return np.asarray(pixels.read(picture.png))


def _endless(names: list[str]) -> Iterator[str]:
    while True:
        yield from names


def _sum(rows: list[dict[str, Any]]) -> dict[str, Any]:
    keys = ("runs", "same", "near", "drawn anew", "refused", "black")
    return {"fault": "all"} | {key: sum(row[key] for row in rows) for key in keys}
