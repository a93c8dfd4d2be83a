"""Many pictures in a row in one precision: are any of them black, and what did the guards have to do?

In float16 the weights are scaled first, exactly and without changing what the model computes, until the stock
forward overflows, as the real model does on cards without bfloat16.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.models.zimage.components import Components
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec
from engine.types import EngineError, Generate, PromptReady
from lab.judge.judge import held_out_scenes

SIDE, STEPS = 64, 4
GROWTH = 2.0**11
"""What the value paths of float16 weights are multiplied by; the norms behind them undo it."""


def black_check(components: Components, dtype: torch.dtype, count: int) -> dict[str, Any]:
    """Draw `count` pictures with `components`, read in float32 and converted here; count how they ended."""
    pipeline = ZImagePipeline(converted(components, dtype))
    ends: Counter[str] = Counter()
    for seed, scene in enumerate(held_out_scenes(count, seed=91)):
        task = Generate(scene.prompt, width=SIDE, height=SIDE, steps=STEPS, seed=seed)
        drawing = pipeline.start(task, PromptReady(scene.prompt, scene.prompt))
        while drawing.step < drawing.steps:
            pipeline.step([drawing])
        try:
            picture = pipeline.finish(drawing)()
        except EngineError:
            ends["refused"] += 1
            continue
        levels = np.asarray(codec.read(picture.png))
        ends["black" if levels.max() < 8 or levels.std() < 1 else "drawn"] += 1
        ends["with a guard's help"] += bool(picture.report["guards"])
    kinds = ("drawn", "black", "refused", "with a guard's help")
    return {
        "dtype": str(dtype).removeprefix("torch."),
        "stock forward is finite": is_stock_finite(pipeline.components),
        **{kind: ends[kind] for kind in kinds},
    }


def converted(components: Components, dtype: torch.dtype) -> Components:
    """Return `components` in `dtype`, the weights grown where that is float16; the text encoder stays."""
    if dtype == torch.float16:
        model = components.transformer
        for block in (*model.context_refiner, *model.noise_refiner, *model.layers):
            block.feed_forward.w3.weight.data *= GROWTH
    for module in (components.transformer, components.vae):
        nn.Module.to(module, dtype)
    return replace(components, dtype=dtype)


@torch.inference_mode()
def is_stock_finite(components: Components) -> bool:
    """Whether one stock forward on noise at these weights is finite."""
    model = components.transformer
    latents = torch.randn((16, 1, SIDE // 8, SIDE // 8), generator=torch.Generator().manual_seed(1))
    caption = torch.randn((20, model.config.cap_feat_dim), generator=torch.Generator().manual_seed(2))
    time = torch.tensor([0.5])
    found = model([latents.to(model.dtype)], time, [caption.to(model.dtype)], return_dict=False)[0]
    return bool(torch.isfinite(found[0]).all())
