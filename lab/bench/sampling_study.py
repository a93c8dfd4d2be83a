"""Schedules, steps and reuse compared: every way of sampling on the same prompts and seeds, by figures.

Adherence is the share of the prompt's items that the embedded model's judge finds; distance is to the
undistilled model with 50 static steps, guided as for distillation; sharpness is the variance of the Laplacian
relative to that.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.models.zimage.components import Components
from engine.models.zimage.drawing import Drawing
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec
from engine.sampling.reuse import middle
from engine.sampling.steps import SamplingOptions
from engine.types import Generate, PromptReady
from lab.evaluate.prompts import GRADES, graded
from lab.judge.adherence import heads_for
from lab.judge.judge import load_judge, truth
from lab.render.captions import caption
from lab.render.scene import Scene
from lab.train.train_distill import GUIDANCE

SIDE, BATCH, CFG, TEACHER_STEPS = 256, 8, 1.8, 50
DYNAMIC = SamplingOptions(is_dynamic=True)
METHODS: dict[str, tuple[SamplingOptions, int, bool]] = {
    **{f"static, {steps} steps": (SamplingOptions(), steps, False) for steps in (4, 5, 6, 7, 8)},
    **{f"dynamic, {steps} steps": (DYNAMIC, steps, False) for steps in (4, 6, 8)},
    "automatic steps": (SamplingOptions(), 8, True),
    "dynamic, automatic steps": (DYNAMIC, 8, True),
    "reuse balanced, 8 steps": (SamplingOptions(reuse="balanced"), 8, False),
    "reuse fast, 8 steps": (SamplingOptions(reuse="fast"), 8, False),
}
"""The sampling options, the steps of the task, and whether the prompt chooses how many of them are made."""
NOUN = ("subject", "colour")
Array = NDArray[np.uint8]


@dataclass(frozen=True)
class Question:
    """A prompt of one grade, and what the judge must find: `names` are the judge's heads that count."""

    grade: str
    prompt: str
    seed: int
    scene: Scene
    names: tuple[str, ...]


def sampling_study(
    pipeline: ZImagePipeline, prompts: int, teacher: Components | None = None
) -> list[dict[str, Any]]:
    """Return a row per method, over so many prompts in three grades of complexity.

    `teacher` is the model before its distillation, whose guided pictures are the ideal; else those of the
    same model, with the same guidance, are.
    """
    questions = questions_of(prompts)
    share, cfg = (1.0, GUIDANCE) if teacher else (pipeline.guided_share, CFG)
    ideal_pipeline = ZImagePipeline(teacher or pipeline.components, share, pipeline.speed)
    ideal, cost = _drawn(ideal_pipeline, questions, TEACHER_STEPS, cfg=cfg)
    rows = [_row(f"teacher, {TEACHER_STEPS} steps", questions, ideal, ideal, cost)]
    for name, (options, steps, fast) in METHODS.items():
        own = ZImagePipeline(pipeline.components, pipeline.guided_share, pipeline.speed, options)
        pictures, cost = _drawn(own, questions, steps, fast)
        rows.append(_row(name, questions, pictures, ideal, cost))
    return rows


def questions_of(count: int) -> list[Question]:
    """Prompts of held-out scenes: a subject in its colour; one with a clause more; two whole subjects."""
    rng = Random(77)
    scenes = {grade: graded(grade, -(-count // len(GRADES)), 77) for grade in GRADES}
    turns = [(GRADES[i % len(GRADES)], i // len(GRADES)) for i in range(count)]
    return [_question(grade, scenes[grade][turn], i, rng) for i, (grade, turn) in enumerate(turns)]


def _question(grade: str, scene: Scene, seed: int, rng: Random) -> Question:
    if grade == "plain":
        return Question(grade, scene.things[0].noun, seed, scene, NOUN)
    prompt = scene.prompt if grade == "clause" else caption(scene, rng, complete=True)
    return Question(grade, prompt, seed, scene, heads_for(scene))


@torch.inference_mode()
def _drawn(
    pipeline: ZImagePipeline, questions: Sequence[Question], steps: int, fast: bool = False, cfg: float = CFG
) -> tuple[list[Array], float]:
    """Return the pictures and what they cost on average, in forwards; a forward's share for reused blocks."""
    tasks = [(_task(one, steps, fast, cfg), PromptReady(one.prompt, one.prompt)) for one in questions]
    drawings = [pipeline.start(task, ready) for task, ready in tasks]
    groups: dict[Hashable, list[Drawing]] = defaultdict(list)
    for drawing in drawings:
        groups[(drawing.steps, drawing.batch_key)].append(drawing)
    for group in groups.values():
        for start in range(0, len(group), BATCH):
            for _ in range(group[0].steps):
                pipeline.step(group[start : start + BATCH])
    saved = _saving(pipeline)
    cost = np.mean([drawing.forwards - saved * len(drawing.reuse.steps) for drawing in drawings])
    pictures = [np.asarray(codec.read(pipeline.finish(drawing)().png)) for drawing in drawings]
    return pictures, float(cost)


def _saving(pipeline: ZImagePipeline) -> float:
    """Return the share of a forward that a step saves that reuses the middle blocks."""
    blocks = len(pipeline.components.transformer.layers)
    first, last = middle(blocks)
    return (last - first) / (blocks + len(pipeline.components.transformer.noise_refiner))


def _row(
    name: str, questions: Sequence[Question], pictures: Sequence[Array], ideal: Sequence[Array], cost: float
) -> dict[str, Any]:
    found = load_judge().verdicts(list(pictures))
    right: dict[str, list[float]] = defaultdict(list)
    for i, one in enumerate(questions):
        right[one.grade].append(
            float(np.mean([found[i][head] == truth(one.scene)[head] for head in one.names]))
        )
    distance = np.mean([np.abs(a.astype(float) - b).mean() for a, b in zip(pictures, ideal, strict=True)])
    sharpness = np.mean([_sharpness(a) for a in pictures]) / np.mean([_sharpness(b) for b in ideal])
    return {
        "method": name,
        "forwards": round(cost, 2),
        **{grade: round(float(np.mean(right[grade])), 3) for grade in GRADES},
        "distance": round(float(distance), 2),
        "sharpness": round(float(sharpness), 3),
    }


def _sharpness(picture: Array) -> float:
    grey = picture.astype(float).mean(axis=2)
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((4 * inner - around).var())


def _task(one: Question, steps: int, fast: bool, cfg: float) -> Generate:
    return Generate(
        one.prompt,
        width=SIDE,
        height=SIDE,
        steps=steps,
        guidance_scale=cfg,
        seed=one.seed,
        optimize=False,
        enhance=False,
        fast=fast,
    )
