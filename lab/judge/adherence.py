"""Is a picture what its prompt asked for? Draws as the bot draws and has the judge name what is seen.

Only what the prompt says is asked for, not what it leaves at its default.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.zimage.drawing import Drawing
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures.codec import read
from engine.types import Generate, PromptReady
from lab.judge.judge import Judge, truth, truth_order
from lab.render.book.scene import BookScene
from lab.render.scene import Scene

ALWAYS = ("subject", "colour", "place", "time")
USUAL = {"weather": "clear", "style": "flat", "position": "middle", "distance": "middle"}
"""The default of what a prompt does not say."""
SECOND = ("second subject", "second colour")
PAIR = ("subject", "colour", *SECOND)
BOTH, ALL = "both subjects and colours", "every one asked for"
BATCH = 8
AS_IT_IS: dict[str, Any] = {"optimize": False, "enhance": False}
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Manner:
    """How pictures are drawn: size in pixels, steps, guidance, the share of the steps it acts on."""

    width: int
    height: int
    steps: int = 8
    cfg: float = 1.8
    share: float = 0.25


def draw(pipeline: ZImagePipeline, prompts: list[str], seeds: list[int], manner: Manner) -> list[Bytes]:
    """One picture per prompt and seed, by the pipeline the bot uses; prompts are taken as they are."""
    pipeline.guided_share = manner.share
    rest: dict[str, Any] = AS_IT_IS | {"width": manner.width, "height": manner.height}
    tasks = [
        Generate(prompt, steps=manner.steps, guidance_scale=manner.cfg, seed=seed, **rest)
        for prompt, seed in zip(prompts, seeds, strict=True)
    ]
    drawings = [pipeline.start(task, PromptReady(task.prompt, task.prompt)) for task in tasks]
    groups: dict[Hashable, list[Drawing]] = defaultdict(list)
    for drawing in drawings:
        groups[drawing.batch_key].append(drawing)
    for group in groups.values():
        for start in range(0, len(group), BATCH):
            for _ in range(manner.steps):
                pipeline.step(group[start : start + BATCH])
    return [np.asarray(read(pipeline.finish(drawing)().png)) for drawing in drawings]


def heads_for(scene: Scene) -> tuple[str, ...]:
    """The judge's questions that a scene's prompt answers."""
    stated = [name for name, usual in USUAL.items() if getattr(scene, name) != usual]
    if isinstance(scene, BookScene):
        return _heads_for_book(scene, stated)
    if scene.companion is None:
        return (*ALWAYS, *stated)
    return (*ALWAYS, *SECOND, "count", *(name for name in stated if name != "position"))


def _heads_for_book(scene: BookScene, stated: list[str]) -> tuple[str, ...]:
    """A subject's own colour is no question; a count is one where there are more."""
    first, *others = truth_order(scene)
    heads = ["subject", *["colour"] * bool(first.colour), "place", "time"]
    if scene.count > 1:
        heads.append("count")
    for other in others:
        heads += ["second subject", *["second colour"] * bool(other.colour), "relation"]
        stated = [name for name in stated if name != "position"]
    return (*heads, *stated)


def adherence(judge: Judge, pictures: list[Bytes], scenes: Sequence[Scene]) -> dict[str, float]:
    """Share of pictures that match their prompt: by head, over the prompts that name it, and in all."""
    seen = [
        {name: verdict[name] == truth(scene)[name] for name in heads_for(scene)}
        for verdict, scene in zip(judge.verdicts(pictures), scenes, strict=True)
    ]
    return shares(seen)


def shares(seen: Sequence[Mapping[str, bool]]) -> dict[str, float]:
    """Of verdicts on pictures by question: the share of right ones, of right pairs, of pictures all right."""
    names = dict.fromkeys(name for each in seen for name in each)
    found = {name: _share(each[name] for each in seen if name in each) for name in names}
    pairs = [all(each.get(name, True) for name in PAIR) for each in seen if SECOND[0] in each]
    if pairs:
        found[BOTH] = _share(pairs)
    return found | {ALL: _share(all(each.values()) for each in seen)}


def _share(right: Iterable[bool]) -> float:
    return float(np.mean(list(right)))
