"""Rendered scenes on disk, made once and kept.

Knows which scenes training sees: only those of the training side of the split.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray

from engine.embedded.scenes import render_array
from engine.embedded.world import Scene, sample_scene

DATA_SEED = 20


def training_scenes(count: int) -> list[Scene]:
    """The first `count` training scenes; the same on every machine."""
    rng = Random(DATA_SEED)
    return [sample_scene(rng) for _ in range(count)]


def rendered(scenes: list[Scene], path: Path, size: int = 128) -> NDArray[np.uint8]:
    """Pictures of `scenes`, (N, size, size, 3), read from `path` and drawn first where it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_path = path.with_suffix(".part.npy")
        np.save(partial_path, _render_all(scenes, size))
        partial_path.rename(path)
    pictures: NDArray[np.uint8] = np.load(path)
    if len(pictures) != len(scenes):
        raise ValueError(f"{path} holds {len(pictures)} pictures, not {len(scenes)}; delete the file")
    return pictures


def to_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """(N, H, W, 3) bytes to (N, 3, H, W) floats in [-1, 1], channels last."""
    floats = torch.from_numpy(np.ascontiguousarray(pictures)).float().div_(127.5).sub_(1.0)
    return floats.permute(0, 3, 1, 2)


def _render_all(scenes: list[Scene], size: int) -> NDArray[np.uint8]:
    if len(scenes) < 500:
        return np.stack([render_array(scene, size) for scene in scenes])
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return np.stack(list(pool.map(partial(render_array, size=size), scenes, chunksize=200)))
