"""Rendered scenes on disk, rendered once: squares of 128 and 384, and every shape of the area of 256².

Only scenes of the training side of the split.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from lab.render.scene import Scene
from lab.render.scenes import CELL
from lab.render.world import SMALL_WORLD, Draw, World


@dataclass(frozen=True)
class PictureSet:
    """A set of training pictures of one size; `share` of the plan's scenes are drawn at it."""

    name: str
    width: int
    height: int
    share: float
    seed: int
    world: World = SMALL_WORLD

    def count(self, total: int) -> int:
        """How many scenes the set has where a plan has `total`."""
        return max(4, round(total * self.share))

    def scenes(self, total: int) -> list[Scene]:
        """The set's scenes; the same on every machine, longer plans only add."""
        rng = Random(self.seed)
        return [self.world.sample(rng, False) for _ in range(self.count(total))]

    def pictures(self, total: int, folder: Path) -> NDArray[np.uint8]:
        """The set's pictures (N, height, width, 3), drawn first where the file is missing."""
        draw = partial(_drawn, self.world.picture, self.width, self.height)
        return _kept(self.scenes(total), folder / f"{self.name}.npy", (self.height, self.width, 3), draw)

    def silhouettes(self, total: int, folder: Path) -> NDArray[np.uint8]:
        """Where the things of each scene stand (N, 2, height / 4, width / 4), 255 on them; as `pictures`."""
        shape = (2, self.height // CELL, self.width // CELL)
        draw = partial(_drawn, self.world.silhouettes, self.width, self.height)
        return _kept(self.scenes(total), folder / f"{self.name}-silhouettes.npy", shape, draw)


SMALL = PictureSet("small", 128, 128, 1.0, seed=20)
LARGE = (
    PictureSet("square", 256, 256, 0.30, seed=21),
    PictureSet("wide", 320, 208, 0.08, seed=22),
    PictureSet("tall", 208, 320, 0.08, seed=23),
    PictureSet("broad", 336, 192, 0.08, seed=24),
    PictureSet("high", 192, 336, 0.08, seed=25),
    PictureSet("big", 384, 384, 0.02, seed=26),
)
SETS = (SMALL, *LARGE)
BOOK_SETS = (replace(LARGE[0], share=0.6), *(replace(part, share=0.1) for part in LARGE[1:5]))
"""The picture book's: its drawings are copied by whole patches, which smaller pictures have too few of."""


def sets_of(world: World) -> tuple[PictureSet, ...]:
    """The sets of training pictures of a world; those that it begins with first."""
    return tuple(replace(part, world=world) for part in (BOOK_SETS if world.is_book else SETS))


def to_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """(N, H, W, 3) bytes to (N, 3, H, W) floats in [-1, 1], channels last."""
    floats = torch.from_numpy(np.array(pictures)).float().div_(127.5).sub_(1.0)
    return floats.permute(0, 3, 1, 2)


def _kept(
    scenes: list[Scene], path: Path, shape: tuple[int, ...], draw: Callable[[Scene], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """One array of `shape` for each scene, mapped from `path`; those that it lacks are drawn first."""
    found = np.load(path, mmap_mode="r") if path.exists() else np.empty((0, *shape), np.uint8)
    if len(found) < len(scenes):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_path = path.with_suffix(".part.npy")
        file = open_memmap(partial_path, "w+", np.uint8, (len(scenes), *shape))
        file[: len(found)] = found
        _draw_into(file[len(found) :], scenes[len(found) :], draw)
        file.flush()
        partial_path.rename(path)
        found = np.load(path, mmap_mode="r")
    arrays: NDArray[np.uint8] = found[: len(scenes)]
    return arrays


def _drawn(draw: Draw, width: int, height: int, scene: Scene) -> NDArray[np.uint8]:
    return draw(scene, width, height)


def _draw_into(
    file: NDArray[np.uint8], scenes: list[Scene], draw: Callable[[Scene], NDArray[np.uint8]]
) -> None:
    if len(scenes) < 200:
        for index, scene in enumerate(scenes):
            file[index] = draw(scene)
        return
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for index, picture in enumerate(pool.map(draw, scenes, chunksize=50)):
            file[index] = picture
